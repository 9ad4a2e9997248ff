#include "storage/chunk/histogram_code.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"

#include <string.h>

#define IS_STALE 1u
#define HAS_LAYOUT 2u
#define IS_INTEGER 4u
#define RESET_SHIFT 3
#define WHOLE_LIMIT ((uint64_t)1 << 53)

/* ---- writing ---- */

static bool same_spans(const struct histogram_buckets *a, const struct histogram_buckets *b) {
    return a->span_count == b->span_count && a->count == b->count &&
           (!a->span_count || memcmp(a->spans, b->spans, a->span_count * sizeof *a->spans) == 0);
}

static bool same_layout(const struct histogram *a, const struct histogram *b) {
    return a->schema == b->schema && a->is_integer == b->is_integer &&
           double_bits(a->zero_threshold) == double_bits(b->zero_threshold) &&
           same_spans(&a->positive, &b->positive) && same_spans(&a->negative, &b->negative) &&
           a->bound_count == b->bound_count &&
           (!a->bound_count || memcmp(a->bounds, b->bounds, a->bound_count * sizeof *a->bounds) == 0);
}

static void put_double(struct buf *out, double value) {
    uint8_t bits[8];
    store_u64(bits, double_bits(value));
    buf_append(out, bits, sizeof bits);
}

static void put_spans(struct buf *out, const struct histogram_buckets *buckets) {
    buf_varint(out, buckets->span_count);
    for (uint32_t i = 0; i < buckets->span_count; i++) {
        buf_zigzag(out, buckets->spans[i].offset);
        buf_varint(out, buckets->spans[i].length);
    }
}

static void put_layout(struct buf *out, const struct histogram *h) {
    buf_zigzag(out, h->schema);
    put_double(out, h->zero_threshold);
    put_spans(out, &h->positive);
    put_spans(out, &h->negative);
    buf_varint(out, h->bound_count);
    for (uint32_t i = 0; i < h->bound_count; i++) put_double(out, h->bounds[i]);
}

/* bytes of a change that are 0 at the end of a double's bits come first, and cost nothing as a varint */
static void put_change(struct buf *out, double value, double before, bool is_integer) {
    if (is_integer)
        buf_zigzag(out, (int64_t)value - (int64_t)before);
    else
        buf_varint(out, __builtin_bswap64(double_bits(value) ^ double_bits(before)));
}

static void put_counts(struct buf *out, const struct histogram_buckets *buckets,
                       const struct histogram_buckets *before, bool is_integer) {
    for (uint32_t i = 0; i < buckets->count; i++)
        put_change(out, buckets->counts[i], before ? before->counts[i] : 0, is_integer);
}

static bool is_whole(double value) {
    return value >= 0 && value < (double)WHOLE_LIMIT &&
           double_bits((double)(int64_t)value) == double_bits(value);
}

static bool are_whole(const struct histogram_buckets *buckets) {
    for (uint32_t i = 0; i < buckets->count; i++)
        if (!is_whole(buckets->counts[i])) return false;
    return true;
}

/* counts coded as whole numbers: is_integer alone does not promise that they are */
static bool codes_whole(const struct histogram *h) {
    return h->is_integer && is_whole(h->count) && is_whole(h->zero_count) && are_whole(&h->positive) &&
           are_whole(&h->negative);
}

void histogram_code_put(struct buf *out, const struct histogram *h, const struct histogram *before) {
    bool is_stale = value_is_stale(h->sum), whole = codes_whole(h);
    bool has_layout = !before || !same_layout(h, before) || codes_whole(before) != whole;
    if (is_stale) has_layout = false;
    unsigned flags = (is_stale ? IS_STALE : 0) | (has_layout ? HAS_LAYOUT : 0) | (whole ? IS_INTEGER : 0) |
                     (unsigned)h->reset << RESET_SHIFT;
    buf_putc(out, (char)flags);
    if (is_stale) return;
    if (has_layout) {
        buf_putc(out, h->is_integer);
        put_layout(out, h);
        before = NULL;
    }
    put_change(out, h->count, before ? before->count : 0, whole);
    put_change(out, h->zero_count, before ? before->zero_count : 0, whole);
    put_change(out, h->sum, before ? before->sum : 0, false);
    put_counts(out, &h->positive, before ? &before->positive : NULL, whole);
    put_counts(out, &h->negative, before ? &before->negative : NULL, whole);
}

size_t histogram_code_most(const struct histogram *h) {
    size_t counts = (size_t)3 + h->positive.count + h->negative.count;
    size_t spans = (size_t)h->positive.span_count + h->negative.span_count;
    size_t fixed = 2 + 8 + 4 * VARINT_MAX; /* flags, zero_threshold; schema and three lengths */
    return fixed + counts * VARINT_MAX + spans * 2 * 5 + (size_t)h->bound_count * 8;
}

/* ---- reading ---- */

/* room for one sample's parts; what was read of the sample before stays in it */
struct histogram_decoder {
    struct histogram sample;
    bool is_known, is_whole;
    struct histogram_span spans[2][HISTOGRAM_MAX_BUCKETS];
    double counts[2][HISTOGRAM_MAX_BUCKETS];
    double bounds[HISTOGRAM_MAX_BUCKETS];
};

struct histogram_decoder *histogram_decoder_create(void) {
    struct histogram_decoder *decoder = mem_alloc(sizeof *decoder);
    decoder->is_known = false;
    return decoder;
}

void histogram_decoder_destroy(struct histogram_decoder *decoder) {
    mem_free(decoder);
}

const struct histogram *histogram_decoder_last(const struct histogram_decoder *decoder) {
    return decoder->is_known ? &decoder->sample : NULL;
}

static double get_double(struct cursor *cursor) {
    return bits_double(cursor_u64(cursor));
}

/* a whole number stays in [0, 2^53), as it was written: anything else fails the cursor */
static double get_change(struct cursor *cursor, double before, bool whole) {
    if (!whole) return bits_double(__builtin_bswap64(cursor_varint(cursor)) ^ double_bits(before));
    uint64_t number = (uint64_t)(int64_t)before + (uint64_t)cursor_zigzag(cursor);
    if (number < WHOLE_LIMIT) return (double)number;
    cursor->failed = true;
    return 0;
}

static bool get_spans(struct cursor *cursor, struct histogram_span *spans,
                      struct histogram_buckets *buckets) {
    uint64_t count = cursor_varint(cursor), covered = 0;
    if (cursor->failed || count > cursor_left(cursor) || count > HISTOGRAM_MAX_BUCKETS) return false;
    for (uint64_t i = 0; i < count; i++) {
        spans[i].offset = (int32_t)cursor_zigzag(cursor);
        uint64_t length = cursor_varint(cursor);
        if (length > HISTOGRAM_MAX_BUCKETS) return false;
        spans[i].length = (uint32_t)length;
        covered += length;
    }
    *buckets =
        (struct histogram_buckets){.spans = spans, .span_count = (uint32_t)count, .count = (uint32_t)covered};
    return !cursor->failed && covered <= HISTOGRAM_MAX_BUCKETS;
}

static bool get_layout(struct cursor *cursor, struct histogram_decoder *decoder) {
    struct histogram *h = &decoder->sample;
    *h = (struct histogram){.is_integer = cursor_u8(cursor) != 0};
    h->schema = (int8_t)cursor_zigzag(cursor);
    h->zero_threshold = get_double(cursor);
    if (!get_spans(cursor, decoder->spans[0], &h->positive) ||
        !get_spans(cursor, decoder->spans[1], &h->negative))
        return false;
    uint64_t bounds = cursor_varint(cursor);
    if (cursor->failed || bounds > cursor_left(cursor) / 8 || bounds > HISTOGRAM_MAX_BUCKETS) return false;
    for (uint64_t i = 0; i < bounds; i++) decoder->bounds[i] = get_double(cursor);
    h->bound_count = (uint32_t)bounds;
    h->bounds = decoder->bounds;
    h->positive.counts = decoder->counts[0];
    h->negative.counts = decoder->counts[1];
    memset(decoder->counts[0], 0, h->positive.count * sizeof(double));
    memset(decoder->counts[1], 0, h->negative.count * sizeof(double));
    return true;
}

bool histogram_code_get(struct histogram_decoder *decoder, struct cursor *cursor, struct histogram *sample) {
    struct histogram *h = &decoder->sample;
    unsigned flags = cursor_u8(cursor);
    bool whole = flags & IS_INTEGER;
    if (cursor->failed || flags >> RESET_SHIFT > HISTOGRAM_RESET_GAUGE) return false;
    if (flags & IS_STALE) {
        *sample = histogram_stale();
        sample->reset = (uint8_t)(flags >> RESET_SHIFT);
        return true;
    }
    if (flags & HAS_LAYOUT) {
        decoder->is_known = get_layout(cursor, decoder);
        decoder->is_whole = whole;
    }
    if (!decoder->is_known || decoder->is_whole != whole) return false;
    h->reset = (uint8_t)(flags >> RESET_SHIFT);
    h->count = get_change(cursor, h->count, whole);
    h->zero_count = get_change(cursor, h->zero_count, whole);
    h->sum = get_change(cursor, h->sum, false);
    for (uint32_t i = 0; i < h->positive.count; i++)
        decoder->counts[0][i] = get_change(cursor, decoder->counts[0][i], whole);
    for (uint32_t i = 0; i < h->negative.count; i++)
        decoder->counts[1][i] = get_change(cursor, decoder->counts[1][i], whole);
    *sample = *h;
    return !cursor->failed;
}
