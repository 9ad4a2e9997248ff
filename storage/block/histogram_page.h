#pragma once
/*
 * histogram_page.h - inside of storage/block: a page of native histograms of one series, without their times:
 * a length, and the codes of storage/chunk/histogram_code.h. Layout: storage/FORMAT.md, "Block".
 */
#include "lib/base/buf.h"
#include "lib/codec/varint.h"
#include "lib/model/queryable.h"

void histogram_page_write(struct buf *out, const struct histogram *const *histograms, size_t count);
int histogram_page_skip(struct cursor *cursor, struct err *err);
/* rows in [mint, maxt] are appended */
int histogram_page_read(struct cursor *cursor, const int64_t *times_ms, size_t count, int64_t mint,
                        int64_t maxt, struct columns *columns, struct err *err);
