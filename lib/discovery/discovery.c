#include "lib/discovery/discovery.h"

#include "lib/base/assert.h"
#include "lib/config/config.h"
#include "lib/discovery/provider.h"
#include "lib/http/client.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"
#include "lib/sys/thread.h"
#include "lib/sys/timer.h"

/*
 * Sets, the providers they want, and when a set's groups go out.
 *
 * A set is due at once when it has changed and has not gone out within the last throttle_ms, else when that
 * time is over. After a reload it goes out again in any case: at once when every provider of it has spoken,
 * so that one which is new does not take the targets away while it still asks; else with what there is when
 * throttle_ms are over.
 */

#define DISCOVERY_MAGIC 0x64697363u
#define THROTTLE_MS 5000
#define RETRY_MS 15000

struct set {
    char *name;
    VEC(struct provider *) providers; /* in the configuration's order */
    bool is_changed, is_new;          /* since it was last sent: it changed, a reload made it */
    int64_t due_ms;                   /* not before, on the monotonic clock */
    struct gauge *discovered;
};

struct set_list {
    VEC(struct set *) all;
};
struct provider_list {
    VEC(struct provider *) all;
};

struct discovery {
    uint32_t magic;
    struct discovery_options options;
    struct provider_shared shared;
    discovery_update *update;
    void *context;
    struct thread thread;
    struct loop_timer *timer; /* of the next set that is due */
    struct set_list sets;
    struct provider_list providers;
    struct config *config; /* what the providers' configurations are in */
    struct counter *sent, *delayed;
    struct gauge *last_update;
};

/* ---- sending ---- */

static bool has_spoken(const struct set *set) {
    for (size_t i = 0; i < set->providers.count; i++)
        if (!set->providers.items[i]->has_spoken) return false;
    return true;
}

static void send(struct discovery *d, struct set *set) {
    VEC(struct target_group *) groups = {0};
    for (size_t i = 0; i < set->providers.count; i++)
        for (size_t k = 0; k < set->providers.items[i]->groups.count; k++)
            *vec_push(&groups) = set->providers.items[i]->groups.items[k];
    struct target_groups *snapshot = target_groups_create(groups.items, groups.count);
    vec_release(&groups);
    set->is_changed = set->is_new = false;
    set->due_ms = clock_monotonic_ms() + d->options.throttle_ms;
    if (set->discovered) {
        gauge_set(set->discovered, (double)snapshot->target_count);
        counter_inc(d->sent);
        gauge_set(d->last_update, (double)clock_wall_ms() / 1000);
    }
    d->update(d->context, set->name, snapshot);
    target_groups_unref(snapshot);
}

static void schedule(struct discovery *d) {
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < d->sets.all.count; i++) {
        const struct set *set = d->sets.all.items[i];
        if (set->is_changed && set->due_ms < next_ms) next_ms = set->due_ms;
    }
    if (next_ms == INT64_MAX)
        loop_timer_cancel(d->timer);
    else
        loop_timer_set(d->timer, next_ms - clock_monotonic_ms());
}

static void on_timer(void *context) {
    struct discovery *d = context;
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < d->sets.all.count; i++) {
        struct set *set = d->sets.all.items[i];
        if (set->is_changed && set->due_ms <= now_ms) send(d, set);
    }
    schedule(d);
}

static bool wants(const struct set *set, const struct provider *provider) {
    for (size_t i = 0; i < set->providers.count; i++)
        if (set->providers.items[i] == provider) return true;
    return false;
}

static void on_change(struct provider *provider, void *context) {
    struct discovery *d = context;
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < d->sets.all.count; i++) {
        struct set *set = d->sets.all.items[i];
        if (!wants(set, provider)) continue;
        set->is_changed = true;
        if (set->is_new && has_spoken(set)) set->due_ms = now_ms;
        if (set->due_ms > now_ms) provider_count(d->delayed);
    }
    schedule(d);
}

/* ---- reloading ---- */

static const struct provider_kind *const kinds[DISCOVERY_KIND_COUNT] = {
    &static_kind, &file_kind, &http_kind, &dns_kind, &kubernetes_kind, &consul_kind, &docker_kind};

struct applying {
    struct discovery *discovery;
    struct set *set;
};

static void want_provider(enum discovery_kind kind, const void *config, void *context) {
    struct applying *applying = context;
    struct discovery *d = applying->discovery;
    struct hash128 key = discovery_config_hash(kind, config);
    struct provider *provider = NULL;
    for (size_t i = 0; i < d->providers.all.count && !provider; i++) {
        struct provider *other = d->providers.all.items[i];
        if (other->key.low == key.low && other->key.high == key.high) provider = other;
    }
    if (!provider) {
        provider = provider_create(&d->shared, kinds[kind], config, key, applying->set->name);
        *vec_push(&d->providers.all) = provider;
    }
    provider->is_wanted = true;
    provider->config = config; /* equal, and of the configuration that stays */
    if (!wants(applying->set, provider)) *vec_push(&applying->set->providers) = provider;
}

static struct set *set_create(struct discovery *d, const char *name) {
    struct set *set = mem_zalloc(sizeof *set);
    set->name = mem_strdup(name);
    if (d->shared.registry)
        set->discovered =
            registry_gauge(d->shared.registry, "prometheus_sd_discovered_targets", "Targets discovered.",
                           (const char *[]){"name", d->options.name, "config", name, NULL});
    return set;
}

static void set_destroy(struct set *set) {
    vec_release(&set->providers);
    mem_free(set->name);
    mem_free(set);
}

static void forget_sets(struct discovery *d, const struct set_list *kept) {
    for (size_t i = 0; i < d->sets.all.count; i++) {
        struct set *old = d->sets.all.items[i];
        bool is_kept = false;
        for (size_t k = 0; k < kept->all.count && !is_kept; k++)
            is_kept = strcmp(kept->all.items[k]->name, old->name) == 0;
        if (old->discovered && !is_kept) gauge_set(old->discovered, 0);
        set_destroy(old);
    }
    vec_release(&d->sets.all);
}

static void start_and_stop(struct discovery *d) {
    size_t kept = 0;
    for (size_t i = 0; i < d->providers.all.count; i++) {
        struct provider *provider = d->providers.all.items[i];
        if (provider->is_wanted)
            d->providers.all.items[kept++] = provider;
        else
            provider_destroy(provider);
    }
    d->providers.all.count = kept;
    for (size_t i = 0; i < kept; i++) {
        struct provider *provider = d->providers.all.items[i];
        provider->is_wanted = false; /* until the next reload says so */
        if (provider->has_started) continue;
        provider->has_started = true;
        provider->state = provider->kind->start(provider);
    }
}

struct apply {
    struct discovery *discovery;
    struct config *config;
    size_t count;
    struct discovery_set sets[];
};

static void apply_now(void *argument) {
    struct apply *apply = argument;
    struct discovery *d = apply->discovery;
    struct set_list fresh = {0};
    for (size_t i = 0; i < apply->count; i++) {
        struct applying applying = {d, set_create(d, apply->sets[i].name)};
        *vec_push(&fresh.all) = applying.set;
        discovery_config_each(apply->sets[i].config, want_provider, &applying);
    }
    forget_sets(d, &fresh);
    d->sets = fresh;
    struct config *before = d->config;
    d->config = apply->config;
    start_and_stop(d);
    config_unref(before);
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < fresh.all.count; i++) {
        struct set *set = fresh.all.items[i];
        set->is_changed = set->is_new = true;
        set->due_ms = has_spoken(set) ? now_ms : now_ms + d->options.throttle_ms;
    }
    schedule(d);
    mem_free(apply);
}

void discovery_apply(struct discovery *discovery, struct config *config, const struct discovery_set *sets,
                     size_t count) {
    CHECK_OBJ(discovery, DISCOVERY_MAGIC);
    struct apply *apply = mem_alloc(sizeof *apply + count * sizeof *sets);
    *apply = (struct apply){discovery, config_ref(config), count};
    if (count) memcpy(apply->sets, sets, count * sizeof *sets);
    loop_post(discovery->shared.loop, apply_now, apply);
}

/* ---- the thread ---- */

static void close_all(struct discovery *d) {
    for (size_t i = 0; i < d->providers.all.count; i++) provider_destroy(d->providers.all.items[i]);
    for (size_t i = 0; i < d->sets.all.count; i++) set_destroy(d->sets.all.items[i]);
    vec_release(&d->providers.all);
    vec_release(&d->sets.all);
    loop_timer_destroy(d->timer);
    http_client_destroy(d->shared.client);
}

static void *run(void *context) {
    struct discovery *d = context;
    loop_run(d->shared.loop);
    close_all(d);
    return NULL;
}

static void create_metrics(struct discovery *d) {
    struct registry *registry = d->shared.registry;
    instrument_labels name = (const char *[]){"name", d->options.name, NULL};
    if (!registry) return;
    d->shared.received = registry_counter(registry, "prometheus_sd_received_updates_total",
                                          "Updates received from the providers.", name);
    d->sent =
        registry_counter(registry, "prometheus_sd_updates_total", "Updates sent to their consumer.", name);
    d->delayed = registry_counter(registry, "prometheus_sd_updates_delayed_total",
                                  "Updates that had to wait for the throttle.", name);
    d->last_update = registry_gauge(registry, "prometheus_sd_last_update_timestamp_seconds",
                                    "When an update was last sent.", name);
    registry_gauge(registry, "prometheus_sd_failed_configs",
                   "Configurations that could not be taken into use.", name);
    for (size_t i = 0; i < DISCOVERY_KIND_COUNT; i++)
        for (size_t k = 0; k < KIND_COUNTERS && kinds[i]->counters[k].name; k++)
            (void)registry_counter(registry, kinds[i]->counters[k].name, kinds[i]->counters[k].help, NULL);
}

int discovery_create(const struct discovery_options *options, struct registry *registry,
                     discovery_update *update, void *context, struct discovery **result, struct err *err) {
    struct discovery *d = mem_zalloc(sizeof *d);
    *d = (struct discovery){.magic = DISCOVERY_MAGIC,
                            .options = *options,
                            .update = update,
                            .context = context,
                            .shared = {.registry = registry, .on_change = on_change, .context = d}};
    d->shared.options = &d->options;
    if (!d->options.user_agent) d->options.user_agent = "Ferula/" FERULA_VERSION;
    if (!d->options.throttle_ms) d->options.throttle_ms = THROTTLE_MS;
    if (!d->options.retry_ms) d->options.retry_ms = RETRY_MS;
    int rc = loop_create(&d->shared.loop, err);
    if (!rc) rc = http_client_create(d->shared.loop, &d->shared.client, err);
    if (rc) {
        loop_destroy(d->shared.loop);
        mem_free(d);
        return rc;
    }
    create_metrics(d);
    d->timer = loop_timer_create(d->shared.loop, on_timer, d);
    thread_start(&d->thread, "discovery", run, d);
    *result = d;
    return 0;
}

void discovery_destroy(struct discovery *d) {
    if (!d) return;
    CHECK_OBJ(d, DISCOVERY_MAGIC);
    loop_stop(d->shared.loop);
    thread_join(&d->thread);
    loop_destroy(d->shared.loop); /* lets the timers finish closing */
    config_unref(d->config);
    d->magic = 0;
    mem_free(d);
}
