#include "lib/push/inside.h"

#include <stdlib.h>

#define GROUP_ARENA_MAX ((size_t)1 << 20)

/* ---- groups ---- */

/* where these labels are, or belong */
static size_t lower_bound(const struct push_store *store, struct labels labels) {
    size_t low = 0, high = store->groups.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (labels_compare(store->groups.items[middle]->labels, labels) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct push_group *push_store_find(const struct push_store *store, struct labels labels) {
    size_t at = lower_bound(store, labels);
    if (at == store->groups.count || labels_compare(store->groups.items[at]->labels, labels) != 0)
        return NULL;
    return store->groups.items[at];
}

static void destroy_group(struct push_group *group) {
    for (size_t i = 0; i < group->families.count; i++) push_family_destroy(group->families.items[i]);
    vec_release(&group->families);
    arena_release(&group->arena);
    mem_free(group);
}

int push_store_make(struct push_store *store, struct labels labels, int64_t now_ms, struct push_group **group,
                    struct err *err) {
    *group = push_store_find(store, labels);
    if (*group) return 0;
    if (store->options.limits.groups && store->groups.count >= store->options.limits.groups)
        return err_set(err, ERR_LIMIT, "more than %zu groups", store->options.limits.groups);
    struct push_group *fresh = mem_zalloc(sizeof *fresh);
    arena_init(&fresh->arena, GROUP_ARENA_MAX, &store->memory);
    fresh->created_ms = now_ms;
    int rc = labels_copy(labels, &fresh->arena, &fresh->labels, err);
    if (rc) {
        destroy_group(fresh);
        return rc;
    }
    size_t at = lower_bound(store, labels);
    (void)vec_push(&store->groups);
    memmove(&store->groups.items[at + 1], &store->groups.items[at],
            (store->groups.count - 1 - at) * sizeof *store->groups.items);
    store->groups.items[at] = fresh;
    *group = fresh;
    return 0;
}

static void drop_family(struct push_store *store, struct push_family *family) {
    store->lines -= push_family_lines(family);
    push_family_destroy(family);
}

static void remove_group(struct push_store *store, struct push_group *group) {
    size_t at = lower_bound(store, group->labels);
    for (size_t i = 0; i < group->families.count; i++)
        store->lines -= push_family_lines(group->families.items[i]);
    destroy_group(group);
    memmove(&store->groups.items[at], &store->groups.items[at + 1],
            (store->groups.count - at - 1) * sizeof *store->groups.items);
    store->groups.count--;
    store->changes++;
}

static bool is_over(const struct push_group *group, int64_t now_ms) {
    int64_t since_ms = group->pushed_ms ? group->pushed_ms : group->created_ms;
    return group->ttl_ms && now_ms - since_ms >= group->ttl_ms;
}

static void expire(struct push_store *store, int64_t now_ms) {
    for (size_t i = store->groups.count; i-- > 0;)
        if (is_over(store->groups.items[i], now_ms)) remove_group(store, store->groups.items[i]);
}

/* ---- one push ---- */

static int by_name(const void *a, const void *b) {
    return span_compare((*(struct push_family *const *)a)->name, (*(struct push_family *const *)b)->name);
}

static void sort_families(struct push_families *families) {
    if (families->items.count)
        qsort(families->items.items, families->items.count, sizeof *families->items.items, by_name);
}

bool push_families_have(const struct push_families *families, struct span name) {
    struct push_family wanted = {.name = name}, *key = &wanted;
    return families->items.count && bsearch(&key, families->items.items, families->items.count,
                                            sizeof *families->items.items, by_name);
}

/* what is told of a group goes before what somebody pushes under those names */
static void drop_own_names(struct push_families *families) {
    size_t kept = 0;
    for (size_t i = 0; i < families->items.count; i++) {
        struct push_family *family = families->items.items[i];
        if (span_is(family->name, PUSH_TIME_NAME) || span_is(family->name, PUSH_FAILURE_NAME))
            push_family_destroy(family);
        else
            families->items.items[kept++] = family;
    }
    families->items.count = kept;
}

static bool is_replaced(const struct push_family *family, const struct push_families *by, bool replaces) {
    return replaces || push_families_have(by, family->name);
}

void push_group_take(struct push_store *store, struct push_group *group, struct push_families *families) {
    for (size_t i = 0; i < families->items.count; i++) {
        *vec_push(&group->families) = families->items.items[i];
        store->lines += push_family_lines(families->items.items[i]);
    }
    families->items.count = 0;
    if (group->families.count)
        qsort(group->families.items, group->families.count, sizeof *group->families.items, by_name);
    store->changes++;
}

static void replace(struct push_store *store, struct push_group *group, struct push_families *families,
                    bool replaces) {
    size_t kept = 0;
    for (size_t i = 0; i < group->families.count; i++) {
        struct push_family *family = group->families.items[i];
        if (is_replaced(family, families, replaces))
            drop_family(store, family);
        else
            group->families.items[kept++] = family;
    }
    group->families.count = kept;
    push_group_take(store, group, families);
}

/* the store as it would be */
static void view_after(struct push_view *view, const struct push_store *store,
                       const struct push_group *target, const struct push_families *families, bool replaces) {
    for (size_t i = 0; i < store->groups.count; i++) {
        const struct push_group *group = store->groups.items[i];
        for (size_t k = 0; k < group->families.count; k++)
            if (group != target || !is_replaced(group->families.items[k], families, replaces))
                *vec_push(&view->items) = group->families.items[k];
    }
    for (size_t i = 0; i < families->items.count; i++) *vec_push(&view->items) = families->items.items[i];
    push_view_sort(view);
}

static int check(const struct push_store *store, const struct push_group *target,
                 const struct push_families *families, bool replaces, struct err *err) {
    struct push_view view = {0};
    size_t lines = 0, most = store->options.limits.lines;
    int rc = 0;
    if (families->has_times) return err_set(err, ERR_INVALID, "pushed metrics must not have timestamps");
    view_after(&view, store, target, families, replaces);
    for (size_t i = 0; i < view.items.count; i++) lines += push_family_lines(view.items.items[i]);
    if (most && lines > most) rc = err_set(err, ERR_LIMIT, "more than %zu samples in all groups", most);
    if (!rc && !store->options.is_unchecked) rc = push_view_check(&view, families, err);
    push_view_release(&view);
    return rc;
}

static int apply(struct push_store *store, const struct push_request *request, struct push_families *families,
                 struct err *err) {
    struct push_group *group = NULL;
    int rc = check(store, push_store_find(store, request->group), families, request->replaces, err);
    if (rc) err_wrap(err, rc, "pushed metrics are invalid or inconsistent with existing metrics");
    int made = push_store_make(store, request->group, request->now_ms, &group, rc ? NULL : err);
    if (made) return rc ? rc : made;
    if (rc) {
        group->failed_ms = request->now_ms;
        if (!group->pushed_ms) group->ttl_ms = store->options.ttl_ms;
        store->changes++;
        return rc;
    }
    group->pushed_ms = request->now_ms;
    group->ttl_ms = request->ttl_ms < 0 ? store->options.ttl_ms : request->ttl_ms;
    replace(store, group, families, request->replaces);
    return 0;
}

int push_store_push(struct push_store *store, const struct push_request *request, struct err *err) {
    struct push_families families;
    int rc = push_families_read(request->format, request->body, request->group, &store->options.limits,
                                &store->memory, &families, err);
    if (rc) return rc;
    drop_own_names(&families);
    sort_families(&families);
    for (size_t i = 0; i < families.items.count; i++) families.items.items[i]->time_ms = request->now_ms;
    mutex_lock(&store->lock);
    expire(store, request->now_ms);
    rc = apply(store, request, &families, err);
    mutex_unlock(&store->lock);
    push_families_release(&families);
    return rc;
}

struct budget *push_store_memory(struct push_store *store) {
    return &store->memory;
}

bool push_store_is_unchecked(const struct push_store *store) {
    return store->options.is_unchecked;
}

void push_store_delete(struct push_store *store, struct labels labels) {
    mutex_lock(&store->lock);
    struct push_group *group = push_store_find(store, labels);
    if (group) remove_group(store, group);
    mutex_unlock(&store->lock);
}

void push_store_wipe(struct push_store *store) {
    mutex_lock(&store->lock);
    while (store->groups.count) remove_group(store, store->groups.items[store->groups.count - 1]);
    mutex_unlock(&store->lock);
}

void push_store_visit(struct push_store *store, int64_t now_ms, push_visit *visit, void *context) {
    mutex_lock(&store->lock);
    expire(store, now_ms);
    for (size_t i = 0; i < store->groups.count; i++) visit(store->groups.items[i], context);
    mutex_unlock(&store->lock);
}

/* ---- views ---- */

static int by_name_and_labels(const void *a, const void *b) {
    const struct push_family *x = *(const struct push_family *const *)a;
    const struct push_family *y = *(const struct push_family *const *)b;
    int order = span_compare(x->name, y->name);
    return order ? order : labels_compare(x->metrics.items[0]->labels, y->metrics.items[0]->labels);
}

void push_view_sort(struct push_view *view) {
    if (view->items.count)
        qsort(view->items.items, view->items.count, sizeof *view->items.items, by_name_and_labels);
}

void push_view_make(struct push_view *view, const struct push_store *store) {
    static const struct push_families none;
    view_after(view, store, NULL, &none, false);
}

const struct push_family *push_view_find(const struct push_view *view, struct span name) {
    size_t low = 0, high = view->items.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(view->items.items[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < view->items.count && span_equal(view->items.items[low]->name, name) ? view->items.items[low]
                                                                                     : NULL;
}

void push_view_release(struct push_view *view) {
    vec_release(&view->items);
}

/* ---- life ---- */

struct push_store *push_store_create(const struct push_options *options) {
    struct push_store *store = mem_zalloc(sizeof *store);
    store->options = *options;
    budget_init(&store->memory, "memory for pushed metrics", PUSH_BYTES_MAX, options->memory);
    mutex_init(&store->lock);
    return store;
}

void push_store_destroy(struct push_store *store) {
    if (!store) return;
    push_store_wipe(store);
    vec_release(&store->groups);
    mutex_release(&store->lock);
    budget_release(&store->memory);
    mem_free(store);
}
