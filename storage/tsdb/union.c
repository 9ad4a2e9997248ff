/*
 * union.c - series of several sources as one.
 *
 *     sets      a: {x} {y}    b: {y} {z}
 *     entries   {x} -> a0     {y} -> a1 -> b0     {z} -> b1
 */
#include "lib/base/assert.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "storage/tsdb/sources.h"

#include <stdlib.h>
#include <string.h>

#define SET_MAGIC 0x554e494fu /* "UNIO" */
#define NONE UINT32_MAX

static const char damage_warning[] =
    "some samples could not be read and are missing: part of the data on disk is damaged, "
    "the log names it";

struct part {
    uint32_t set, index, next; /* next part of the same series, later in time */
};

struct entry {
    struct labels labels;
    uint32_t first, last; /* parts */
};

struct union_set {
    struct series_set set; /* first */
    uint32_t magic;
    struct series_set **sets;
    size_t set_count;
    struct arena arena; /* labels, when there is more than one set */
    VEC(struct entry) entries;
    VEC(struct part) parts;
    struct map by_labels;
    struct damage_notes *damage;
};

static struct union_set *set_of(struct series_set *set) {
    struct union_set *own = (struct union_set *)set;
    CHECK_OBJ(own, SET_MAGIC);
    return own;
}

/* a part of the disk is left out */
static int forgive(struct union_set *own, int rc, const struct err *err) {
    if (rc != ERR_CORRUPT) return rc;
    atomic_store(&own->set.warning, damage_warning);
    damage_note(own->damage, err);
    return 0;
}

static struct part part_of(const struct union_set *own, size_t index) {
    return own->set_count == 1 ? (struct part){0, (uint32_t)index, NONE}
                               : own->parts.items[own->entries.items[index].first];
}

static int set_labels(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                      struct err *err) {
    struct union_set *own = set_of(set);
    ASSERT(index < own->set.count);
    if (own->set_count > 1) return labels_copy(own->entries.items[index].labels, arena, labels, err);
    return series_set_labels(own->sets[0], index, arena, labels, err);
}

static int read_part(struct union_set *own, struct part part, size_t begin, int64_t mint, int64_t maxt,
                     struct columns *columns, struct err *err) {
    struct err own_err;
    size_t middle = columns->count;
    int rc = series_set_read(own->sets[part.set], part.index, mint, maxt, columns, &own_err);
    if (rc && rc != ERR_CORRUPT) return err_set(err, rc, "%s", own_err.text);
    rc = forgive(own, rc, &own_err);
    return rc ? rc : columns_merge(columns, begin, middle, err);
}

static int set_read(struct series_set *set, size_t index, int64_t mint, int64_t maxt, struct columns *columns,
                    struct err *err) {
    struct union_set *own = set_of(set);
    size_t begin = columns->count;
    ASSERT(index < own->set.count);
    struct part part = part_of(own, index);
    int rc = read_part(own, part, begin, mint, maxt, columns, err);
    while (!rc && part.next != NONE) {
        part = own->parts.items[part.next];
        rc = read_part(own, part, begin, mint, maxt, columns, err);
    }
    if (rc) columns->count = begin;
    return rc;
}

static void set_close(struct series_set *set) {
    struct union_set *own = set_of(set);
    for (size_t i = 0; i < own->set_count; i++) series_set_close(own->sets[i]);
    mem_free(own->sets);
    arena_release(&own->arena);
    vec_release(&own->entries);
    vec_release(&own->parts);
    map_release(&own->by_labels);
    own->magic = 0;
    mem_free(own);
}

static const struct series_set_ops set_ops = {.labels = set_labels, .read = set_read, .close = set_close};

static bool labels_are(uint32_t entry, const void *key, const void *context) {
    return labels_equal(((const struct union_set *)context)->entries.items[entry].labels,
                        *(const struct labels *)key);
}

static void add_part(struct union_set *own, struct labels labels, uint32_t set, uint32_t index) {
    uint64_t hash = labels_hash(labels);
    uint32_t found = map_find(&own->by_labels, hash, &labels, labels_are, own),
             part = (uint32_t)own->parts.count;
    *vec_push(&own->parts) = (struct part){set, index, NONE};
    if (found == MAP_NONE) {
        *vec_push(&own->entries) = (struct entry){labels, part, part};
        map_insert(&own->by_labels, hash, (uint32_t)own->entries.count - 1);
        return;
    }
    struct entry *entry = &own->entries.items[found];
    own->parts.items[entry->last].next = part;
    entry->last = part;
}

static int add_set(struct union_set *own, uint32_t set, struct err *err) {
    for (size_t i = 0; i < own->sets[set]->count; i++) {
        struct labels labels;
        struct err own_err;
        int rc = series_set_labels(own->sets[set], i, &own->arena, &labels, &own_err);
        if (rc == ERR_CORRUPT) {
            (void)forgive(own, rc, &own_err);
            continue; /* whose samples they are cannot be told */
        }
        if (rc) return err_set(err, rc, "%s", own_err.text);
        add_part(own, labels, set, (uint32_t)i);
    }
    return 0;
}

int union_set(struct series_set *const *sets, size_t count, struct budget *budget,
              struct damage_notes *damage, struct series_set **set, struct err *err) {
    struct union_set *own = mem_zalloc(sizeof *own);
    own->set.ops = &set_ops;
    own->magic = SET_MAGIC;
    own->damage = damage;
    own->sets = mem_array(count, sizeof *own->sets);
    memcpy(own->sets, sets, count * sizeof *sets);
    own->set_count = count;
    arena_init(&own->arena, SIZE_MAX, budget);
    int rc = 0;
    for (uint32_t i = 0; !rc && count > 1 && i < count; i++) rc = add_set(own, i, err);
    own->set.count = count == 1 ? own->sets[0]->count : own->entries.count;
    if (rc)
        set_close(&own->set);
    else
        *set = &own->set;
    return rc;
}

static int compare_entries(const void *a, const void *b) {
    return labels_compare(((const struct entry *)a)->labels, ((const struct entry *)b)->labels);
}

/* a single set is expected in order */
void union_set_sort(struct series_set *set) {
    struct union_set *own = set_of(set);
    map_release(&own->by_labels); /* its numbers would be wrong */
    if (own->entries.count)
        qsort(own->entries.items, own->entries.count, sizeof *own->entries.items, compare_entries);
}
