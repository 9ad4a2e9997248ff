#pragma once
/*
 * histogram.h - chunks of native histograms, and the histograms in records of the log.
 *
 *     flags u8 | zero threshold | schema | positive spans | negative spans | custom bounds    the layout:
 * once sample 1: time, count, zero count, sum, buckets as they are sample n: changes of the changes (whole
 * numbers), or xor with the one before (floats)
 *
 * Whole buckets are kept as differences to the bucket before; what comes out is absolute.
 */
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/codec/varint.h"
#include "lib/model/queryable.h"

#include <stdbool.h>

/* the flags byte and what follows */
int foreign_histograms_read(struct span data, size_t count, bool is_integer, struct columns *columns,
                            struct err *err);
/* One histogram of a log record, arrays in arena. ERR_CORRUPT, ERR_LIMIT. */
int foreign_histogram_record(struct cursor *cursor, bool is_integer, struct arena *arena,
                             struct histogram *histogram, struct err *err);
