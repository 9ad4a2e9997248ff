#pragma once
/*
 * wal.h - Prometheus' write-ahead log: records out of pages, and what stands in them.
 *
 *     segment 00000017 = pages of 32 KiB; page = fragments, zeros to its end
 *     fragment  flags u8 (1 whole 2 first 3 middle 4 last; +8 snappy, +16 zstd) | length u16 | CRC-32C u32 |
 * bytes
 *
 * Fragments of a record are joined, then unpacked. Damage ends the reading, as it ends Prometheus' replay;
 * what was read before stays. The end of the last segment may be torn, which is no damage.
 */
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/model/histogram.h"
#include "lib/model/labels.h"
#include "lib/sys/file.h"

#include <stdint.h>

typedef int foreign_record_each(struct span record, void *context, struct err *err);
/* All records of the segments numbered `first` and later. 0 also after damage, which is then told in *damage.
 */
int foreign_wal_read(struct file_system *fs, const char *folder, uint64_t first, foreign_record_each *each,
                     void *context, struct err *damage, struct err *err);
/* the records of one segment's bytes */
int foreign_wal_bytes(struct span bytes, foreign_record_each *each, void *context, struct err *err);

/* What a record holds, a call for each; labels and histograms are the record's, for the length of the call.
 */
struct foreign_record_sink {
    int (*series)(void *context, uint64_t reference, struct labels labels, struct err *err);
    int (*sample)(void *context, uint64_t reference, int64_t time_ms, double value, struct err *err);
    int (*histogram)(void *context, uint64_t reference, int64_t time_ms, const struct histogram *histogram,
                     struct err *err);
    int (*deletion)(void *context, uint64_t reference, int64_t mint, int64_t maxt, struct err *err);
};
/* Exemplars, metadata and markers are left out. ERR_UNSUPPORTED for a record of unknown type. */
int foreign_record_read(struct span record, const struct foreign_record_sink *sink, void *context,
                        struct err *err);
