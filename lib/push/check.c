/*
 * check.c - can these families be told together, as one exposition?
 */
#include "lib/base/map.h"
#include "lib/push/inside.h"

static const char *type_text(enum expose_type type) {
    static const char *const texts[] = {[EXPOSE_UNKNOWN] = "UNTYPED",
                                        [EXPOSE_COUNTER] = "COUNTER",
                                        [EXPOSE_GAUGE] = "GAUGE",
                                        [EXPOSE_SUMMARY] = "SUMMARY",
                                        [EXPOSE_HISTOGRAM] = "HISTOGRAM"};
    return texts[type];
}

/* h_sum beside a histogram or summary h */
static int check_suffixes(const struct push_view *view, const struct push_family *family, struct err *err) {
    static const char *const suffixes[] = {"_count", "_sum", "_bucket"};
    for (size_t i = 0; i < 3; i++) {
        struct span base = family->name;
        if (!span_ends_with(base, span_from(suffixes[i]))) continue;
        base.len -= strlen(suffixes[i]);
        const struct push_family *found = push_view_find(view, base);
        if (!found) continue;
        if (found->type == EXPOSE_HISTOGRAM || (found->type == EXPOSE_SUMMARY && i < 2))
            return err_set(err, ERR_INVALID,
                           "collected metric named \"%.*s\" collides with previously collected %s named "
                           "\"%.*s\"",
                           SPAN_ARG(family->name), found->type == EXPOSE_SUMMARY ? "summary" : "histogram",
                           SPAN_ARG(found->name));
    }
    return 0;
}

struct told {
    struct map by_labels;
    VEC(const struct push_metric *) metrics;
};

static bool is_same(uint32_t index, const void *key, const void *context) {
    const struct told *told = context;
    return labels_equal(told->metrics.items[index]->labels, *(const struct labels *)key);
}

static int check_metric(struct told *told, const struct push_family *family, const struct push_metric *metric,
                        struct err *err) {
    uint32_t index = (uint32_t)told->metrics.count;
    *vec_push(&told->metrics) = metric;
    if (map_get(&told->by_labels, labels_hash(metric->labels), &metric->labels, is_same, told, index) ==
        MAP_NONE)
        return 0;
    return err_set(err, ERR_INVALID,
                   "collected metric \"%.*s\" was collected before with the same name and label values",
                   SPAN_ARG(family->name));
}

/* families [from, to) have one name */
static int check_run(const struct push_view *view, size_t from, size_t to, struct err *err) {
    const struct push_family *first = view->items.items[from];
    struct told told = {0};
    int rc = 0;
    for (size_t i = from; i < to && !rc; i++) {
        const struct push_family *family = view->items.items[i];
        if (family->type != first->type)
            rc = err_set(err, ERR_INVALID, "collected metric \"%.*s\" is not a %s", SPAN_ARG(family->name),
                         type_text(first->type));
        for (size_t k = 0; k < family->metrics.count && !rc; k++)
            rc = check_metric(&told, family, family->metrics.items[k], err);
    }
    map_release(&told.by_labels);
    vec_release(&told.metrics);
    return rc;
}

int push_view_check(const struct push_view *view, const struct push_families *pushed, struct err *err) {
    int rc = 0;
    for (size_t from = 0, to; from < view->items.count && !rc; from = to) {
        for (to = from + 1; to < view->items.count; to++)
            if (!span_equal(view->items.items[to]->name, view->items.items[from]->name)) break;
        rc = check_suffixes(view, view->items.items[from], err);
        if (!rc && push_families_have(pushed, view->items.items[from]->name))
            rc = check_run(view, from, to, err);
    }
    return rc;
}
