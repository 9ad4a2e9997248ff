#include "storage/foreign/gather.h"

#include <stdlib.h>

void gather_init(struct gather *gather, size_t max_bytes) {
    *gather = (struct gather){0};
    budget_init(&gather->budget, "import memory", max_bytes, NULL);
    arena_init(&gather->arena, max_bytes, &gather->budget);
}

void gather_release(struct gather *gather) {
    for (size_t i = 0; i < gather->series.count; i++) columns_release(&gather->series.items[i].columns);
    vec_release(&gather->series);
    map_release(&gather->by_labels);
    arena_release(&gather->arena);
    budget_release(&gather->budget);
}

static bool same_labels(uint32_t index, const void *key, const void *context) {
    const struct gather *gather = context;
    return labels_equal(gather->series.items[index].labels, *(const struct labels *)key);
}

uint32_t gather_find(const struct gather *gather, struct labels labels) {
    return map_find(&gather->by_labels, labels_hash(labels), &labels, same_labels, gather);
}

int gather_series(struct gather *gather, struct labels labels, uint32_t *series, struct err *err) {
    uint64_t hash = labels_hash(labels);
    uint32_t found = map_find(&gather->by_labels, hash, &labels, same_labels, gather);
    if (found == MAP_NONE) {
        struct gather_series made = {0};
        int rc = labels_copy(labels, &gather->arena, &made.labels, err);
        if (rc) return rc;
        found = (uint32_t)gather->series.count;
        columns_init(&made.columns, &gather->budget);
        *vec_push(&gather->series) = made;
        map_insert(&gather->by_labels, hash, found);
    }
    *series = found;
    return 0;
}

int gather_sample(struct gather *gather, uint32_t series, int64_t time_ms, double value, struct err *err) {
    struct columns *columns = &gather->series.items[series].columns;
    int rc = columns_reserve(columns, 1, err);
    if (rc) return rc;
    columns->times_ms[columns->count] = time_ms;
    columns->values[columns->count++] = value;
    return 0;
}

int gather_histogram(struct gather *gather, uint32_t series, int64_t time_ms,
                     const struct histogram *histogram, struct err *err) {
    return columns_add_histogram(&gather->series.items[series].columns, time_ms, histogram, err);
}

/* ---- rows ---- */

struct row {
    int64_t time_ms;
    double value;
    const struct histogram *histogram;
    size_t place;
};

static int compare_rows(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->time_ms != y->time_ms) return x->time_ms < y->time_ms ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static void set_row(struct columns *columns, size_t i, const struct row *row) {
    columns->times_ms[i] = row->time_ms;
    columns->values[i] = row->value;
    if (columns->histograms) columns->histograms[i] = row->histogram;
}

static struct row get_row(const struct columns *columns, size_t i) {
    return (struct row){columns->times_ms[i], columns->values[i], columns_histogram(columns, i), i};
}

int columns_put_in_order(struct columns *columns) {
    size_t i = 1, kept = 0;
    while (i < columns->count && columns->times_ms[i - 1] < columns->times_ms[i]) i++;
    if (i >= columns->count) return 0;
    struct row *rows = mem_array(columns->count, sizeof *rows);
    for (i = 0; i < columns->count; i++) rows[i] = get_row(columns, i);
    qsort(rows, columns->count, sizeof *rows, compare_rows);
    for (i = 0; i < columns->count; i++) {
        if (i + 1 < columns->count && rows[i].time_ms == rows[i + 1].time_ms) continue;
        set_row(columns, kept++, &rows[i]);
    }
    columns->count = kept;
    mem_free(rows);
    return 1;
}

void columns_delete(struct columns *columns, int64_t mint, int64_t maxt) {
    size_t kept = 0;
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->times_ms[i] >= mint && columns->times_ms[i] <= maxt) continue;
        struct row row = get_row(columns, i);
        set_row(columns, kept++, &row);
    }
    columns->count = kept;
}

/* ---- blocks ---- */

int foreign_target_begin(struct foreign_target *target, struct block_writer **writer, struct err *err) {
    struct block_writer_options options = {
        .fs = target->fs,
        .folder = target->folder,
        .now_ms = target->now_ms + (int64_t)target->counts.blocks, /* they sort as they were made */
        .level = 1,
        .origin = BLOCK_IMPORTED,
        .head_end = INT64_MIN};
    return block_writer_create(&options, writer, err);
}

void foreign_target_count(struct foreign_target *target, const struct block_meta *meta) {
    if (meta->samples == 0) return;
    target->counts.blocks++;
    target->counts.series += meta->series;
    target->counts.samples += meta->samples;
    target->counts.histograms += meta->histograms;
    target->counts.bytes += meta->bytes;
    if (target->made) target->made(meta, target->context);
}

static int compare_series(const void *a, const void *b) {
    const struct gather_series *x = a, *y = b;
    return labels_compare(x->labels, y->labels);
}

/* the first row at or after time */
static size_t first_row(const struct columns *columns, int64_t time) {
    size_t low = 0, high = columns->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (columns->times_ms[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* a part of the columns, lent */
static struct columns part_of(const struct columns *columns, size_t from, size_t to) {
    struct columns part = {.times_ms = columns->times_ms + from,
                           .values = columns->values + from,
                           .histograms = columns->histograms ? columns->histograms + from : NULL,
                           .count = to - from,
                           .capacity = to - from};
    return part;
}

static int write_piece(struct gather *gather, int64_t from, int64_t to, struct foreign_target *target,
                       struct err *err) {
    struct block_writer *writer;
    struct block_meta meta;
    int rc = foreign_target_begin(target, &writer, err);
    if (rc) return rc;
    for (size_t i = 0; i < gather->series.count && !rc; i++) {
        const struct gather_series *series = &gather->series.items[i];
        size_t first = first_row(&series->columns, from);
        size_t end = to == INT64_MAX ? series->columns.count : first_row(&series->columns, to + 1);
        if (first >= end) continue;
        struct columns part = part_of(&series->columns, first, end);
        rc = block_writer_add(writer, series->labels, &part, err);
    }
    if (rc) {
        block_writer_abort(writer);
        return rc;
    }
    rc = block_writer_finish(writer, &meta, err);
    if (!rc) foreign_target_count(target, &meta);
    return rc;
}

/* the earliest row in [from, maxt], so that empty stretches cost nothing */
static bool next_time(const struct gather *gather, int64_t from, int64_t maxt, int64_t *time) {
    bool found = false;
    for (size_t i = 0; i < gather->series.count; i++) {
        const struct columns *columns = &gather->series.items[i].columns;
        size_t at = first_row(columns, from);
        if (at == columns->count || columns->times_ms[at] > maxt) continue;
        if (!found || columns->times_ms[at] < *time) *time = columns->times_ms[at];
        found = true;
    }
    return found;
}

int gather_write(struct gather *gather, int64_t mint, int64_t maxt, struct foreign_target *target,
                 struct err *err) {
    int rc = 0;
    int64_t time = 0;
    for (size_t i = 0; i < gather->series.count; i++)
        (void)columns_put_in_order(&gather->series.items[i].columns);
    if (gather->series.count)
        qsort(gather->series.items, gather->series.count, sizeof *gather->series.items, compare_series);
    map_release(&gather->by_labels);
    while (!rc && mint <= maxt && next_time(gather, mint, maxt, &time)) {
        int64_t into = ((time % GATHER_RANGE_MS) + GATHER_RANGE_MS) % GATHER_RANGE_MS, end;
        if (__builtin_add_overflow(time - (time < INT64_MIN + into ? 0 : into), GATHER_RANGE_MS - 1, &end) ||
            end > maxt)
            end = maxt;
        rc = write_piece(gather, mint > time ? mint : time, end, target, err);
        if (end == INT64_MAX) break;
        mint = end + 1;
    }
    return rc;
}
