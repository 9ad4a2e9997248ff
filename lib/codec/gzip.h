#pragma once
/*
 * gzip.h - whole gzip bodies, several members allowed, into a buf whose maximum is the limit on decompressed
 * bytes.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct gzip_reader; /* keeps the decompressor's tables; one thread at a time */

struct gzip_reader *gzip_reader_create(void);
void gzip_reader_destroy(struct gzip_reader *reader);
/* appends to out; ERR_INVALID for broken input, ERR_LIMIT when out is full */
int gzip_read(struct gzip_reader *reader, struct span packed, struct buf *out, struct err *err);
