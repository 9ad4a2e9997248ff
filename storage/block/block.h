#pragma once
/*
 * block.h - an immutable piece of history: all samples of a span of time, in files of one name.
 *
 *     <blocks>/<ulid>.meta         what it is: times, counts, level, sources; written last, removed first:
 * with it the block is there as a whole <ulid>.index        symbols, series (sorted by labels), postings:
 * read page by page when needed <ulid>.data         columns of times and values, in groups of pages
 *              <ulid>.tombstones   what was deleted (may be missing)
 *
 * The layout is in storage/FORMAT.md. Every page and section has a CRC-32C, checked on each read from disk; a
 * bad one is ERR_CORRUPT naming file and offset, counted in block_damage, and never a wrong value. Nothing is
 * mapped: a file that is cut under us is an error, not a signal.
 *
 * A block is reference counted and read by any number of threads. Its files are deleted by block_discard once
 * the last reference is given back.
 */
#include "lib/base/err.h"
#include "lib/base/vec.h"
#include "lib/model/queryable.h"

#include <stdbool.h>
#include <stdint.h>

struct block;
struct file_system;

#define BLOCK_MAX_SOURCES 256u

struct ulid {
    uint8_t bytes[16]; /* 48 bits of milliseconds, 80 random: as text, they sort by time */
};

#define ULID_TEXT 26
struct ulid ulid_make(int64_t now_ms);
void ulid_text(struct ulid ulid, char text[ULID_TEXT + 1]);
/* false: not 26 characters of Crockford's base 32 */
bool ulid_parse(const char *text, struct ulid *ulid);

enum block_origin {
    BLOCK_FROM_HEAD, /* all samples up to maxt that the head had: the head holds none of that time any more */
    BLOCK_LATE,      /* out-of-order samples and series that went quiet: overlaps others */
    BLOCK_COMPACTED,
    BLOCK_IMPORTED,
};

struct block_meta {
    struct ulid ulid;
    int64_t mint, maxt; /* of the first and last sample, both inclusive */
    int64_t head_end;   /* BLOCK_FROM_HEAD and what was made of such: the head's samples begin here; else
                           INT64_MIN */
    uint64_t series, samples, histograms; /* samples: all, histograms among them */
    uint64_t bytes;                       /* of all files */
    uint32_t level;                       /* 1: cut from the head */
    enum block_origin origin;
    uint32_t source_count;
    struct ulid sources[BLOCK_MAX_SOURCES]; /* the blocks of level 1 it was made of */
};

/* The blocks in a folder, oldest first; files that belong to none were not finished, and are removed. */
struct ulids {
    VEC(struct ulid) list;
};
int block_list(struct file_system *fs, const char *folder, struct ulids *ulids, struct err *err);

/* ERR_UNSUPPORTED: of a version we do not know; ERR_CORRUPT; ERR_NOT_FOUND. */
int block_open(struct file_system *fs, const char *folder, struct ulid ulid, struct block **block,
               struct err *err);
struct block *block_hold(struct block *block);
void block_release(struct block *block); /* NULL accepted */
/* the files go when nobody holds the block any more */
void block_discard(struct block *block);

const struct block_meta *block_meta(const struct block *block);
/* of its pages that are kept in memory, unpacked; any thread */
size_t block_cached_bytes(struct block *block);
/* gives it back: for who goes through the whole block once */
void block_drop_cached(struct block *block);
/* pages and sections that did not pass their check so far */
uint64_t block_damage(const struct block *block);

/* Sets are sorted by labels; a set holds the block. Deleted samples are left out. label_names and
   label_values may answer from all series of the block that match, whatever mint and maxt inside of it. */
struct queryable *block_queryable(struct block *block);

/* Reads everything and checks it. Each finding is one call; 0 also when there were some. */
int block_verify(struct block *block, void (*finding)(void *context, const char *text), void *context,
                 struct err *err);

/* A span of time of one series, deleted. */
struct tombstone {
    uint32_t series; /* index of the series in the block's order */
    int64_t mint, maxt;
};

/* Series that match lose their samples in [mint, maxt], for every set that is selected from now on; on disk
 * when this returns 0. *deleted: series in which anything was marked. One thread at a time. */
int block_delete(struct block *block, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                 int64_t maxt, uint64_t *deleted, struct err *err);
bool block_has_tombstones(const struct block *block);
