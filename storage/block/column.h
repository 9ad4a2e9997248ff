#pragma once
/*
 * column.h - inside of storage/block: a page of values, taken apart into streams that compress well.
 *
 *     values --> whole numbers m = v * 10^k --> differences --> which are not 0 (bits) --> those, byte by
 * byte |                         | streams    CONTROL: what follows, bitmaps, exceptions  <-------+ LOW,
 * MIDDLE, HIGH: byte 0, byte 1, the rest
 *
 * What is no such number (NaN, -0, 0.1 + 0.2) is an exception, kept raw; with too many of them the bits are
 * XORed with those before instead. All pages of a group share the streams, so that bytes of one kind stand
 * together. Exact in all bits. Layout: storage/FORMAT.md, "Block".
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/codec/varint.h"

#include <stddef.h>
#include <stdint.h>

enum stream { STREAM_CONTROL, STREAM_LOW, STREAM_MIDDLE, STREAM_HIGH, STREAM_COUNT };

#define PAGE_SAMPLES 4096u

/* where a page begins in each stream */
struct page_place {
    uint32_t at[STREAM_COUNT];
};

/* count: 1 .. PAGE_SAMPLES; appended to the streams */
void column_write_values(struct buf streams[STREAM_COUNT], const double *values, size_t count);
void column_write_times(struct buf streams[STREAM_COUNT], const int64_t *times_ms, size_t count);

/* what is wanted of a page's values */
struct column_part {
    size_t from, to;   /* from <= to <= count; both 0: the page is only skipped */
    bool only_markers; /* values but staleness markers may be any others; then only CONTROL is looked at,
                          unless column_hides_markers */
};

/* The page behind what the cursors point to, of which `part` comes into values. count is checked. */
int column_read_values(struct cursor streams[STREAM_COUNT], size_t count, const struct column_part *part,
                       double *values, struct err *err);
int column_read_times(struct cursor streams[STREAM_COUNT], int64_t *times_ms, size_t count, struct err *err);
/* the page behind the cursor tells its staleness markers by all of its streams only */
bool column_hides_markers(const struct cursor *control);
