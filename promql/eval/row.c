#include "promql/eval/native.h"

#include "lib/base/map.h"

#include <string.h>

void bits_fill(uint64_t *bits, size_t from, size_t to) {
    for (size_t end; from < to; from = end) {
        end = from / 64 * 64 + 64 < to ? from / 64 * 64 + 64 : to;
        bits[from / 64] |= ~(uint64_t)0 >> (64 - (end - from)) << from % 64;
    }
}

bool bits_any(const uint64_t *bits, size_t words) {
    for (size_t i = 0; i < words; i++)
        if (bits[i]) return true;
    return false;
}

size_t bits_count(const uint64_t *bits, size_t words) {
    size_t count = 0;
    for (size_t i = 0; i < words; i++) count += (size_t)__builtin_popcountll(bits[i]);
    return count;
}

int row_init(struct eval *ev, struct row *row, struct err *err) {
    double *values = eval_column(ev, err);
    uint64_t *present = values ? eval_alloc(ev, ev->words, sizeof *present, err) : NULL;
    if (!present) return ERR_LIMIT;
    *row = (struct row){.values = values, .present = present};
    return 0;
}

void row_clear(struct eval *ev, struct row *row) {
    memset(row->present, 0, ev->words * sizeof *row->present);
    row->drop_name = false;
    row->histograms = NULL;
}

bool label_goes_with_name(struct span name) {
    return span_starts_with(name, SPAN("__")) &&
           (span_is(name, LABEL_NAME) || span_is(name, "__type__") || span_is(name, "__unit__"));
}

int row_drop_name(struct eval *ev, struct row *row, struct err *err) {
    if (ev->delayed_names) {
        row->drop_name = true;
        return 0;
    }
    struct label_builder builder;
    uint32_t leading = 0, all = 0;
    for (uint32_t i = 0; i < row->labels.count; i++) {
        bool goes = label_goes_with_name(row->labels.items[i].name);
        leading += goes && leading == i;
        all += goes;
    }
    if (all == leading) { /* mostly the name is the first */
        row->labels = (struct labels){row->labels.items + leading, row->labels.count - leading};
        return 0;
    }
    label_builder_init(&builder, &ev->query->arena, row->labels);
    for (uint32_t i = 0; i < row->labels.count; i++)
        if (label_goes_with_name(row->labels.items[i].name))
            label_builder_set(&builder, row->labels.items[i].name, span_of(NULL, 0));
    return label_builder_finish(&builder, &row->labels, err);
}

int row_set(struct eval *ev, struct row *row, size_t step, struct operand operand, struct err *err) {
    if (operand.histogram && !row->histograms) {
        row->histograms = eval_alloc(ev, ev->steps, sizeof *row->histograms, err);
        if (!row->histograms) return ERR_LIMIT;
    }
    if (row->histograms) row->histograms[step] = operand.histogram;
    row->values[step] = operand.value;
    bit_set(row->present, step);
    return 0;
}

bool row_drop_histograms(struct eval *ev, struct row *row) {
    bool any = false;
    for (size_t i = 0; row->histograms && i < ev->steps; i++) {
        if (!bit_get(row->present, i) || !row->histograms[i]) continue;
        bit_clear(row->present, i);
        any = true;
    }
    row->histograms = NULL;
    return any;
}

int rows_add(struct eval *ev, struct rows *rows, struct row **row, struct err *err) {
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 16;
        struct row *items = eval_alloc(ev, capacity, sizeof *items, err);
        if (!items) return ERR_LIMIT;
        if (rows->count) memcpy(items, rows->items, rows->count * sizeof *items);
        rows->items = items;
        rows->capacity = capacity;
    }
    int rc = row_init(ev, &rows->items[rows->count], err);
    if (rc) return rc;
    *row = &rows->items[rows->count++];
    return 0;
}

/* into the query's arena; one that stands at several steps is copied once */
static int keep_histograms(struct eval *ev, struct row *copy, const struct row *row, struct err *err) {
    const struct histogram *last = NULL, *last_copy = NULL;
    copy->histograms = eval_alloc(ev, ev->steps, sizeof *copy->histograms, err);
    if (!copy->histograms) return ERR_LIMIT;
    for (size_t i = 0; i < ev->steps; i++) {
        const struct histogram *histogram = bit_get(row->present, i) ? row->histograms[i] : NULL;
        if (histogram && histogram != last) {
            last_copy = histogram_copy(histogram, &ev->query->arena);
            if (!last_copy) return arena_limit(&ev->query->arena, "histograms", err);
            last = histogram;
        }
        copy->histograms[i] = histogram ? last_copy : NULL;
    }
    return 0;
}

int rows_keep(struct eval *ev, struct rows *rows, const struct row *row, struct err *err) {
    struct row *copy;
    int rc = eval_take_samples(ev, bits_count(row->present, ev->words), err);
    if (!rc) rc = rows_add(ev, rows, &copy, err);
    if (rc) return rc;
    copy->labels = row->labels;
    copy->drop_name = row->drop_name;
    memcpy(copy->values, row->values, ev->steps * sizeof *row->values);
    memcpy(copy->present, row->present, ev->words * sizeof *row->present);
    return row->histograms ? keep_histograms(ev, copy, row, err) : 0;
}

struct keeper {
    struct sink sink;
    struct eval *ev;
    struct rows *rows;
};

static int keeper_push(struct sink *sink, struct row *row, struct err *err) {
    struct keeper *keeper = (struct keeper *)sink;
    return rows_keep(keeper->ev, keeper->rows, row, err);
}

int rows_collect(struct eval *ev, const struct expr *expr, struct rows *rows, struct err *err) {
    struct keeper keeper = {{.push = keeper_push}, ev, rows};
    return eval_rows(ev, expr, &keeper.sink, err);
}

static bool same_labels(uint32_t index, const void *key, const void *context) {
    const struct rows *rows = context;
    return labels_equal(rows->items[index].labels, *(const struct labels *)key);
}

static int merge_into(struct eval *ev, struct row *into, const struct row *from, struct err *err) {
    for (size_t w = 0; w < ev->words; w++)
        if (into->present[w] & from->present[w])
            return err_set(err, ERR_EXECUTION, "vector cannot contain metrics with the same labelset");
    if (from->histograms && !into->histograms) {
        into->histograms = eval_alloc(ev, ev->steps, sizeof *into->histograms, err);
        if (!into->histograms) return ERR_LIMIT;
    }
    for (size_t i = 0; i < ev->steps; i++) {
        if (!bit_get(from->present, i)) continue;
        into->values[i] = from->values[i];
        if (into->histograms) into->histograms[i] = from->histograms ? from->histograms[i] : NULL;
        bit_set(into->present, i);
    }
    return 0;
}

int rows_merge(struct eval *ev, struct rows *rows, struct err *err) {
    struct map by_labels = {0};
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < rows->count && !rc; i++) {
        struct row *row = &rows->items[i];
        uint64_t hash = labels_hash(row->labels);
        uint32_t found = map_find(&by_labels, hash, &row->labels, same_labels, rows);
        if (found != MAP_NONE) {
            rc = merge_into(ev, &rows->items[found], row, err);
            continue;
        }
        rows->items[kept] = *row;
        map_insert(&by_labels, hash, (uint32_t)kept++);
    }
    map_release(&by_labels);
    if (!rc) rows->count = kept;
    return rc;
}

int rows_finish_names(struct eval *ev, struct rows *rows, struct err *err) {
    struct eval now = *ev;
    now.delayed_names = false;
    for (size_t i = 0; i < rows->count; i++) {
        int rc = rows->items[i].drop_name ? row_drop_name(&now, &rows->items[i], err) : 0;
        if (rc) return rc;
    }
    return rows_merge(ev, rows, err);
}

int rows_push(struct rows *rows, struct sink *sink, struct err *err) {
    for (size_t i = 0; i < rows->count; i++) {
        int rc = sink->push(sink, &rows->items[i], err);
        if (rc) return rc;
    }
    return 0;
}
