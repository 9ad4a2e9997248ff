#include "storage/block/column.h"

#include "lib/base/bits.h"

#include <math.h>
#include <string.h>

enum form { FORM_CONSTANT, FORM_WHOLE, FORM_XOR };

/* first byte of a page: form, then for FORM_WHOLE the order of differences and the scale */
#define FORM_BITS 2
#define ORDER_TWO 4u
#define SPARSE 8u
#define SCALE_SHIFT 4
#define SCALE_MAX 6u

#define WHOLE_LIMIT 9007199254740992.0 /* 2^53 */
#define EXCEPTIONS_MAX(count) ((count) / 16 + 1)

static const double powers[SCALE_MAX + 1] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};

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
    double scaled = value * powers[scale];
    if (!(fabs(scaled) < WHOLE_LIMIT)) return false;
    *number = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    return double_bits((double)*number / powers[scale]) == double_bits(value);
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

/* ---- reading ---- */

static int bad(struct err *err) {
    return err_set(err, ERR_CORRUPT, "a page of a block makes no sense");
}

/* the bytes of numbers that are there, one plane behind the other; numbers NULL: skipped */
static bool get_planes(struct cursor streams[STREAM_COUNT], uint64_t *numbers, size_t count, unsigned width) {
    const uint8_t *planes[8] = {NULL};
    for (unsigned plane = 0; plane < width; plane++) {
        planes[plane] = cursor_bytes(&streams[plane == 0   ? STREAM_LOW
                                              : plane == 1 ? STREAM_MIDDLE
                                                           : STREAM_HIGH],
                                     count);
        if (count && !planes[plane]) return false;
    }
    if (!numbers) return true;
    if (width == 1) {
        for (size_t i = 0; i < count; i++) numbers[i] = planes[0][i];
    } else if (width == 2) {
        for (size_t i = 0; i < count; i++) numbers[i] = planes[0][i] | (uint64_t)planes[1][i] << 8;
    } else {
        memset(numbers, 0, count * sizeof *numbers);
        for (unsigned plane = 0; plane < width; plane++)
            for (size_t i = 0; i < count; i++) numbers[i] |= (uint64_t)planes[plane][i] << (8 * plane);
    }
    return true;
}

/* Numbers of a page as they are stored: those that are not 0 of a sparse one, with the bitmap of their
 * places. */
struct stored {
    uint64_t numbers[PAGE_SAMPLES];
    uint64_t places[PAGE_SAMPLES / 64 + 1]; /* low bit first; all set when the page is not sparse */
    size_t count, kept;
    bool is_sparse;
};

/* numbers are left out with `skips`; count: of all */
static bool get_stored(struct cursor streams[STREAM_COUNT], struct stored *stored, size_t count, bool sparse,
                       bool skips) {
    unsigned width = cursor_u8(&streams[STREAM_CONTROL]);
    if (streams[STREAM_CONTROL].failed || width > 8) return false;
    stored->count = stored->kept = count;
    stored->is_sparse = sparse;
    if (sparse) {
        size_t bytes = (count + 7) / 8;
        const uint8_t *bitmap = cursor_bytes(&streams[STREAM_CONTROL], bytes);
        if (count && !bitmap) return false;
        memset(stored->places, 0, (count / 64 + 1) * sizeof *stored->places);
        for (size_t i = 0; i < bytes; i++) stored->places[i / 8] |= (uint64_t)bitmap[i] << i % 8 * 8;
        stored->kept = 0;
        for (size_t i = 0; i < count / 64 + 1; i++)
            stored->kept += (size_t)__builtin_popcountll(stored->places[i]);
        if (stored->kept > count) return false;
    }
    return get_planes(streams, skips ? NULL : stored->numbers, stored->kept, width);
}

/* the place of the next stored number from `from` on, or count */
static inline size_t next_place(const struct stored *stored, size_t from) {
    if (!stored->is_sparse || from >= stored->count) return from;
    size_t word = from / 64;
    uint64_t left = stored->places[word] >> from % 64 << from % 64;
    while (!left && ++word < stored->count / 64 + 1) left = stored->places[word];
    size_t place = left ? word * 64 + (size_t)__builtin_ctzll(left) : stored->count;
    return place < stored->count ? place : stored->count;
}

/* a sparse page's numbers to the places of its bits, from the last to the first, in place */
static void spread(struct stored *stored) {
    size_t kept = stored->kept;
    if (!stored->is_sparse) return;
    for (size_t i = stored->count; i-- > 0;)
        stored->numbers[i] = stored->places[i / 64] >> i % 64 & 1 ? stored->numbers[--kept] : 0;
}

/* what the numbers of a page are steps from, and the steps; false when they make no sense */
static bool get_steps(struct cursor streams[STREAM_COUNT], unsigned head, uint64_t *first,
                      struct stored *stored, size_t count, bool skips) {
    *first = (uint64_t)cursor_zigzag(&streams[STREAM_CONTROL]);
    return get_stored(streams, stored, count - 1, head & SPARSE, skips);
}

/* the whole numbers of a page; numbers NULL: skipped */
static bool get_whole(struct cursor streams[STREAM_COUNT], unsigned head, int64_t *numbers, size_t count) {
    struct stored stored;
    uint64_t value, step = 0;
    if (!get_steps(streams, head, &value, &stored, count, !numbers)) return false;
    if (!numbers) return true;
    spread(&stored);
    numbers[0] = (int64_t)value;
    for (size_t i = 1; i < count; i++) {
        uint64_t change = (uint64_t)zigzag_decode(stored.numbers[i - 1]);
        step = head & ORDER_TWO ? step + change : change;
        numbers[i] = (int64_t)(value += step);
    }
    return true;
}

static bool get_exceptions(struct cursor *control, double *values, size_t count) {
    uint64_t exceptions = cursor_varint(control), place = 0;
    if (exceptions > count) return false;
    for (uint64_t i = 0; i < exceptions; i++) {
        place += cursor_varint(control);
        uint64_t bits = cursor_u64(control);
        if (control->failed || place >= count) return false;
        if (values) values[place] = bits_double(bits);
    }
    return !control->failed;
}

static double scaled(uint64_t number, double power) {
    return (double)(int64_t)number / power;
}

static void fill(double *values, size_t from, size_t to, double value) {
    for (size_t i = from; i < to; i++) values[i] = value;
}

/* steps are stored where they are not 0: in between the value stays */
static void walk_steps(const struct stored *stored, uint64_t number, double power, double *values) {
    double value = scaled(number, power);
    size_t at = 0, kept = 0; /* values[0 .. at] are there */
    values[0] = value;
    while (at < stored->count) {
        size_t next = next_place(stored, at);
        fill(values, at + 1, next + 1, value);
        if (next == stored->count) return;
        number += (uint64_t)zigzag_decode(stored->numbers[kept++]);
        value = scaled(number, power);
        values[next + 1] = value;
        at = next + 1;
    }
}

/* changes of the step are stored: in between it is taken again and again */
static void walk_changes(const struct stored *stored, uint64_t number, double power, double *values) {
    uint64_t step = 0;
    size_t at = 0, kept = 0;
    values[0] = scaled(number, power);
    while (at < stored->count) {
        size_t next = next_place(stored, at);
        if (step == 0) fill(values, at + 1, next + 1, values[at]);
        for (; step && at < next; at++) values[at + 1] = scaled(number += step, power);
        if (next == stored->count) return;
        step += (uint64_t)zigzag_decode(stored->numbers[kept++]);
        number += step;
        values[next + 1] = scaled(number, power);
        at = next + 1;
    }
}

static bool read_scaled(struct cursor streams[STREAM_COUNT], unsigned head, double *values, size_t count) {
    struct stored stored;
    unsigned scale = head >> SCALE_SHIFT;
    uint64_t first;
    if (scale > SCALE_MAX || !get_steps(streams, head, &first, &stored, count, !values)) return false;
    if (values && head & ORDER_TWO)
        walk_changes(&stored, first, powers[scale], values);
    else if (values)
        walk_steps(&stored, first, powers[scale], values);
    return get_exceptions(&streams[STREAM_CONTROL], values, count);
}

static bool read_xor(struct cursor streams[STREAM_COUNT], unsigned head, double *values, size_t count) {
    struct stored stored;
    uint64_t bits = 0;
    if (!get_stored(streams, &stored, count, head & SPARSE, !values)) return false;
    if (!values) return true;
    spread(&stored);
    for (size_t i = 0; i < count; i++) {
        bits ^= __builtin_bswap64(stored.numbers[i]);
        values[i] = bits_double(bits);
    }
    return true;
}

static bool read_constant(struct cursor streams[STREAM_COUNT], double *values, size_t count) {
    double value = bits_double(cursor_u64(&streams[STREAM_CONTROL]));
    for (size_t i = 0; values && i < count; i++) values[i] = value;
    return !streams[STREAM_CONTROL].failed;
}

int column_read_values(struct cursor streams[STREAM_COUNT], double *values, size_t count, struct err *err) {
    unsigned head = cursor_u8(&streams[STREAM_CONTROL]);
    bool good = false;
    if (count == 0 || count > PAGE_SAMPLES || streams[STREAM_CONTROL].failed) return bad(err);
    switch (head & ((1u << FORM_BITS) - 1)) {
    case FORM_CONSTANT: good = read_constant(streams, values, count); break;
    case FORM_WHOLE: good = read_scaled(streams, head, values, count); break;
    case FORM_XOR: good = read_xor(streams, head, values, count); break;
    default: break;
    }
    return good ? 0 : bad(err);
}

int column_read_times(struct cursor streams[STREAM_COUNT], int64_t *times_ms, size_t count, struct err *err) {
    unsigned head = cursor_u8(&streams[STREAM_CONTROL]);
    bool is_whole = !streams[STREAM_CONTROL].failed && (head & ((1u << FORM_BITS) - 1)) == FORM_WHOLE;
    if (count == 0 || count > PAGE_SAMPLES || !is_whole || !get_whole(streams, head, times_ms, count))
        return bad(err);
    return 0;
}
