#pragma once
/*
 * group.h - inside of storage/block: pages of neighbouring series, compressed together.
 *
 *     | header | CONTROL | LOW | MIDDLE | HIGH |          each stream a zstd frame, or raw when that is not
 * smaller
 *
 * A page is known by the offset of its group in the file and its number in it. Groups of times hold one page
 * of times; groups of histograms hold pages of another kind (histogram_page.h). Layout: storage/FORMAT.md,
 * "Block".
 */
#include "lib/codec/zstd.h"
#include "lib/model/queryable.h"
#include "lib/sys/file.h"
#include "storage/block/cache.h"
#include "storage/block/column.h"

enum group_kind { GROUP_VALUES = 1, GROUP_TIMES = 2, GROUP_HISTOGRAMS = 3 };

#define GROUP_MAX_PAGES 4096u
#define GROUP_TARGET_BYTES ((size_t)256 << 10)
#define GROUP_MAX_BYTES ((size_t)8 << 20) /* of a stream, raw */

/* being put together */
struct group_writer {
    enum group_kind kind;
    struct buf streams[STREAM_COUNT];
    uint16_t counts[GROUP_MAX_PAGES]; /* samples of each page */
    uint32_t pages;
};

void group_writer_init(struct group_writer *group, enum group_kind kind);
void group_writer_release(struct group_writer *group);
void group_writer_reset(struct group_writer *group);
size_t group_writer_bytes(const struct group_writer *group);
bool group_writer_is_full(const struct group_writer *group);
/* appended to out */
int group_writer_end(struct group_writer *group, struct zstd_writer *zstd, struct buf *out, struct err *err);

/* unpacked */
struct group {
    struct shared shared; /* first */
    enum group_kind kind;
    uint32_t pages;
    size_t bytes; /* of memory */
    uint16_t *counts;
    struct page_place *places;
    uint8_t *streams[STREAM_COUNT];
    uint32_t lengths[STREAM_COUNT];
    int64_t *times_ms;  /* GROUP_TIMES: decoded */
    bool is_whole;      /* all streams are there, not only CONTROL */
    bool hides_markers; /* of a page at least: column_hides_markers */
};

/* ERR_CORRUPT names file and offset; ERR_IO. only_markers: a group of values may come without the streams
 * that are not needed for them; see group_serves. */
int group_read(const struct file *file, uint64_t offset, uint64_t file_bytes, bool only_markers,
               struct group **group, struct err *err);
/* can values be read of it, or their staleness markers? */
static inline bool group_serves(const struct group *group, bool only_markers) {
    return group->is_whole || (only_markers && !group->hides_markers);
}
/* samples of a page, 0 when there is no such page */
uint32_t group_page_count(const struct group *group, uint32_t page);
/* the group serves what the part wants; values has room for it */
int group_page_values(const struct group *group, uint32_t page, const struct column_part *part,
                      double *values, struct err *err);
/* rows of a page of histograms; times_ms as many as the page has */
int group_page_histograms(const struct group *group, uint32_t page, const int64_t *times_ms, int64_t mint,
                          int64_t maxt, struct columns *columns, struct err *err);
