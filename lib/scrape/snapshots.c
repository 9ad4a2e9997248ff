#include "lib/scrape/manager.h"

#include "lib/base/assert.h"

#include <unistd.h>

/*
 * What others may see of a manager's targets, as copies.
 */

static struct span copy_span(struct arena *arena, struct span text, bool *failed) {
    const char *copy = arena_strndup(arena, text.ptr, text.len);
    *failed |= copy == NULL;
    return span_of(copy, copy ? text.len : 0);
}

/* localhost as others see it */
static struct span global_url(struct arena *arena, const char *url, bool *failed) {
    static const char *const locals[] = {"://localhost", "://127.0.0.1", "://[::1]"};
    char name[256] = "localhost";
    (void)gethostname(name, sizeof name - 1);
    for (size_t i = 0; i < sizeof locals / sizeof *locals; i++) {
        const char *found = strstr(url, locals[i]), *behind = found ? found + strlen(locals[i]) : NULL;
        if (!found || !(*behind == ':' || *behind == '/' || *behind == '\0')) continue;
        const char *text = arena_printf(arena, "%.*s://%s%s", (int)(found - url), url, name, behind);
        *failed |= text == NULL;
        return span_from(text);
    }
    return copy_span(arena, span_from(url), failed);
}

static int describe(struct target *target, struct arena *arena, struct target_info *info, struct err *err) {
    bool failed = false;
    mutex_lock(&target->lock);
    info->last_error = copy_span(arena, span_from(target->state.last_error), &failed);
    info->last_scrape_ms = target->state.last_scrape_ms;
    info->last_duration_seconds = target->state.last_duration_seconds;
    info->health = target->state.health;
    mutex_unlock(&target->lock);
    info->scrape_pool = copy_span(arena, span_from(target->job->job_name), &failed);
    info->scrape_url = copy_span(arena, span_from(target->shown_url), &failed);
    info->global_url = global_url(arena, target->shown_url, &failed);
    info->interval_ms = target->interval_ms;
    info->timeout_ms = target->timeout_ms;
    int rc = labels_copy(target->discovered, arena, &info->discovered_labels, err);
    if (!rc) rc = labels_copy(target->labels, arena, &info->labels, err);
    if (!rc && failed) rc = arena_limit(arena, "the list of targets", err);
    return rc;
}

static size_t count_targets(const struct scrape_manager *manager) {
    size_t count = 0;
    for (size_t i = 0; i < manager->pools.count; i++) count += manager->pools.items[i]->targets.count;
    return count;
}

static int describe_all(struct scrape_manager *manager, struct arena *arena, struct target_info **targets,
                        size_t *count, struct err *err) {
    size_t all = count_targets(manager), used = 0;
    struct target_info *infos = arena_array(arena, all, sizeof *infos);
    int rc = infos ? 0 : arena_limit(arena, "the list of targets", err);
    for (size_t i = 0; i < manager->pools.count; i++) {
        const struct job_pool *pool = manager->pools.items[i];
        for (size_t k = 0; k < pool->targets.count && !rc; k++)
            rc = describe(pool->targets.items[k], arena, &infos[used++], err);
    }
    if (rc) return rc;
    *targets = infos;
    *count = all;
    return 0;
}

int scrape_manager_targets(struct scrape_manager *manager, struct arena *arena, struct target_info **targets,
                           size_t *count, struct err *err) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    mutex_lock(&manager->lock);
    int rc = describe_all(manager, arena, targets, count, err);
    mutex_unlock(&manager->lock);
    return rc;
}

static size_t metadata_count(const struct target_state *state) {
    return state->metadata ? state->metadata->count : 0;
}

/* under the target's lock */
static int copy_metadata(const struct target_state *state, size_t target, struct arena *arena,
                         struct metadata_info *out, struct err *err) {
    bool failed = false;
    for (size_t i = 0; i < metadata_count(state); i++) {
        const struct metadata_entry *entry = &state->metadata->entries[i];
        out[i] = (struct metadata_info){
            target, copy_span(arena, entry->metric, &failed), copy_span(arena, entry->type, &failed),
            copy_span(arena, entry->help, &failed), copy_span(arena, entry->unit, &failed)};
    }
    return failed ? arena_limit(arena, "metadata", err) : 0;
}

struct metadata_list {
    struct metadata_info *items;
    size_t count, capacity;
};

static int add_metadata(struct metadata_list *list, struct target *target, size_t index, struct arena *arena,
                        struct err *err) {
    mutex_lock(&target->lock);
    size_t more = metadata_count(&target->state);
    if (list->count + more > list->capacity) {
        size_t grown = (list->count + more) * 2;
        struct metadata_info *bigger = arena_array(arena, grown, sizeof *bigger);
        if (bigger && list->count) memcpy(bigger, list->items, list->count * sizeof *bigger);
        list->items = bigger;
        list->capacity = grown;
    }
    int rc = more && !list->items
                 ? arena_limit(arena, "metadata", err)
                 : copy_metadata(&target->state, index, arena, list->items + list->count, err);
    list->count += more;
    mutex_unlock(&target->lock);
    return rc;
}

static int collect_metadata(struct scrape_manager *manager, struct arena *arena,
                            struct metadata_info **metadata, size_t *count, struct err *err) {
    struct metadata_list list = {0};
    size_t index = 0;
    for (size_t i = 0; i < manager->pools.count; i++) {
        const struct job_pool *pool = manager->pools.items[i];
        for (size_t k = 0; k < pool->targets.count; k++) {
            int rc = add_metadata(&list, pool->targets.items[k], index++, arena, err);
            if (rc) return rc;
        }
    }
    *metadata = list.items;
    *count = list.count;
    return 0;
}

int scrape_manager_metadata(struct scrape_manager *manager, struct arena *arena, struct target_info **targets,
                            size_t *target_count, struct metadata_info **metadata, size_t *count,
                            struct err *err) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    mutex_lock(&manager->lock);
    int rc = describe_all(manager, arena, targets, target_count, err);
    if (!rc) rc = collect_metadata(manager, arena, metadata, count, err);
    mutex_unlock(&manager->lock);
    return rc;
}

int scrape_manager_pools(struct scrape_manager *manager, struct arena *arena, struct pool_info **pools,
                         size_t *count, struct err *err) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    bool failed = false;
    mutex_lock(&manager->lock);
    size_t all = manager->pools.count;
    struct pool_info *infos = arena_array(arena, all, sizeof *infos);
    for (size_t i = 0; i < all && infos; i++) {
        const struct job_pool *pool = manager->pools.items[i];
        infos[i].name = copy_span(arena, span_from(pool->job->job_name), &failed);
        infos[i].dropped = pool->dropped_count;
    }
    mutex_unlock(&manager->lock);
    if (!infos || failed) return arena_limit(arena, "the list of pools", err);
    *pools = infos;
    *count = all;
    return 0;
}

static int describe_dropped(const struct job_pool *pool, struct arena *arena, struct dropped_info *infos,
                            struct err *err) {
    bool failed = false;
    for (size_t i = 0; i < pool->dropped.count; i++) {
        infos[i].scrape_pool = copy_span(arena, span_from(pool->job->job_name), &failed);
        int rc = labels_copy(pool->dropped.items[i], arena, &infos[i].discovered_labels, err);
        if (rc) return rc;
    }
    return failed ? arena_limit(arena, "the list of dropped targets", err) : 0;
}

int scrape_manager_dropped(struct scrape_manager *manager, struct arena *arena, struct dropped_info **dropped,
                           size_t *count, struct err *err) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    size_t all = 0, used = 0;
    mutex_lock(&manager->lock);
    for (size_t i = 0; i < manager->pools.count; i++) all += manager->pools.items[i]->dropped.count;
    struct dropped_info *infos = arena_array(arena, all, sizeof *infos);
    int rc = infos ? 0 : arena_limit(arena, "the list of dropped targets", err);
    for (size_t i = 0; i < manager->pools.count && !rc; i++) {
        rc = describe_dropped(manager->pools.items[i], arena, infos + used, err);
        used += manager->pools.items[i]->dropped.count;
    }
    mutex_unlock(&manager->lock);
    if (rc) return rc;
    *dropped = infos;
    *count = all;
    return 0;
}

int scrape_preview(struct config *config, const struct scrape_config *job, struct labels discovered,
                   struct arena *arena, struct target_info *info, bool *kept, struct err *err) {
    struct target *target;
    struct target_info made = {0};
    int rc = target_create(config, job, discovered, &target, err);
    if (rc) return rc;
    if (target) rc = describe(target, arena, &made, err);
    if (!rc) *kept = target != NULL;
    if (!rc && target) *info = made;
    target_destroy(target);
    return rc;
}
