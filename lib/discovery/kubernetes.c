#include "lib/base/log.h"
#include "lib/discovery/kube_access.h"
#include "lib/discovery/kube_groups.h"
#include "lib/discovery/kube_watch.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/timer.h"

/*
 * kubernetes_sd_configs: watches of what the role needs, in each namespace, and a group for each object of
 * the role's own resource.
 *
 *     role endpoints: watch endpoints ---> group of that object, at once
 *                     watch pods, services, nodes, namespaces ---> dirty; a second later the groups of the
 *                                                                  endpoints that refer to what is dirty
 *
 * No group goes out before everything was listed once, so none is made of half of what it needs.
 */

#define REBUILD_MS 1000
#define MIN_BACKOFF_MS 1000
#define URL_MAX_BYTES ((size_t)16 << 10)

static const struct {
    const char *name, *prefix, *plural; /* name: of selectors, metrics and roles */
    bool is_namespaced;
} resources[KUBE_RESOURCE_COUNT] = {
    [KUBE_NODE] = {"node", "/api/v1", "nodes", false},
    [KUBE_POD] = {"pod", "/api/v1", "pods", true},
    [KUBE_SERVICE] = {"service", "/api/v1", "services", true},
    [KUBE_ENDPOINTS] = {"endpoints", "/api/v1", "endpoints", true},
    [KUBE_ENDPOINTSLICE] = {"endpointslice", "/apis/discovery.k8s.io/v1", "endpointslices", true},
    [KUBE_INGRESS] = {"ingress", "/apis/networking.k8s.io/v1", "ingresses", true},
    [KUBE_NAMESPACE] = {"namespace", "/api/v1", "namespaces", false},
};

struct watched {
    struct kube_watch *watch;
    enum kube_resource resource;
    bool is_listed;
};

struct kubernetes {
    struct provider *provider;
    struct kube_access access; /* url NULL: not open yet */
    struct loop_timer *opener, *rebuilder;
    enum kube_resource role;
    struct kube_view view;
    struct kube_store stores[KUBE_RESOURCE_COUNT];
    VEC(struct watched) watches;
    VEC(uint64_t) dirty; /* hashes of resource and key ... */
    struct map is_dirty; /* ... and whether one is there */
    bool is_synced;
    struct counter *failures, *events[KUBE_RESOURCE_COUNT][3];
};

enum { EVENT_ADD, EVENT_UPDATE, EVENT_DELETE };

/* ---- groups ---- */

static void build(struct kubernetes *k, const struct kube_object *object) {
    struct target_group *group;
    struct err err = {0};
    if (kube_group(k->role, object, &k->view, &group, &err) == 0)
        provider_put(k->provider, group);
    else
        LOG(LOG_ERROR, "an object was left out", "discovery", "kubernetes", "config", k->provider->set,
            "object", log_text("%.*s", SPAN_ARG(object->key)), "err", err.text);
}

static void remove_group(struct kubernetes *k, struct span key) {
    struct buf source;
    buf_init(&source, key.len + 32);
    kube_put_source(&source, k->role, key);
    provider_remove(k->provider, buf_view(&source));
    buf_release(&source);
}

static uint64_t dirty_hash(enum kube_resource resource, struct span namespace, struct span name) {
    uint64_t hash = hash_mix(hash_bytes_keyed(name.ptr, name.len), resource);
    return hash_mix(hash, namespace.len ? hash_bytes_keyed(namespace.ptr, namespace.len) : 0);
}

static bool hash_equal(uint32_t index, const void *key, const void *context) {
    const struct kubernetes *k = context;
    return k->dirty.items[index] == *(const uint64_t *)key;
}

static bool is_marked(const struct kubernetes *k, uint64_t hash) {
    return map_find(&k->is_dirty, hash, &hash, hash_equal, k) != MAP_NONE;
}

static void mark_dirty(struct kubernetes *k, enum kube_resource resource, struct span key) {
    size_t slash = span_find_byte(key, '/', 0);
    bool has_namespace = slash < key.len;
    struct span namespace = span_of(key.ptr, has_namespace ? slash : 0);
    struct span name = has_namespace ? span_of(key.ptr + slash + 1, key.len - slash - 1) : key;
    uint64_t hash = dirty_hash(resource, namespace, name);
    if (is_marked(k, hash)) return;
    *vec_push(&k->dirty) = hash;
    map_insert(&k->is_dirty, hash, (uint32_t)(k->dirty.count - 1));
    if (!loop_timer_is_set(k->rebuilder)) loop_timer_set(k->rebuilder, REBUILD_MS);
}

struct asking {
    const struct kubernetes *k;
    bool is_affected;
};

static void look_at(enum kube_resource resource, struct span namespace, struct span name, void *context) {
    struct asking *asking = context;
    if (name.len) asking->is_affected |= is_marked(asking->k, dirty_hash(resource, namespace, name));
}

static void rebuild(void *context) {
    struct kubernetes *k = context;
    const struct kube_store *own = &k->stores[k->role];
    for (size_t i = 0; i < own->all.count; i++) {
        struct asking asking = {k, false};
        kube_references(k->role, own->all.items[i]->root, look_at, &asking);
        if (asking.is_affected) build(k, own->all.items[i]);
    }
    k->dirty.count = 0;
    map_release(&k->is_dirty);
    provider_spoke(k->provider);
}

/* ---- events ---- */

static struct watched *find_watched(struct kubernetes *k, const struct kube_watch *watch) {
    size_t i = 0;
    while (k->watches.items[i].watch != watch) i++;
    return &k->watches.items[i];
}

static void changed(struct kubernetes *k, enum kube_resource resource, struct span key,
                    const struct kube_object *object) {
    if (!k->is_synced) return;
    if (resource != k->role) {
        mark_dirty(k, resource, key);
        return;
    }
    if (object)
        build(k, object);
    else
        remove_group(k, key);
    provider_spoke(k->provider);
}

static void on_put(struct kube_watch *watch, const struct ynode *root, uint64_t generation, void *context) {
    struct kubernetes *k = context;
    enum kube_resource resource = find_watched(k, watch)->resource;
    struct kube_object *object = kube_object_create(root);
    if (!object) return;
    object->owner = watch;
    object->generation = generation;
    struct kube_object *before = kube_store_put(&k->stores[resource], object);
    provider_count(k->events[resource][before ? EVENT_UPDATE : EVENT_ADD]);
    bool is_same = before && before->hash == object->hash;
    kube_object_destroy(before);
    if (!is_same) changed(k, resource, object->key, object);
}

static void drop(struct kubernetes *k, enum kube_resource resource, struct span key) {
    struct kube_object *gone = kube_store_take(&k->stores[resource], key);
    if (!gone) return;
    provider_count(k->events[resource][EVENT_DELETE]);
    changed(k, resource, gone->key, NULL);
    kube_object_destroy(gone);
}

static void on_removed(struct kube_watch *watch, const struct ynode *root, void *context) {
    struct kubernetes *k = context;
    struct kube_object *named = kube_object_create(root);
    if (named) drop(k, find_watched(k, watch)->resource, named->key);
    kube_object_destroy(named);
}

static void sync_if_complete(struct kubernetes *k) {
    const struct kube_store *own = &k->stores[k->role];
    for (size_t i = 0; i < k->watches.count; i++)
        if (!k->watches.items[i].is_listed) return;
    if (k->is_synced) return;
    k->is_synced = true;
    for (size_t i = 0; i < own->all.count; i++) build(k, own->all.items[i]);
    provider_spoke(k->provider);
}

static void on_listed(struct kube_watch *watch, uint64_t generation, void *context) {
    struct kubernetes *k = context;
    struct watched *watched = find_watched(k, watch);
    struct kube_store *store = &k->stores[watched->resource];
    for (size_t i = store->all.count; i-- > 0;) { /* from behind: drop puts the last in the gap */
        const struct kube_object *object = store->all.items[i];
        if (object->owner == watch && object->generation < generation)
            drop(k, watched->resource, object->key);
    }
    watched->is_listed = true;
    sync_if_complete(k);
}

static void on_failed(struct kube_watch *watch, const struct err *err, void *context) {
    struct kubernetes *k = context;
    (void)watch;
    provider_count(k->failures);
    provider_failed(k->provider, err);
}

static const struct http_client_config *client_config(void *context) {
    const struct kubernetes *k = context;
    const struct kubernetes_sd_config *config = k->provider->config;
    return config->api_server ? &config->http : &k->access.http;
}

static const struct kube_watch_events watch_events = {on_put, on_removed, on_listed, on_failed,
                                                      client_config};

/* ---- starting ---- */

static void add_watch(struct kubernetes *k, enum kube_resource resource, const char *namespace) {
    const struct kubernetes_sd_config *config = k->provider->config;
    struct kube_watch_options options = {.min_backoff_ms = MIN_BACKOFF_MS};
    int64_t retry_ms = k->provider->shared->options->retry_ms;
    struct buf url;
    if (retry_ms < options.min_backoff_ms) options.min_backoff_ms = retry_ms;
    for (size_t i = 0; i < config->selectors.count; i++) {
        if (strcmp(config->selectors.items[i].role, resources[resource].name) != 0) continue;
        options.label_selector = config->selectors.items[i].label;
        options.field_selector = config->selectors.items[i].field;
    }
    buf_init(&url, URL_MAX_BYTES);
    buf_printf(&url, "%s%s", k->access.url, resources[resource].prefix);
    if (namespace) buf_printf(&url, "/namespaces/%s", namespace);
    buf_printf(&url, "/%s", resources[resource].plural);
    options.url = buf_text(&url);
    struct kube_watch *watch = kube_watch_create(k->provider->shared, &options, &watch_events, k);
    *vec_push(&k->watches) = (struct watched){watch, resource, false};
    buf_release(&url);
}

static void add_watches(struct kubernetes *k, enum kube_resource resource) {
    const struct kubernetes_sd_config *config = k->provider->config;
    const struct kubernetes_namespaces_config *namespaces = config->namespaces;
    size_t count = namespaces ? namespaces->names.count : 0;
    if (!resources[resource].is_namespaced || (!count && !k->access.own_namespace)) {
        add_watch(k, resource, NULL);
        return;
    }
    for (size_t i = 0; i < count; i++) add_watch(k, resource, namespaces->names.items[i]);
    if (k->access.own_namespace) add_watch(k, resource, k->access.own_namespace);
}

static void open_access(void *context) {
    struct kubernetes *k = context;
    const struct kubernetes_sd_config *config = k->provider->config;
    const struct discovery_options *options = k->provider->shared->options;
    struct err err = {0};
    if (kube_access_open(config, options->service_account, &k->access, &err)) {
        provider_count(k->failures);
        provider_failed(k->provider, &err);
        loop_timer_set(k->opener, options->retry_ms);
        return;
    }
    add_watches(k, k->role);
    if (k->role == KUBE_ENDPOINTS || k->role == KUBE_ENDPOINTSLICE) {
        add_watches(k, KUBE_SERVICE);
        add_watches(k, KUBE_POD);
    }
    if (k->view.with_nodes) add_watches(k, KUBE_NODE);
    if (k->view.with_namespaces) add_watches(k, KUBE_NAMESPACE);
}

static void create_metrics(struct kubernetes *k) {
    static const char *const events[] = {"add", "update", "delete"};
    struct registry *registry = k->provider->shared->registry;
    k->failures = provider_counter(k->provider, 0);
    for (size_t i = 0; registry && i < KUBE_RESOURCE_COUNT; i++)
        for (size_t e = 0; e < 3; e++)
            k->events[i][e] = registry_counter(
                registry, "prometheus_sd_kubernetes_events_total", "Objects that came, changed and went.",
                (const char *[]){"role", resources[i].name, "event", events[e], NULL});
}

static enum kube_resource role_of(const char *name) {
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++)
        if (strcmp(resources[i].name, name) == 0) return (enum kube_resource)i;
    return KUBE_POD; /* the configuration has checked it */
}

static void *start(struct provider *provider) {
    const struct kubernetes_sd_config *config = provider->config;
    struct kubernetes *k = mem_zalloc(sizeof *k);
    k->provider = provider;
    k->role = role_of(config->role);
    k->view.stores = k->stores;
    k->view.with_nodes = config->attach_metadata && config->attach_metadata->node &&
                         (k->role == KUBE_POD || k->role == KUBE_ENDPOINTS || k->role == KUBE_ENDPOINTSLICE);
    k->view.with_namespaces =
        config->attach_metadata && config->attach_metadata->namespace && k->role != KUBE_NODE;
    create_metrics(k);
    k->opener = loop_timer_create(provider->shared->loop, open_access, k);
    k->rebuilder = loop_timer_create(provider->shared->loop, rebuild, k);
    loop_timer_set(k->opener, 0);
    return k;
}

static void stop(void *state) {
    struct kubernetes *k = state;
    for (size_t i = 0; i < k->watches.count; i++) kube_watch_destroy(k->watches.items[i].watch);
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++) kube_store_release(&k->stores[i]);
    vec_release(&k->watches);
    vec_release(&k->dirty);
    map_release(&k->is_dirty);
    loop_timer_destroy(k->opener);
    loop_timer_destroy(k->rebuilder);
    if (k->access.url) kube_access_close(&k->access);
    mem_free(k);
}

const struct provider_kind kubernetes_kind = {
    .name = "kubernetes",
    .start = start,
    .stop = stop,
    .counters = {{"prometheus_sd_kubernetes_failures_total", "Requests to the API server that failed."}}};
