#include "storage/block/column.h"

#include "lib/base/bits.h"
#include "storage/block/column_form.h"

#include <math.h>
#include <string.h>

#define WHOLE_LIMIT 9007199254740992.0 /* 2^53 */
#define EXCEPTIONS_MAX(count) ((count) / 16 + 1)

/* ---- numbers into streams ---- */

static unsigned byte_width(uint64_t any) {
    return any ? (64 - (unsigned)__builtin_clzll(any) + 7) / 8 : 0;
}

static void put_planes(struct buf streams[STREAM_COUNT], const uint64_t *numbers, size_t count,
                       unsigned width) {
    for (unsigned plane = 0; plane < width; plane++) {
        struct buf *out = &streams[plane == 0 ? STREAM_LOW : plane == 1 ? STREAM_MIDDLE : STREAM_HIGH];
        if (!buf_reserve(out, count)) return;
        uint8_t *at = (uint8_t *)out->data + out->len;
        for (size_t i = 0; i < count; i++) at[i] = (uint8_t)(numbers[i] >> (8 * plane));
        out->len += count;
    }
}

/* control: width, then for a sparse page a bit for each number that is not 0; numbers is changed */
static void put_numbers(struct buf streams[STREAM_COUNT], uint64_t *numbers, size_t count, bool is_sparse) {
    uint8_t bitmap[PAGE_SAMPLES / 8] = {0};
    uint64_t any = 0;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) any |= numbers[i];
    unsigned width = byte_width(any);
    buf_putc(&streams[STREAM_CONTROL], (char)width);
    if (!is_sparse) {
        put_planes(streams, numbers, count, width);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!numbers[i]) continue;
        bitmap[i / 8] |= (uint8_t)(1u << i % 8);
        numbers[kept++] = numbers[i];
    }
    buf_append(&streams[STREAM_CONTROL], bitmap, (count + 7) / 8);
    put_planes(streams, numbers, kept, width);
}

static bool is_sparse(const uint64_t *numbers, size_t count) {
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) zeros += numbers[i] == 0;
    return zeros * 4 > count;
}

/* ---- whole numbers ---- */

/* the differences of the differences are taken when that makes smaller numbers */
static bool wants_order_two(const int64_t *numbers, size_t count) {
    unsigned one = 0, two = 0;
    uint64_t step_before = 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t step = (uint64_t)numbers[i] - (uint64_t)numbers[i - 1];
        one += byte_width(zigzag_encode((int64_t)step));
        two += byte_width(zigzag_encode((int64_t)(step - step_before)));
        step_before = step;
    }
    return two < one;
}

static void put_whole(struct buf streams[STREAM_COUNT], const int64_t *numbers, size_t count,
                      unsigned scale) {
    uint64_t changes[PAGE_SAMPLES];
    bool order_two = wants_order_two(numbers, count);
    uint64_t before = (uint64_t)numbers[0], step_before = 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t step = (uint64_t)numbers[i] - before;
        changes[i - 1] = zigzag_encode((int64_t)(order_two ? step - step_before : step));
        step_before = step;
        before = (uint64_t)numbers[i];
    }
    bool sparse = is_sparse(changes, count - 1);
    buf_putc(&streams[STREAM_CONTROL],
             (char)(FORM_WHOLE | (order_two ? ORDER_TWO : 0) | (sparse ? SPARSE : 0) | scale << SCALE_SHIFT));
    buf_zigzag(&streams[STREAM_CONTROL], numbers[0]);
    put_numbers(streams, changes, count - 1, sparse);
}

/* ---- writing values ---- */

static bool is_whole(double value, unsigned scale, int64_t *number) {
    double scaled = value * decimal_powers[scale];
    if (!(fabs(scaled) < WHOLE_LIMIT)) return false;
    *number = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    return double_bits((double)*number / decimal_powers[scale]) == double_bits(value);
}

struct exceptions {
    uint16_t places[PAGE_SAMPLES / 16 + 1];
    size_t count;
};

/* false: with this scale too many are none; an exception stands for the number before it */
static bool scale_values(const double *values, size_t count, unsigned scale, int64_t *numbers,
                         struct exceptions *exceptions) {
    exceptions->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_whole(values[i], scale, &numbers[i])) continue;
        if (exceptions->count == EXCEPTIONS_MAX(count) - 1) return false;
        numbers[i] = i ? numbers[i - 1] : 0;
        exceptions->places[exceptions->count++] = (uint16_t)i;
    }
    return true;
}

static void put_exceptions(struct buf *control, const double *values, const struct exceptions *exceptions) {
    size_t before = 0;
    buf_varint(control, exceptions->count);
    for (size_t i = 0; i < exceptions->count; i++) {
        uint8_t bits[8];
        store_u64(bits, double_bits(values[exceptions->places[i]]));
        buf_varint(control, exceptions->places[i] - before);
        buf_append(control, bits, sizeof bits);
        before = exceptions->places[i];
    }
}

static void put_xor(struct buf streams[STREAM_COUNT], const double *values, size_t count) {
    uint64_t changes[PAGE_SAMPLES], before = 0;
    for (size_t i = 0; i < count; i++) {
        changes[i] = __builtin_bswap64(double_bits(values[i]) ^ before);
        before = double_bits(values[i]);
    }
    bool sparse = is_sparse(changes, count);
    buf_putc(&streams[STREAM_CONTROL], (char)(FORM_XOR | (sparse ? SPARSE : 0)));
    put_numbers(streams, changes, count, sparse);
}

static bool is_constant(const double *values, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (double_bits(values[i]) != double_bits(values[0])) return false;
    return true;
}

void column_write_values(struct buf streams[STREAM_COUNT], const double *values, size_t count) {
    int64_t numbers[PAGE_SAMPLES];
    struct exceptions exceptions;
    if (is_constant(values, count)) {
        uint8_t bits[8];
        store_u64(bits, double_bits(values[0]));
        buf_putc(&streams[STREAM_CONTROL], FORM_CONSTANT);
        buf_append(&streams[STREAM_CONTROL], bits, sizeof bits);
        return;
    }
    for (unsigned scale = 0; scale <= SCALE_MAX; scale++) {
        if (!scale_values(values, count, scale, numbers, &exceptions)) continue;
        put_whole(streams, numbers, count, scale);
        put_exceptions(&streams[STREAM_CONTROL], values, &exceptions);
        return;
    }
    put_xor(streams, values, count);
}

void column_write_times(struct buf streams[STREAM_COUNT], const int64_t *times_ms, size_t count) {
    put_whole(streams, times_ms, count, 0);
}
