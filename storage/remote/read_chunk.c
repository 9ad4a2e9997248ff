#include "storage/remote/read_chunk.h"

#include "lib/base/bits.h"
#include "storage/chunk/bits.h"

#include <math.h>

#define ROWS_MAX 120u
#define NUMBERS_MAX 4096u /* of histograms, about */
#define NUMBER_BYTES 10   /* the longest code of one */

/* ---- codes ---- */

static bool fits(uint64_t value, unsigned size, bool is_signed) {
    int64_t number = (int64_t)value, most = size ? (int64_t)1 << (size - 1) : 0;
    if (size == 0) return value == 0;
    return is_signed ? number > -most && number <= most : value >> size == 0;
}

/* k ones and a zero, then sizes[k] bits; behind the last so many ones there is no zero */
static void put_code(struct bit_writer *writer, const uint8_t *sizes, unsigned last, uint64_t value,
                     bool is_signed) {
    unsigned k = 0;
    while (k < last && !fits(value, sizes[k], is_signed)) k++;
    if (k < last)
        writer_push(writer, ((UINT64_C(1) << k) - 1) << 1, k + 1);
    else
        writer_push(writer, UINT64_MAX, last);
    if (sizes[k]) writer_push(writer, value, sizes[k]);
}

static const uint8_t number_sizes[] = {0, 3, 6, 9, 12, 18, 25, 56, 64};

static void put_uint(struct bit_writer *writer, uint64_t value) {
    put_code(writer, number_sizes, 8, value, false);
}

static void put_int(struct bit_writer *writer, uint64_t value) {
    put_code(writer, number_sizes, 8, value, true);
}

static void put_leb(struct bit_writer *writer, uint64_t value) {
    for (; value >= 0x80; value >>= 7) writer_push(writer, (value & 0x7f) | 0x80, 8);
    writer_push(writer, value, 8);
}

static void put_double(struct bit_writer *writer, double value) {
    writer_push(writer, double_bits(value), 64);
}

struct xor_window {
    unsigned leading, length; /* length 0: none yet */
};

static void put_xor(struct bit_writer *writer, double before, double now, struct xor_window *window) {
    uint64_t change = double_bits(before) ^ double_bits(now);
    if (!change) {
        writer_push(writer, 0, 1);
        return;
    }
    unsigned leading = (unsigned)__builtin_clzll(change), trailing = (unsigned)__builtin_ctzll(change);
    if (leading > 31) leading = 31;
    if (window->length && leading >= window->leading && trailing >= 64 - window->leading - window->length) {
        writer_push(writer, 2, 2);
    } else {
        *window = (struct xor_window){leading, 64 - leading - trailing};
        writer_push(writer, 3, 2);
        writer_push(writer, leading, 5);
        writer_push(writer, window->length, 6); /* 64 is 0 */
    }
    writer_push(writer, change >> (64 - window->leading - window->length), window->length);
}

/* ---- floats ---- */

static void write_floats(const struct columns *columns, size_t from, size_t end, struct bit_writer *writer) {
    static const uint8_t step_sizes[] = {0, 14, 17, 20, 64};
    struct xor_window window = {0};
    uint64_t before = 0;
    put_leb(writer, zigzag_encode(columns->times_ms[from]));
    put_double(writer, columns->values[from]);
    for (size_t i = from + 1; i < end; i++) {
        uint64_t step = (uint64_t)columns->times_ms[i] - (uint64_t)columns->times_ms[i - 1];
        if (i == from + 1)
            put_leb(writer, step);
        else
            put_code(writer, step_sizes, 4, step - before, true);
        put_xor(writer, columns->values[i - 1], columns->values[i], &window);
        before = step;
    }
}

static size_t end_of_floats(const struct columns *columns, size_t from) {
    size_t end = from + 1;
    while (end < columns->count && end - from < ROWS_MAX && !columns_histogram(columns, end)) end++;
    return end;
}

/* ---- histograms: their layout ---- */

static void put_zero_threshold(struct bit_writer *writer, double threshold) {
    int exponent;
    double fraction = frexp(threshold, &exponent);
    bool is_power = threshold > 0 && fraction == 0.5 && exponent >= -242 && exponent <= 11;
    if (is_power || threshold == 0) {
        writer_push(writer, is_power ? (uint64_t)(exponent + 243) : 0, 8);
        return;
    }
    writer_push(writer, 255, 8);
    put_double(writer, threshold);
}

static void put_spans(struct bit_writer *writer, const struct histogram_buckets *side) {
    put_uint(writer, side->span_count);
    for (uint32_t i = 0; i < side->span_count; i++) {
        put_uint(writer, side->spans[i].length);
        put_int(writer, (uint64_t)(int64_t)side->spans[i].offset);
    }
}

/* thousandths plus 1 where that says it all, else 0 and the double */
static void put_bounds(struct bit_writer *writer, const struct histogram *h) {
    put_uint(writer, h->bound_count);
    for (uint32_t i = 0; i < h->bound_count; i++) {
        double thousandths = round(h->bounds[i] * 1000);
        bool is_short = thousandths >= 0 && thousandths <= 33554430 &&
                        double_bits(thousandths / 1000) == double_bits(h->bounds[i]);
        put_uint(writer, is_short ? (uint64_t)thousandths + 1 : 0);
        if (!is_short) put_double(writer, h->bounds[i]);
    }
}

static void put_layout(struct bit_writer *writer, const struct histogram *h) {
    put_zero_threshold(writer, h->zero_threshold);
    put_int(writer, (uint64_t)(int64_t)h->schema);
    put_spans(writer, &h->positive);
    put_spans(writer, &h->negative);
    if (h->schema == HISTOGRAM_SCHEMA_CUSTOM) put_bounds(writer, h);
}

static bool same_spans(const struct histogram_buckets *a, const struct histogram_buckets *b) {
    if (a->span_count != b->span_count) return false;
    for (uint32_t i = 0; i < a->span_count; i++)
        if (a->spans[i].offset != b->spans[i].offset || a->spans[i].length != b->spans[i].length)
            return false;
    return true;
}

static bool same_layout(const struct histogram *a, const struct histogram *b) {
    if (a->schema != b->schema || a->bound_count != b->bound_count ||
        double_bits(a->zero_threshold) != double_bits(b->zero_threshold))
        return false;
    for (uint32_t i = 0; i < a->bound_count; i++)
        if (double_bits(a->bounds[i]) != double_bits(b->bounds[i])) return false;
    return same_spans(&a->positive, &b->positive) && same_spans(&a->negative, &b->negative);
}

static bool can_follow(const struct histogram *a, const struct histogram *b) {
    bool is_gauge = a->reset == HISTOGRAM_RESET_GAUGE;
    return a->is_integer == b->is_integer && !value_is_stale(a->sum) && !value_is_stale(b->sum) &&
           is_gauge == (b->reset == HISTOGRAM_RESET_GAUGE) && b->reset != HISTOGRAM_RESET_YES &&
           same_layout(a, b) && (is_gauge || histogram_continues(a, b));
}

/* ---- histograms: their numbers ---- */

enum { TIME, COUNT, ZERO, BUCKETS }; /* number BUCKETS + i is bucket i, positive ones first */

static size_t number_count(const struct histogram *h) {
    return BUCKETS + (size_t)h->positive.count + h->negative.count;
}

static double plain_number(const struct histogram *h, size_t k) {
    if (k == COUNT) return h->count;
    if (k == ZERO) return h->zero_count;
    size_t i = k - BUCKETS;
    return i < h->positive.count ? h->positive.counts[i] : h->negative.counts[i - h->positive.count];
}

static uint64_t whole(double count) {
    return count >= 0x1p64 ? UINT64_MAX : count > 0 ? (uint64_t)count : 0;
}

/* modulo 2^64; a bucket as its difference to the one before it on its side */
static uint64_t whole_number(const struct columns *columns, size_t row, size_t k) {
    const struct histogram *h = columns_histogram(columns, row);
    if (k == TIME) return (uint64_t)columns->times_ms[row];
    bool is_first = k <= BUCKETS || k == BUCKETS + (size_t)h->positive.count;
    return whole(plain_number(h, k)) - (is_first ? 0 : whole(plain_number(h, k - 1)));
}

static void put_whole(struct bit_writer *writer, const struct columns *columns, size_t from, size_t row,
                      size_t k) {
    uint64_t now = whole_number(columns, row, k);
    if (row == from) {
        if (k == COUNT || k == ZERO)
            put_uint(writer, now);
        else
            put_int(writer, now);
        return;
    }
    uint64_t before = whole_number(columns, row - 1, k), change = now - before;
    if (row > from + 1) change -= before - whole_number(columns, row - 2, k);
    put_int(writer, change);
}

/* each with a window of its own: nothing is to be remembered of the row before */
static void put_plain(struct bit_writer *writer, bool is_first, double before, double now) {
    struct xor_window window = {0};
    if (is_first)
        put_double(writer, now);
    else
        put_xor(writer, before, now, &window);
}

static void put_row(struct bit_writer *writer, const struct columns *columns, size_t from, size_t row) {
    const struct histogram *h = columns_histogram(columns, row);
    const struct histogram *before = row > from ? columns_histogram(columns, row - 1) : h;
    put_whole(writer, columns, from, row, TIME);
    for (size_t k = COUNT; k < number_count(h); k++) {
        if (k == BUCKETS) put_plain(writer, row == from, before->sum, h->sum);
        if (h->is_integer)
            put_whole(writer, columns, from, row, k);
        else
            put_plain(writer, row == from, plain_number(before, k), plain_number(h, k));
    }
    if (number_count(h) == BUCKETS) put_plain(writer, row == from, before->sum, h->sum);
}

static void write_histograms(const struct columns *columns, size_t from, size_t end,
                             struct bit_writer *writer) {
    const struct histogram *first = columns_histogram(columns, from);
    unsigned reset = first->reset == HISTOGRAM_RESET_GAUGE ? 0xc0
                     : first->reset == HISTOGRAM_RESET_YES ? 0x80
                                                           : 0;
    writer_push(writer, reset, 8);
    put_layout(writer, first);
    for (size_t row = from; row < end; row++) put_row(writer, columns, from, row);
}

static size_t end_of_histograms(const struct columns *columns, size_t from) {
    size_t most = 1 + NUMBERS_MAX / number_count(columns_histogram(columns, from)), end = from + 1;
    if (most > ROWS_MAX) most = ROWS_MAX;
    while (end < columns->count && end - from < most && columns_histogram(columns, end) &&
           can_follow(columns_histogram(columns, end - 1), columns_histogram(columns, end)))
        end++;
    return end;
}

/* ---- a chunk ---- */

/* more than it can take; the last 8 bytes are the writer's */
static size_t room(const struct histogram *h, size_t rows) {
    size_t numbers = rows * (h ? number_count(h) + 1 : 2);
    if (h)
        numbers += 2 * ((size_t)h->positive.span_count + h->negative.span_count) + 2 * (size_t)h->bound_count;
    return 64 + numbers * NUMBER_BYTES;
}

bool read_chunk_write(const struct columns *columns, size_t from, struct buf *out, struct read_chunk *chunk) {
    const struct histogram *h = columns_histogram(columns, from);
    size_t end = h ? end_of_histograms(columns, from) : end_of_floats(columns, from);
    if (!buf_reserve(out, room(h, end - from))) return false;
    struct bit_writer writer = {.at = (uint8_t *)out->data + out->len};
    writer_push(&writer, end - from, 16);
    if (h)
        write_histograms(columns, from, end, &writer);
    else
        write_floats(columns, from, end, &writer);
    out->len = (size_t)((char *)writer_end(&writer) - out->data);
    *chunk = (struct read_chunk){!h              ? READ_XOR
                                 : h->is_integer ? READ_HISTOGRAM
                                                 : READ_FLOAT_HISTOGRAM,
                                 columns->times_ms[from], columns->times_ms[end - 1], end};
    return true;
}
