#pragma once
/*
 * histogram_code.h - native histograms as bytes, each coded against the one before it.
 *
 *     | flags, layout, counts | flags, changes of counts | flags, changes | flags, layout, counts | ...
 *
 * Spans, bounds and schema are written when they differ from those of the histogram before; counts as changes
 * to it: of whole numbers their difference, else the XOR of their bits. Pages of blocks, chunks of the head
 * and records of the log are made of this. Layout: storage/FORMAT.md, "Histograms".
 */
#include "lib/base/buf.h"
#include "lib/codec/varint.h"
#include "lib/model/histogram.h"

/* a histogram takes at most so many bytes */
size_t histogram_code_most(const struct histogram *histogram);
/* before: the last one coded that was no staleness marker, NULL when there was none */
void histogram_code_put(struct buf *out, const struct histogram *histogram, const struct histogram *before);

/* what reading remembers between one histogram and the next: 3 MiB, of which little is touched */
struct histogram_decoder;
struct histogram_decoder *histogram_decoder_create(void);
void histogram_decoder_destroy(struct histogram_decoder *decoder);
/* false: the bytes make no sense, and nothing more can be read. The sample's arrays are the decoder's, until
 * the next call. */
bool histogram_code_get(struct histogram_decoder *decoder, struct cursor *cursor, struct histogram *sample);
/* the last that was no staleness marker, NULL when there was none */
const struct histogram *histogram_decoder_last(const struct histogram_decoder *decoder);
