#pragma once
/*
 * zstd.h - Zstandard frames of a known size.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <stddef.h>

struct zstd_writer; /* keeps the compressor's tables; one thread at a time */

struct zstd_writer *zstd_writer_create(int level);
void zstd_writer_destroy(struct zstd_writer *writer);
/* appends a frame to out; ERR_LIMIT when out is full */
int zstd_write(struct zstd_writer *writer, const void *data, size_t len, struct buf *out, struct err *err);

/* exactly `len` bytes into data, or ERR_CORRUPT; any thread */
int zstd_read(const void *packed, size_t packed_len, void *data, size_t len, struct err *err);
