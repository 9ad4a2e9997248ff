#pragma once
/*
 * record.h - exemplars and metadata as bytes, one item behind the other: payloads of the log, and parts of a
 * snapshot. Layout: storage/FORMAT.md, "Exemplars and metadata".
 *
 * Readers take hostile bytes. What they hand out points into the payload; labels into the arena, until the
 * next call.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/codec/varint.h"
#include "lib/model/exemplar.h"

/* false: out is full, and as it was */
bool exemplar_write(struct buf *out, struct labels series, const struct exemplar *exemplar);
bool metadata_write(struct buf *out, const struct metric_metadata *item);

/* 1 and the next item, 0 at the end, or ERR_CORRUPT; ERR_LIMIT when the arena refuses */
int exemplar_read(struct cursor *cursor, struct arena *arena, struct labels *series,
                  struct exemplar *exemplar, struct err *err);
int metadata_read(struct cursor *cursor, struct metric_metadata *item, struct err *err);
