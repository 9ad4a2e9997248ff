#pragma once
/*
 * chunk.h - the samples of one chunk as Prometheus packs them.
 *
 *     | count u16 BE | header: histograms only, 2 high bits tell of the reset | bits, high bit first ...
 *
 * Encodings: 1 XOR (floats), 2 histogram, 3 float histogram. Every read is checked: a chunk that ends early,
 * has spans that do not fit, or numbers out of range is ERR_CORRUPT, and the rows that were read before stay.
 */
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/model/queryable.h"

#include <stdint.h>

enum foreign_encoding { FOREIGN_XOR = 1, FOREIGN_HISTOGRAM = 2, FOREIGN_FLOAT_HISTOGRAM = 3 };

/* appends the rows of the chunk, in its order */
int foreign_chunk_read(uint8_t encoding, struct span data, struct columns *columns, struct err *err);
