#include "lib/discovery/kube_object.h"

#include "lib/base/hash.h"

/* what is kept, at any depth; below `whole` keys everything is */
static const char *const kept_keys[] = {
    "metadata",
    "name",
    "namespace",
    "uid",
    "ownerReferences",
    "kind",
    "controller",
    "spec",
    "nodeName",
    "providerID",
    "containers",
    "initContainers",
    "image",
    "ports",
    "containerPort",
    "protocol",
    "port",
    "appProtocol",
    "type",
    "clusterIP",
    "externalName",
    "loadBalancerIP",
    "ingressClassName",
    "rules",
    "host",
    "http",
    "paths",
    "path",
    "tls",
    "hosts",
    "status",
    "podIP",
    "hostIP",
    "phase",
    "conditions",
    "ready",
    "serving",
    "terminating",
    "containerID",
    "containerStatuses",
    "addresses",
    "address",
    "kubeletEndpoint",
    "Port",
    "initContainerStatuses",
    "daemonEndpoints",
    "subsets",
    "notReadyAddresses",
    "ip",
    "hostname",
    "targetRef",
    "addressType",
    "endpoints",
    "zone",
};
static const char *const whole_keys[] = {"labels", "annotations", "deprecatedTopology"};

static bool is_one_of(struct span key, const char *const *keys, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (span_is(key, keys[i])) return true;
    return false;
}

static bool is_whole(struct span key) {
    return is_one_of(key, whole_keys, sizeof whole_keys / sizeof *whole_keys);
}

static bool is_kept(struct span key) {
    return is_one_of(key, kept_keys, sizeof kept_keys / sizeof *kept_keys) || is_whole(key);
}

/*
 * Two passes with the same steps: without memory they measure, with memory they copy. Nodes stand in front,
 * texts behind them.
 */
struct copier {
    char *nodes, *texts; /* NULL: measuring */
    size_t node_bytes, text_bytes;
    uint64_t hash;
};

static void *take(struct copier *c, size_t bytes) {
    void *place = c->nodes ? c->nodes + c->node_bytes : NULL;
    c->node_bytes += bytes; /* every part is a multiple of 8 */
    return place;
}

static struct span copy_text(struct copier *c, struct span text) {
    struct span copy = {c->texts ? c->texts + c->text_bytes : NULL, text.len};
    if (c->texts && text.len) memcpy(c->texts + c->text_bytes, text.ptr, text.len);
    if (!c->texts) c->hash = hash_mix(c->hash, hash_bytes(text.ptr, text.len));
    c->text_bytes += text.len;
    return copy;
}

static void hash_shape(struct copier *c, enum ynode_kind kind, uint32_t count) {
    if (!c->nodes) c->hash = hash_mix(c->hash, (uint64_t)kind << 32 | count);
}

static const struct ynode *copy_node(struct copier *c, const struct ynode *from, bool whole);

static void copy_list(struct copier *c, const struct ynode *from, struct ynode *node, bool whole) {
    hash_shape(c, YNODE_LIST, from->count);
    const struct ynode **items = take(c, from->count * sizeof *items);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct ynode *item = copy_node(c, from->items[i], whole);
        if (items) items[i] = item;
    }
    if (!node) return;
    node->items = items;
    node->count = from->count;
}

static void copy_map(struct copier *c, const struct ynode *from, struct ynode *node, bool whole) {
    uint32_t count = 0, used = 0;
    for (uint32_t i = 0; i < from->count; i++) count += whole || is_kept(from->entries[i].key->text);
    hash_shape(c, YNODE_MAP, count);
    struct yentry *entries = take(c, count * sizeof *entries);
    for (uint32_t i = 0; i < from->count; i++) {
        struct span key = from->entries[i].key->text;
        if (!whole && !is_kept(key)) continue;
        struct yentry entry;
        entry.key = copy_node(c, from->entries[i].key, true);
        entry.value = copy_node(c, from->entries[i].value, whole || is_whole(key));
        if (entries) entries[used++] = entry;
    }
    if (!node) return;
    node->entries = entries;
    node->count = count;
}

static const struct ynode *copy_node(struct copier *c, const struct ynode *from, bool whole) {
    struct ynode *node = take(c, sizeof *node);
    if (node) *node = (struct ynode){.kind = from->kind, .is_plain = from->is_plain};
    if (from->kind == YNODE_SCALAR) {
        struct span text = copy_text(c, from->text);
        if (node) node->text = text;
    } else if (from->kind == YNODE_LIST) {
        copy_list(c, from, node, whole);
    } else {
        copy_map(c, from, node, whole);
    }
    return node;
}

_Static_assert(sizeof(struct ynode) % 8 == 0 && sizeof(struct kube_object) % 8 == 0, "parts stay aligned");

static void write_key(char *out, struct span namespace, struct span name) {
    if (namespace.len) {
        memcpy(out, namespace.ptr, namespace.len);
        out[namespace.len] = '/';
        out += namespace.len + 1;
    }
    memcpy(out, name.ptr, name.len);
}

static size_t key_length(struct span namespace, struct span name) {
    return namespace.len + (namespace.len > 0) + name.len;
}

struct kube_object *kube_object_create(const struct ynode *root) {
    struct span namespace = ynode_text_at(root, "metadata.namespace");
    struct span name = ynode_text_at(root, "metadata.name");
    if (!name.len) return NULL;
    struct copier measured = {0};
    (void)copy_node(&measured, root, false);
    size_t key_bytes = key_length(namespace, name);
    struct kube_object *object =
        mem_zalloc(sizeof *object + measured.node_bytes + measured.text_bytes + key_bytes);
    struct copier copier = {.nodes = (char *)(object + 1)};
    copier.texts = copier.nodes + measured.node_bytes;
    char *key = copier.texts + measured.text_bytes;
    write_key(key, namespace, name);
    object->key = span_of(key, key_bytes);
    object->hash = measured.hash;
    object->root = copy_node(&copier, root, false);
    return object;
}

void kube_object_destroy(struct kube_object *object) {
    mem_free(object);
}

static uint64_t hash_of(struct span key) {
    return hash_bytes_keyed(key.ptr, key.len);
}

static bool key_equal(uint32_t index, const void *key, const void *context) {
    const struct kube_store *store = context;
    return span_equal(store->all.items[index]->key, *(const struct span *)key);
}

static uint32_t find(const struct kube_store *store, struct span key) {
    return map_find(&store->by_key, hash_of(key), &key, key_equal, store);
}

struct kube_object *kube_store_find(const struct kube_store *store, struct span namespace, struct span name) {
    char text[512]; /* names are at most 253 bytes, namespaces 63 */
    size_t len = key_length(namespace, name);
    if (len > sizeof text || !name.len) return NULL;
    write_key(text, namespace, name);
    uint32_t index = find(store, span_of(text, len));
    return index == MAP_NONE ? NULL : store->all.items[index];
}

struct kube_object *kube_store_put(struct kube_store *store, struct kube_object *object) {
    uint32_t index = find(store, object->key);
    if (index != MAP_NONE) {
        struct kube_object *before = store->all.items[index];
        store->all.items[index] = object;
        return before;
    }
    *vec_push(&store->all) = object;
    map_insert(&store->by_key, hash_of(object->key), (uint32_t)(store->all.count - 1));
    return NULL;
}

struct kube_object *kube_store_take(struct kube_store *store, struct span key) {
    uint32_t index = find(store, key), last = (uint32_t)(store->all.count - 1);
    if (index == MAP_NONE) return NULL;
    struct kube_object *taken = store->all.items[index], *moved = store->all.items[last];
    map_remove(&store->by_key, hash_of(key), index);
    if (index != last) {
        map_remove(&store->by_key, hash_of(moved->key), last);
        store->all.items[index] = moved;
        map_insert(&store->by_key, hash_of(moved->key), index);
    }
    store->all.count--;
    return taken;
}

void kube_store_release(struct kube_store *store) {
    for (size_t i = 0; i < store->all.count; i++) kube_object_destroy(store->all.items[i]);
    vec_release(&store->all);
    map_release(&store->by_key);
}
