#pragma once
/*
 * read_chunk.h - inside of storage/remote: rows of a series as one of Prometheus' chunks.
 *
 *     floats       | count u16 BE | time, value | step, xor | change of the step, xor | ...
 *     histograms   | count u16 BE | reset u8 | layout | numbers | changes of the changes, or xor | ...
 *
 * (The codes: storage/foreign/varbit.h, which reads them.) A chunk holds rows of one kind; histograms of one
 * layout between which nothing became less, so that a reader may take it for free of resets. A staleness
 * marker among histograms is a chunk of its own.
 */
#include "lib/base/buf.h"
#include "lib/model/queryable.h"

/* as prometheus.Chunk.Encoding numbers them */
enum read_encoding { READ_XOR = 1, READ_HISTOGRAM = 2, READ_FLOAT_HISTOGRAM = 3 };

struct read_chunk {
    enum read_encoding encoding;
    int64_t mint, maxt;
    size_t end; /* the row behind its last */
};

/* Row `from` and as many behind it as belong into one chunk, appended to out. False: out refused. */
bool read_chunk_write(const struct columns *columns, size_t from, struct buf *out, struct read_chunk *chunk);
