#include "storage/ask/pair.h"

#include "lib/base/assert.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"

#include <stdlib.h>

#define PAIR_MAGIC 0x50414952u /* "PAIR" */
#define NONE UINT32_MAX
#define STEPS_LOOKED_AT ((size_t)64)
#define STEP_UNKNOWN_MS 15000

/* a series: its place in our set, and in the other's */
struct entry {
    uint32_t own, other;
};

struct pair {
    struct series_set set; /* first */
    uint32_t magic;
    struct series_set *own, *other;
    struct budget *budget;
    VEC(struct entry) entries;
    VEC(struct hash128) identities; /* of the other's series */
};

static struct pair *pair_of(struct series_set *set) {
    struct pair *pair = (struct pair *)set;
    CHECK_OBJ(pair, PAIR_MAGIC);
    return pair;
}

/* ---- rows ---- */

static int compare_steps(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* the median of the first ones; 0: there is none */
static int64_t usual_step(const int64_t *times_ms, size_t count) {
    int64_t steps[STEPS_LOOKED_AT];
    size_t used = 0;
    for (size_t i = 1; i < count && used < STEPS_LOOKED_AT; i++)
        steps[used++] = times_ms[i] - times_ms[i - 1];
    if (!used) return 0;
    qsort(steps, used, sizeof *steps, compare_steps);
    return steps[used / 2];
}

/* is there none of ours near this time? times: of `count` rows, *at moves on with `time_ms` */
static bool is_in_gap(const int64_t *times_ms, size_t count, size_t *at, int64_t time_ms, int64_t mint,
                      int64_t maxt, int64_t step) {
    while (*at < count && times_ms[*at] < time_ms) ++*at;
    bool has_before = *at > 0, has_behind = *at < count;
    int64_t before = has_before ? times_ms[*at - 1] : mint, behind = has_behind ? times_ms[*at] : maxt;
    if ((uint64_t)behind - (uint64_t)before <= (uint64_t)(step + step / 2)) return false;
    return (!has_before || time_ms - before > step / 2) && (!has_behind || behind - time_ms > step / 2);
}

/* rows of ours are [begin, count) of columns */
static int fill_gaps(struct columns *columns, size_t begin, const struct columns *other, int64_t mint,
                     int64_t maxt, struct err *err) {
    size_t middle = columns->count, own_count = middle - begin, at = 0;
    int64_t step = usual_step(columns->times_ms + begin, own_count);
    if (!step) step = usual_step(other->times_ms, other->count);
    if (!step) step = STEP_UNKNOWN_MS;
    int rc = 0;
    for (size_t i = 0; !rc && i < other->count; i++) {
        bool is_wanted = !own_count || is_in_gap(columns->times_ms + begin, own_count, &at,
                                                 other->times_ms[i], mint, maxt, step);
        if (is_wanted) rc = columns_add_row(columns, other, i, err);
    }
    return rc ? rc : columns_merge(columns, begin, middle, err);
}

static void pass_warning(struct pair *pair, struct series_set *from) {
    const char *warning = atomic_load_explicit(&from->warning, memory_order_relaxed);
    if (warning) atomic_store(&pair->set.warning, warning);
}

static int set_read(struct series_set *set, size_t index, int64_t mint, int64_t maxt, struct columns *columns,
                    struct err *err) {
    struct pair *pair = pair_of(set);
    struct entry entry = pair->entries.items[index];
    size_t begin = columns->count;
    int rc = entry.own == NONE ? 0 : series_set_read(pair->own, entry.own, mint, maxt, columns, err);
    if (entry.own != NONE) pass_warning(pair, pair->own);
    if (rc || entry.other == NONE) return rc;
    struct columns rows;
    columns_init(&rows, pair->budget);
    rc = series_set_read(pair->other, entry.other, mint, maxt, &rows, err);
    if (!rc) rc = fill_gaps(columns, begin, &rows, mint, maxt, err);
    columns_release(&rows);
    if (rc) columns->count = begin;
    return rc;
}

/* ---- series ---- */

static int set_labels(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                      struct err *err) {
    struct pair *pair = pair_of(set);
    struct entry entry = pair->entries.items[index];
    return entry.own == NONE ? series_set_labels(pair->other, entry.other, arena, labels, err)
                             : series_set_labels(pair->own, entry.own, arena, labels, err);
}

static int set_identity(struct series_set *set, size_t index, struct hash128 *identity, struct err *err) {
    struct pair *pair = pair_of(set);
    struct entry entry = pair->entries.items[index];
    if (entry.own != NONE) return series_set_identity(pair->own, entry.own, identity, err);
    *identity = pair->identities.items[entry.other];
    return 0;
}

static void set_close(struct series_set *set) {
    struct pair *pair = pair_of(set);
    series_set_close(pair->own);
    series_set_close(pair->other);
    vec_release(&pair->entries);
    vec_release(&pair->identities);
    pair->magic = 0;
    mem_free(pair);
}

static const struct series_set_ops set_ops = {
    .labels = set_labels, .identity = set_identity, .read = set_read, .close = set_close};

static bool identity_is(uint32_t index, const void *key, const void *context) {
    const struct hash128 *identity = &((const struct pair *)context)->identities.items[index], *other = key;
    return identity->low == other->low && identity->high == other->high;
}

static int find_identities(struct pair *pair, struct map *by_identity, struct err *err) {
    for (size_t i = 0; i < pair->other->count; i++) {
        struct hash128 *identity = vec_push(&pair->identities);
        int rc = series_set_identity(pair->other, i, identity, err);
        if (rc) return rc;
        map_insert(by_identity, identity->low, (uint32_t)i);
    }
    return 0;
}

static int join(struct pair *pair, struct map *by_identity, struct err *err) {
    int rc = find_identities(pair, by_identity, err);
    bool *is_joined = mem_array(pair->other->count + 1, sizeof *is_joined);
    for (size_t i = 0; !rc && i < pair->own->count; i++) {
        struct hash128 identity;
        rc = series_set_identity(pair->own, i, &identity, err);
        if (rc) break;
        uint32_t other = map_find(by_identity, identity.low, &identity, identity_is, pair);
        *vec_push(&pair->entries) = (struct entry){(uint32_t)i, other == MAP_NONE ? NONE : other};
        if (other != MAP_NONE) is_joined[other] = true;
    }
    for (size_t i = 0; !rc && i < pair->other->count; i++)
        if (!is_joined[i]) *vec_push(&pair->entries) = (struct entry){NONE, (uint32_t)i};
    mem_free(is_joined);
    return rc;
}

int pair_set(struct series_set *own, struct series_set *other, struct budget *budget, struct series_set **set,
             struct err *err) {
    struct pair *pair = mem_zalloc(sizeof *pair);
    struct map by_identity = {0};
    *pair = (struct pair){
        .set = {.ops = &set_ops}, .magic = PAIR_MAGIC, .own = own, .other = other, .budget = budget};
    int rc = join(pair, &by_identity, err);
    map_release(&by_identity);
    if (rc) {
        set_close(&pair->set);
        return rc;
    }
    pass_warning(pair, own);
    pair->set.count = pair->entries.count;
    *set = &pair->set;
    return 0;
}
