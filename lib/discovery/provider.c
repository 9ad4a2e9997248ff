#include "lib/discovery/provider.h"

#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/instrument/instrument.h"

#define PROVIDER_MAGIC 0x70727664u

struct provider *provider_create(struct provider_shared *shared, const struct provider_kind *kind,
                                 const void *config, struct hash128 key, const char *set) {
    struct provider *provider = mem_zalloc(sizeof *provider);
    *provider = (struct provider){.magic = PROVIDER_MAGIC,
                                  .shared = shared,
                                  .kind = kind,
                                  .config = config,
                                  .key = key,
                                  .set = mem_strdup(set)};
    return provider;
}

void provider_destroy(struct provider *provider) {
    if (!provider) return;
    CHECK_OBJ(provider, PROVIDER_MAGIC);
    if (provider->state) provider->kind->stop(provider->state);
    for (size_t i = 0; i < provider->groups.count; i++) target_group_unref(provider->groups.items[i]);
    vec_release(&provider->groups);
    map_release(&provider->by_source);
    mem_free((char *)provider->set);
    provider->magic = 0;
    mem_free(provider);
}

static uint64_t source_hash(struct span source) {
    return hash_bytes_keyed(source.ptr, source.len);
}

static bool source_equal(uint32_t index, const void *key, const void *context) {
    const struct provider *provider = context;
    return span_equal(provider->groups.items[index]->source, *(const struct span *)key);
}

void provider_remove(struct provider *provider, struct span source) {
    uint64_t hash = source_hash(source);
    uint32_t index = map_find(&provider->by_source, hash, &source, source_equal, provider);
    if (index == MAP_NONE) return;
    provider->has_changed = true;
    uint32_t last = (uint32_t)(provider->groups.count - 1);
    map_remove(&provider->by_source, hash, index);
    struct target_group *gone = provider->groups.items[index];
    if (index != last) {
        struct target_group *moved = provider->groups.items[last];
        map_remove(&provider->by_source, source_hash(moved->source), last);
        provider->groups.items[index] = moved;
        map_insert(&provider->by_source, source_hash(moved->source), index);
    }
    provider->groups.count--;
    target_group_unref(gone);
}

void provider_put(struct provider *provider, struct target_group *group) {
    CHECK_OBJ(provider, PROVIDER_MAGIC);
    if (group->count == 0) {
        provider_remove(provider, group->source);
        target_group_unref(group);
        return;
    }
    uint64_t hash = source_hash(group->source);
    uint32_t index = map_find(&provider->by_source, hash, &group->source, source_equal, provider);
    if (index != MAP_NONE) {
        provider->has_changed |= !target_group_equal(provider->groups.items[index], group);
        target_group_unref(provider->groups.items[index]);
        provider->groups.items[index] = group;
        return;
    }
    provider->has_changed = true;
    *vec_push(&provider->groups) = group;
    map_insert(&provider->by_source, hash, (uint32_t)(provider->groups.count - 1));
}

void provider_spoke(struct provider *provider) {
    bool is_news = provider->has_changed || !provider->has_spoken;
    provider->has_spoken = true;
    provider->has_changed = false;
    provider_count(provider->shared->received);
    if (is_news) provider->shared->on_change(provider, provider->shared->context);
}

void provider_failed(struct provider *provider, const struct err *err) {
    LOG(LOG_ERROR, "target groups could not be refreshed", "discovery", provider->kind->name, "config",
        provider->set, "err", err->text);
    if (!provider->has_spoken) provider_spoke(provider);
}

struct counter *provider_counter(const struct provider *provider, size_t which) {
    struct registry *registry = provider->shared->registry;
    const struct provider_kind *kind = provider->kind;
    return registry ? registry_counter(registry, kind->counters[which].name, kind->counters[which].help, NULL)
                    : NULL;
}

void provider_count(struct counter *counter) {
    if (counter) counter_inc(counter);
}
