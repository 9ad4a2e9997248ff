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
    struct hash128 identity;
    uint32_t first, last; /* parts */
};

struct union_set {
    struct series_set set; /* first */
    uint32_t magic;
    struct series_set **sets;
    size_t set_count;
    struct budget *budget;
    size_t drawn; /* of it, for entries and parts */
    VEC(struct entry) entries;
    VEC(struct part) parts;
    struct map by_identity;
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

/* of any part: of the last one, which is the head's where there is one, and the head's are cheap */
static int set_labels(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                      struct err *err) {
    struct union_set *own = set_of(set);
    ASSERT(index < own->set.count);
    struct part part =
        own->set_count == 1 ? part_of(own, index) : own->parts.items[own->entries.items[index].last];
    return series_set_labels(own->sets[part.set], part.index, arena, labels, err);
}

static int set_identity(struct series_set *set, size_t index, struct hash128 *identity, struct err *err) {
    struct union_set *own = set_of(set);
    ASSERT(index < own->set.count);
    if (own->set_count == 1) return series_set_identity(own->sets[0], index, identity, err);
    *identity = own->entries.items[index].identity;
    return 0;
}

static int read_part(struct union_set *own, struct part part, size_t begin, int64_t mint, int64_t maxt,
                     struct columns *columns, struct err *err) {
    struct err own_err;
    size_t middle = columns->count;
    struct series_set *set = own->sets[part.set];
    int rc = series_set_read(set, part.index, mint, maxt, columns, &own_err);
    const char *warning = atomic_load_explicit(&set->warning, memory_order_relaxed);
    if (warning) atomic_store(&own->set.warning, warning); /* of a set that is such a one itself */
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

/* of several parts each may have it: they are read */
static bool set_newest(struct series_set *set, size_t index, int64_t mint, int64_t maxt, bool *is_there,
                       int64_t *time_ms, double *value) {
    struct union_set *own = set_of(set);
    struct series_set *only = own->sets[0];
    return own->set_count == 1 && only->ops->newest &&
           only->ops->newest(only, index, mint, maxt, is_there, time_ms, value);
}

static void set_close(struct series_set *set) {
    struct union_set *own = set_of(set);
    for (size_t i = 0; i < own->set_count; i++) series_set_close(own->sets[i]);
    mem_free(own->sets);
    if (own->budget) budget_give(own->budget, own->drawn);
    vec_release(&own->entries);
    vec_release(&own->parts);
    map_release(&own->by_identity);
    own->magic = 0;
    mem_free(own);
}

static const struct series_set_ops set_ops = {.labels = set_labels,
                                              .identity = set_identity,
                                              .read = set_read,
                                              .newest = set_newest,
                                              .close = set_close};

static bool identity_is(uint32_t entry, const void *key, const void *context) {
    const struct hash128 *identity = &((const struct union_set *)context)->entries.items[entry].identity,
                         *other = key;
    return identity->low == other->low && identity->high == other->high;
}

static void add_part(struct union_set *own, struct hash128 identity, uint32_t set, uint32_t index) {
    uint32_t found = map_find(&own->by_identity, identity.low, &identity, identity_is, own),
             part = (uint32_t)own->parts.count;
    *vec_push(&own->parts) = (struct part){set, index, NONE};
    if (found == MAP_NONE) {
        *vec_push(&own->entries) = (struct entry){identity, part, part};
        map_insert(&own->by_identity, identity.low, (uint32_t)own->entries.count - 1);
        return;
    }
    struct entry *entry = &own->entries.items[found];
    own->parts.items[entry->last].next = part;
    entry->last = part;
}

#define SERIES_BYTES (2 * (sizeof(struct entry) + sizeof(struct part)) + 32)

static int add_set(struct union_set *own, uint32_t set, struct err *err) {
    size_t count = own->sets[set]->count;
    if (own->budget && !budget_take(own->budget, count * SERIES_BYTES))
        return err_set(err, ERR_LIMIT, "%s limit of %zu bytes reached while selecting series",
                       own->budget->name, own->budget->max_bytes);
    own->drawn += count * SERIES_BYTES;
    for (size_t i = 0; i < count; i++) {
        struct hash128 identity;
        struct err own_err;
        int rc = series_set_identity(own->sets[set], i, &identity, &own_err);
        if (rc == ERR_CORRUPT) {
            (void)forgive(own, rc, &own_err);
            continue; /* whose samples they are cannot be told */
        }
        if (rc) return err_set(err, rc, "%s", own_err.text);
        add_part(own, identity, set, (uint32_t)i);
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
    own->budget = budget;
    int rc = 0;
    for (uint32_t i = 0; !rc && count > 1 && i < count; i++) rc = add_set(own, i, err);
    own->set.count = count == 1 ? own->sets[0]->count : own->entries.count;
    if (rc)
        set_close(&own->set);
    else
        *set = &own->set;
    return rc;
}
