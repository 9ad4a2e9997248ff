#pragma once
/*
 * histogram_page.h - inside of storage/block: a page of native histograms of one series, without their times.
 *
 *     | length | first: layout, counts | changes of counts | changes | layout, changes | ...
 *
 * Spans, bounds and schema are written when they differ from those of the sample before; counts as changes to
 * it: of whole numbers their difference, else the XOR of their bits. Layout: storage/FORMAT.md, "Block".
 */
#include "lib/base/buf.h"
#include "lib/codec/varint.h"
#include "lib/model/queryable.h"

/* a sample takes at most so many bytes of a page */
size_t histogram_page_most(const struct histogram *histogram);
void histogram_page_write(struct buf *out, const struct histogram *const *histograms, size_t count);
int histogram_page_skip(struct cursor *cursor, struct err *err);
/* rows in [mint, maxt] are appended */
int histogram_page_read(struct cursor *cursor, const int64_t *times_ms, size_t count, int64_t mint,
                        int64_t maxt, struct columns *columns, struct err *err);
