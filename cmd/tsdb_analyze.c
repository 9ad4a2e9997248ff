/*
 * tsdb_analyze.c - `tsdb analyze`: which labels a block is made of, in promtool's sections.
 *
 * Churn: of each series the part of the block's time it was not there, added up per label pair and name, over
 * the block's time: as many series came and went.
 */
#include "cmd/tsdb.h"
#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/codec/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANALYZE_BYTES ((size_t)8 << 30)

struct tally {
    struct span text; /* "name" or "name=value" */
    double series, missing_ms;
    double values, value_bytes; /* of a name: different values, and their length */
};
struct tallies {
    struct arena *arena;
    VEC(struct tally) list;
    struct map by_text;
};

struct analysis {
    struct arena arena;
    struct tallies pairs, names, metrics;
    uint64_t series, label_pairs;
    const char *wanted; /* ULID, or NULL: the newest */
    struct block *block;
};

static bool same_text(uint32_t index, const void *key, const void *context) {
    const struct tallies *tallies = context;
    return span_equal(tallies->list.items[index].text, *(const struct span *)key);
}

/* the tally of that text, made when missing; *is_new tells */
static int tally_of(struct tallies *tallies, struct span text, struct tally **tally, bool *is_new,
                    struct err *err) {
    uint64_t hash = hash_bytes_keyed(text.ptr, text.len);
    uint32_t found = map_find(&tallies->by_text, hash, &text, same_text, tallies);
    *is_new = found == MAP_NONE;
    if (*is_new) {
        const char *copy = arena_strndup(tallies->arena, text.ptr, text.len);
        if (!copy) return arena_limit(tallies->arena, "analysis", err);
        found = (uint32_t)tallies->list.count;
        *vec_push(&tallies->list) = (struct tally){.text = span_of(copy, text.len)};
        map_insert(&tallies->by_text, hash, found);
    }
    *tally = &tallies->list.items[found];
    return 0;
}

static int add_label(struct analysis *a, struct label label, double missing_ms, struct buf *text,
                     struct err *err) {
    struct tally *pair, *name, *metric;
    bool is_new_pair, is_new;
    buf_reset(text);
    buf_span(text, label.name);
    buf_putc(text, '=');
    buf_span(text, label.value);
    int rc = tally_of(&a->pairs, buf_view(text), &pair, &is_new_pair, err);
    if (!rc) rc = tally_of(&a->names, label.name, &name, &is_new, err);
    if (rc) return rc;
    pair->series++;
    pair->missing_ms += missing_ms;
    name->missing_ms += missing_ms;
    if (is_new_pair) {
        name->values++;
        name->value_bytes += (double)label.value.len;
    }
    if (!span_is(label.name, LABEL_NAME)) return 0;
    rc = tally_of(&a->metrics, label.value, &metric, &is_new, err);
    if (!rc) metric->series++;
    return rc;
}

static int add_series(struct analysis *a, struct series_set *set, size_t i, const struct block_meta *meta,
                      struct columns *columns, struct buf *text, struct err *err) {
    struct arena arena;
    struct labels labels;
    arena_init(&arena, (size_t)64 << 20, NULL);
    columns_reset(columns);
    int rc = series_set_labels(set, i, &arena, &labels, err);
    if (!rc) rc = series_set_read(set, i, INT64_MIN, INT64_MAX, columns, err);
    if (!rc && columns->count) {
        double missing = (double)(meta->maxt - meta->mint) -
                         (double)(columns->times_ms[columns->count - 1] - columns->times_ms[0]);
        a->series++;
        a->label_pairs += labels.count;
        for (uint32_t k = 0; k < labels.count && !rc; k++)
            rc = add_label(a, labels.items[k], missing, text, err);
    }
    arena_release(&arena);
    return rc;
}

static int add_block(struct analysis *a, struct err *err) {
    struct series_set *set;
    struct columns columns;
    struct buf text;
    int rc = queryable_select(block_queryable(a->block), NULL, 0, INT64_MIN, INT64_MAX, NULL, &set, err);
    if (rc) return rc;
    columns_init(&columns, NULL);
    buf_init(&text, (size_t)64 << 20);
    for (size_t i = 0; i < set->count && !rc; i++)
        rc = add_series(a, set, i, block_meta(a->block), &columns, &text, err);
    series_set_close(set);
    columns_release(&columns);
    buf_release(&text);
    return rc;
}

/* ---- sections ---- */

static size_t sort_by; /* offset of the member, for qsort */

static double member(const struct tally *tally, size_t offset) {
    double value;
    memcpy(&value, (const char *)tally + offset, sizeof value);
    return value;
}

static int compare(const void *a, const void *b) {
    double x = member(a, sort_by), y = member(b, sort_by);
    if (x != y) return x < y ? 1 : -1;
    return span_compare(((const struct tally *)a)->text, ((const struct tally *)b)->text);
}

static void show_section(const char *title, const struct tallies *tallies, size_t offset, double divisor,
                         size_t limit) {
    size_t count = tallies->list.count;
    struct tally *sorted = mem_array(count ? count : 1, sizeof *sorted);
    if (count) memcpy(sorted, tallies->list.items, count * sizeof *sorted);
    sort_by = offset;
    qsort(sorted, count, sizeof *sorted, compare);
    printf("\n%s:\n", title);
    for (size_t i = 0; i < count && i < limit; i++) {
        double value = member(&sorted[i], offset) / divisor;
        if (value >= 1)
            printf("%.0f %.*s\n", value < 1e15 ? (double)(int64_t)value : value, SPAN_ARG(sorted[i].text));
    }
    mem_free(sorted);
}

static void show_analysis(const struct analysis *a, size_t limit) {
    const struct block_meta *meta = block_meta(a->block);
    char ulid[ULID_TEXT + 1];
    double span = meta->maxt > meta->mint ? (double)(meta->maxt - meta->mint) : 1;
    ulid_text(meta->ulid, ulid);
    printf("Block ID: %s\nDuration: %.3fs\nTotal Series: %llu\nLabel names: %zu\n", ulid,
           (double)(meta->maxt - meta->mint) / 1000, (unsigned long long)a->series, a->names.list.count);
    printf("Postings (unique label pairs): %zu\nPostings entries (total label pairs): %llu\n",
           a->pairs.list.count, (unsigned long long)a->label_pairs);
    size_t missing = offsetof(struct tally, missing_ms), series = offsetof(struct tally, series);
    show_section("Label pairs most involved in churning", &a->pairs, missing, span, limit);
    show_section("Label names most involved in churning", &a->names, missing, span, limit);
    show_section("Most common label pairs", &a->pairs, series, 1, limit);
    show_section("Label names with highest cumulative label value length", &a->names,
                 offsetof(struct tally, value_bytes), 1, limit);
    show_section("Highest cardinality labels", &a->names, offsetof(struct tally, values), 1, limit);
    show_section("Highest cardinality metric names", &a->metrics, series, 1, limit);
}

static int choose(struct block *block, void *context, struct err *err) {
    struct analysis *a = context;
    char ulid[ULID_TEXT + 1];
    (void)err;
    ulid_text(block_meta(block)->ulid, ulid);
    if (a->wanted ? strcmp(a->wanted, ulid) != 0
                  : a->block && block_meta(a->block)->maxt > block_meta(block)->maxt)
        return 0;
    block_release(a->block);
    a->block = block_hold(block);
    return 0;
}

static void tallies_release(struct tallies *tallies) {
    vec_release(&tallies->list);
    map_release(&tallies->by_text);
}

static int analyze(const char *dir, struct analysis *a, size_t limit, struct err *err) {
    arena_init(&a->arena, ANALYZE_BYTES, NULL);
    a->pairs.arena = a->names.arena = a->metrics.arena = &a->arena;
    int rc = tsdb_each_block(dir, choose, a, err);
    if (!rc && !a->block) rc = err_set(err, ERR_NOT_FOUND, "\"%s\": no such block", dir);
    if (!rc) rc = add_block(a, err);
    if (!rc) show_analysis(a, limit);
    block_release(a->block);
    tallies_release(&a->pairs);
    tallies_release(&a->names);
    tallies_release(&a->metrics);
    arena_release(&a->arena);
    return rc;
}

int tsdb_analyze(int argc, char **argv) {
    struct analysis a = {0};
    const char *dir = NULL;
    uint64_t limit = 20;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--limit=", 8) == 0) {
            if (!number_parse_uint(span_from(argv[i] + 8), &limit)) return tsdb_usage();
        } else if (argv[i][0] == '-' || a.wanted) {
            return tsdb_usage();
        } else if (dir) {
            a.wanted = argv[i];
        } else {
            dir = argv[i];
        }
    }
    struct err err = {0};
    int rc = analyze(dir ? dir : "data/", &a, limit, &err);
    if (rc) fprintf(stderr, "error: %s\n", err.text);
    return rc ? 1 : 0;
}
