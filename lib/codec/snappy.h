#pragma once
/*
 * snappy.h - snappy blocks: [varint length of the contents | literals and copies].
 *
 * The length comes from outside, so it is judged before anything is allocated: against the maximum of the buf
 * it goes to, and against what so few bytes can hold at all (no element makes more than 64 bytes out of 3).
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

/* Appends the contents to out. ERR_INVALID for broken input, ERR_LIMIT when they do not fit into out. */
int snappy_read(struct span packed, struct buf *out, struct err *err);
/* The same of a stream: frames [kind | length, 3 bytes | contents], the first a mark, each with a checksum.
 * What was appended before the failure stays. */
int snappy_read_frames(struct span packed, struct buf *out, struct err *err);
/* Appends a block; ERR_LIMIT when it does not fit into out. */
int snappy_write(struct span contents, struct buf *out, struct err *err);
