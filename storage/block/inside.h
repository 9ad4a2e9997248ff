#pragma once
/*
 * inside.h - inside of storage/block: an open block and its parts.
 */
#include "storage/block/block.h"
#include "storage/block/cache.h"
#include "storage/block/group.h"
#include "storage/block/index.h"
#include "storage/block/layout.h"

#define BLOCK_MAGIC 0x424c4f4bu /* "BLOK" */

/* what is deleted, by series and time; never changed, a deletion makes another */
struct tombstones {
    struct shared shared; /* first */
    size_t count;
    struct tombstone items[];
};

/* of unpacked groups: neighbouring series are in the same */
#define GROUPS_KEPT_BYTES ((size_t)1 << 20)

struct block_queryable {
    struct queryable port; /* first */
    struct block *block;
};

struct block {
    uint32_t magic;
    atomic_uint references;
    struct file_system *fs;
    char *folder; /* owned */
    struct block_meta meta;
    struct index index;
    struct file data;
    uint64_t data_bytes;
    struct block_cache groups;
    struct block_queryable queryable;
    struct mutex tombstones_lock;
    struct tombstones *tombstones; /* NULL: none */
    atomic_uint_least64_t damage;
    atomic_bool is_discarded;
};

extern const struct queryable_ops block_queryable_ops;

/* bits of the series of a block */
struct members {
    uint64_t *words;
    uint32_t series;
    struct budget *budget;
};

/* match.c: the series that match; released with members_release */
int members_match(struct block *block, const struct matcher *matchers, size_t count, struct budget *budget,
                  struct members *members, struct err *err);
void members_release(struct members *members);
/* takes out the series that have nothing in [mint, maxt], or nothing that is not deleted; those whose entry
 * cannot be read stay in, so that reading them tells */
int members_within(struct block *block, struct members *members, int64_t mint, int64_t maxt,
                   const struct tombstones *tombstones, struct err *err);
static inline bool members_has(const struct members *members, uint32_t series) {
    return members->words[series / 64] >> series % 64 & 1;
}

/* read.c: what is wanted of a series' pages, deleted samples left out; rule of ERR_CORRUPT as series_set_read
 */
int block_read(struct block *block, uint32_t series, const struct tombstones *tombstones, int64_t mint,
               int64_t maxt, struct columns *columns, struct err *err);
int block_labels(struct block *block, uint32_t series, struct arena *arena, struct labels *labels,
                 struct err *err);

/* tombstones.c */
int tombstones_load(struct block *block, struct err *err);
/* a reference, or NULL */
struct tombstones *tombstones_hold(struct block *block);
/* takes the deleted rows of a series out, from row `from` on */
void tombstones_apply(const struct tombstones *tombstones, uint32_t series, struct columns *columns,
                      size_t from);

/* all times of [mint, maxt] are deleted by one of the series' tombstones */
bool tombstones_cover(const struct tombstones *tombstones, uint32_t series, int64_t mint, int64_t maxt);

static inline int note_damage(struct block *block, int rc) {
    if (rc == ERR_CORRUPT) atomic_fetch_add(&block->damage, 1);
    return rc;
}
