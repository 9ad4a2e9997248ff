/*
 * read.c - the pages of a series become columns.
 *
 *     index entry -> pages that overlap -> group (cache, or file: checked and unpacked) -> values, times
 *
 * A page that cannot be trusted is left out and told; the others are read.
 */
#include "lib/base/assert.h"
#include "storage/block/inside.h"

#include <string.h>

static int get_group(struct block *block, uint64_t offset, bool only_markers, struct group **group,
                     struct err *err) {
    struct group *cached = (struct group *)block_cache_get(&block->groups, offset);
    if (cached && group_serves(cached, only_markers)) {
        *group = cached;
        return 0;
    }
    if (cached) shared_release(&cached->shared);
    int rc = group_read(&block->data, offset, block->data_bytes, only_markers, group, err);
    if (!rc) block_cache_put(&block->groups, offset, &(*group)->shared);
    return rc;
}

/* of a page whose times are not stored */
static uint64_t regular_step(const struct page_ref *ref) {
    return ref->count > 1 ? ((uint64_t)ref->maxt - (uint64_t)ref->mint) / (ref->count - 1) : 0;
}

/* how many samples of such a page are before a time */
static size_t regular_before(const struct page_ref *ref, int64_t time_ms) {
    uint64_t step = regular_step(ref), behind = (uint64_t)time_ms - (uint64_t)ref->mint;
    if (time_ms <= ref->mint) return 0;
    uint64_t before = step ? (behind - 1) / step + 1 : ref->count;
    return before < ref->count ? (size_t)before : ref->count;
}

static void regular_times(const struct page_ref *ref, size_t from, size_t to, int64_t *times_ms) {
    uint64_t step = regular_step(ref), time = (uint64_t)ref->mint + from * step;
    for (size_t i = from; i < to; i++, time += step) *times_ms++ = (int64_t)time;
}

/* the stored times of a page, checked; the caller releases the group */
static int get_times(struct block *block, const struct page_ref *ref, struct group **group, struct err *err) {
    int rc = get_group(block, ref->times, false, group, err);
    if (rc) return rc;
    const struct group *times = *group;
    if (times->kind == GROUP_TIMES && group_page_count(times, 0) == ref->count &&
        times->times_ms[0] == ref->mint && times->times_ms[ref->count - 1] == ref->maxt)
        return 0;
    shared_release(&(*group)->shared);
    return err_set(err, ERR_CORRUPT, "\"%s\": times of a page are not those of its index", block->data.path);
}

/* The times of a page that lie in [mint, maxt], into times_ms, which has room for all; and which they are. */
static int times_within(struct block *block, const struct page_ref *ref, int64_t mint, int64_t maxt,
                        struct column_part *part, int64_t *times_ms, struct err *err) {
    struct group *group;
    if (!ref->times) {
        part->from = regular_before(ref, mint);
        part->to = maxt == INT64_MAX ? ref->count : regular_before(ref, maxt + 1);
        regular_times(ref, part->from, part->to, times_ms);
        return 0;
    }
    int rc = get_times(block, ref, &group, err);
    if (rc) return rc;
    part->from = 0;
    part->to = ref->count;
    while (part->from < part->to && group->times_ms[part->from] < mint) part->from++;
    while (part->to > part->from && group->times_ms[part->to - 1] > maxt) part->to--;
    memcpy(times_ms, group->times_ms + part->from, (part->to - part->from) * sizeof *times_ms);
    shared_release(&group->shared);
    return 0;
}

/* rows from `count` on; what stands behind the rows is no histogram, or the next page of floats would be */
static void drop_rows(struct columns *columns, size_t count) {
    for (size_t i = count; columns->histograms && i < columns->count; i++) columns->histograms[i] = NULL;
    columns->count = count;
}

static int read_floats(struct block *block, const struct group *group, const struct page_ref *ref,
                       int64_t mint, int64_t maxt, struct columns *columns, struct err *err) {
    struct column_part part = {.only_markers = columns->only_markers};
    size_t from = columns->count;
    int rc = columns_reserve(columns, ref->count, err);
    if (!rc) rc = times_within(block, ref, mint, maxt, &part, columns->times_ms + from, err);
    if (!rc) rc = group_page_values(group, ref->page, &part, columns->values + from, err);
    if (rc) return rc;
    columns->count += part.to - part.from;
    columns_note_step(columns, from, ref->times ? 0 : (int64_t)regular_step(ref));
    return 0;
}

static int read_histograms(struct block *block, const struct group *group, const struct page_ref *ref,
                           int64_t mint, int64_t maxt, struct columns *columns, struct err *err) {
    int64_t times_ms[PAGE_SAMPLES];
    struct column_part all;
    int rc = times_within(block, ref, INT64_MIN, INT64_MAX, &all, times_ms, err);
    return rc ? rc : group_page_histograms(group, ref->page, times_ms, mint, maxt, columns, err);
}

static int read_page(struct block *block, const struct page_ref *ref, int64_t mint, int64_t maxt,
                     struct columns *columns, struct err *err) {
    struct group *group;
    int rc = get_group(block, ref->group, columns->only_markers, &group, err);
    if (rc) return rc;
    if (group_page_count(group, ref->page) != ref->count)
        rc = err_set(err, ERR_CORRUPT, "\"%s\": a page is not that of its index", block->data.path);
    else if (ref->is_histogram)
        rc = read_histograms(block, group, ref, mint, maxt, columns, err);
    else
        rc = read_floats(block, group, ref, mint, maxt, columns, err);
    shared_release(&group->shared);
    return rc;
}

static int read_pages(struct block *block, const struct index_series *series, int64_t mint, int64_t maxt,
                      struct columns *columns, struct err *err) {
    int damaged = 0;
    for (size_t i = 0; i < series->page_count; i++) {
        const struct page_ref *ref = &series->pages[i];
        size_t before = columns->count;
        if (ref->maxt < mint || ref->mint > maxt) continue;
        int rc = read_page(block, ref, mint, maxt, columns, err);
        if (rc) drop_rows(columns, before);
        if (rc && rc != ERR_CORRUPT) return rc;
        if (rc) damaged = note_damage(block, rc);
    }
    return damaged;
}

int block_read(struct block *block, uint32_t number, const struct tombstones *tombstones, int64_t mint,
               int64_t maxt, struct columns *columns, struct err *err) {
    struct index_series series = {0};
    size_t before = columns->count;
    int rc = note_damage(block, index_series_read(&block->index, number, &series, err));
    if (!rc) rc = read_pages(block, &series, mint, maxt, columns, err);
    if (rc && rc != ERR_CORRUPT) drop_rows(columns, before);
    if (tombstones) tombstones_apply(tombstones, number, columns, before);
    index_series_release(&series);
    return rc;
}

int block_labels(struct block *block, uint32_t number, struct arena *arena, struct labels *labels,
                 struct err *err) {
    struct index_series series = {0};
    int rc = note_damage(block, index_series_read(&block->index, number, &series, err));
    uint32_t count = series.label_count / 2;
    struct label *items = rc ? NULL : arena_array(arena, count, sizeof *items);
    if (!rc && !items) rc = arena_limit(arena, "labels", err);
    for (uint32_t i = 0; !rc && i < count; i++) {
        rc = index_symbol(&block->index, series.labels[2 * i], arena, &items[i].name, err);
        if (!rc) rc = index_symbol(&block->index, series.labels[2 * i + 1], arena, &items[i].value, err);
    }
    if (!rc) *labels = (struct labels){items, count};
    index_series_release(&series);
    return note_damage(block, rc);
}
