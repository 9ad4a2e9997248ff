/*
 * column_read.c - pages of values and times out of their streams.
 *
 *     bytes by kind -> changes, from the bitmap on -> whole numbers, each a sum -> / 10^k -> exceptions
 *
 * Only the sums wait for one another; what is before and behind them is done to several numbers at once, and
 * behind them only to those that are wanted.
 */
#include "lib/base/bits.h"
#include "storage/block/column.h"
#include "storage/block/column_form.h"
#include "storage/chunk/decimals.h"

#include <string.h>

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
    uint64_t numbers[PAGE_SAMPLES + 1];     /* a 0 behind the last */
    uint64_t places[PAGE_SAMPLES / 64 + 1]; /* low bit first, of a sparse page */
    size_t kept;
    bool is_sparse;
};

/* numbers are left out with `skips`; count: of all */
static bool get_stored(struct cursor streams[STREAM_COUNT], struct stored *stored, size_t count, bool sparse,
                       bool skips) {
    unsigned width = cursor_u8(&streams[STREAM_CONTROL]);
    if (streams[STREAM_CONTROL].failed || width > 8) return false;
    stored->kept = count;
    stored->is_sparse = sparse;
    if (sparse) {
        size_t bytes = (count + 7) / 8;
        const uint8_t *bitmap = cursor_bytes(&streams[STREAM_CONTROL], bytes);
        if (count && !bitmap) return false;
        memset(stored->places, 0, (count / 64 + 1) * sizeof *stored->places);
        if (bytes) memcpy(stored->places, bitmap, bytes);
        stored->kept = 0;
        for (size_t i = 0; i < count / 64 + 1; i++)
            stored->kept += (size_t)__builtin_popcountll(stored->places[i]);
        if (stored->kept > count) return false;
    }
    stored->numbers[stored->kept] = 0;
    return get_planes(streams, skips ? NULL : stored->numbers, stored->kept, width);
}

/* a sparse page's numbers to the places of its bits, from the last to the first, in place */
static void spread(struct stored *stored, size_t count) {
    size_t kept = stored->kept;
    if (!stored->is_sparse) return;
    for (size_t i = count; i-- > 0;)
        stored->numbers[i] = stored->places[i / 64] >> i % 64 & 1 ? stored->numbers[--kept] : 0;
}

/* The first `count` numbers: what is stored are changes of the number, or of its step. Without branches:
 * where numbers change cannot be foreseen. */
static inline void add_up(const struct stored *stored, bool is_sparse, bool order_two, uint64_t *numbers,
                          size_t count) {
    uint64_t number = numbers[0], step = 0;
    size_t kept = 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t is_there = is_sparse ? stored->places[(i - 1) / 64] >> (i - 1) % 64 & 1 : 1;
        uint64_t change = stored->numbers[kept] & (0 - is_there);
        kept += is_there;
        step = order_two ? step + change : change;
        numbers[i] = number += step;
    }
}

/* The first `to` whole numbers of a page of `count`; 0: all are skipped. */
static bool get_whole(struct cursor streams[STREAM_COUNT], unsigned head, uint64_t *numbers, size_t to,
                      size_t count) {
    struct stored stored;
    uint64_t first = (uint64_t)cursor_zigzag(&streams[STREAM_CONTROL]);
    if (!get_stored(streams, &stored, count - 1, head & SPARSE, to == 0)) return false;
    if (to == 0) return true;
    for (size_t i = 0; i < stored.kept && i < to; i++)
        stored.numbers[i] = (uint64_t)zigzag_decode(stored.numbers[i]);
    numbers[0] = first;
    switch (head & (SPARSE | ORDER_TWO)) {
    case 0: add_up(&stored, false, false, numbers, to); break;
    case SPARSE: add_up(&stored, true, false, numbers, to); break;
    case ORDER_TWO: add_up(&stored, false, true, numbers, to); break;
    default: add_up(&stored, true, true, numbers, to); break;
    }
    return true;
}

static bool get_exceptions(struct cursor *control, const struct column_part *part, double *values,
                           size_t count) {
    uint64_t exceptions = cursor_varint(control), place = 0;
    if (exceptions > count) return false;
    for (uint64_t i = 0; i < exceptions; i++) {
        place += cursor_varint(control);
        uint64_t bits = cursor_u64(control);
        if (control->failed || place >= count) return false;
        if (place >= part->from && place < part->to) values[place - part->from] = bits_double(bits);
    }
    return !control->failed;
}

static void fill(double *values, size_t count, double value) {
    for (size_t i = 0; i < count; i++) values[i] = value;
}

static bool read_scaled(struct cursor streams[STREAM_COUNT], unsigned head, const struct column_part *part,
                        double *values, size_t count) {
    uint64_t numbers[PAGE_SAMPLES];
    unsigned scale = head >> SCALE_SHIFT;
    size_t wanted = part->to - part->from;
    bool is_read = wanted && !part->only_markers;
    if (scale > SCALE_MAX || !get_whole(streams, head, numbers, is_read ? part->to : 0, count)) return false;
    if (is_read) {
        decimals_to_doubles(numbers + part->from, wanted, scale, values);
    } else {
        fill(values, wanted, 0); /* no whole number is a marker */
    }
    return get_exceptions(&streams[STREAM_CONTROL], part, values, count);
}

static bool read_xor(struct cursor streams[STREAM_COUNT], unsigned head, const struct column_part *part,
                     double *values, size_t count) {
    struct stored stored;
    uint64_t bits = 0;
    if (!get_stored(streams, &stored, count, head & SPARSE, part->to == 0)) return false;
    if (part->to == 0) return true;
    spread(&stored, count);
    for (size_t i = 0; i < part->to; i++) {
        bits ^= __builtin_bswap64(stored.numbers[i]);
        if (i >= part->from) values[i - part->from] = bits_double(bits);
    }
    return true;
}

static bool read_constant(struct cursor streams[STREAM_COUNT], const struct column_part *part,
                          double *values) {
    double value = bits_double(cursor_u64(&streams[STREAM_CONTROL]));
    fill(values, part->to - part->from, value);
    return !streams[STREAM_CONTROL].failed;
}

int column_read_values(struct cursor streams[STREAM_COUNT], size_t count, const struct column_part *part,
                       double *values, struct err *err) {
    unsigned head = cursor_u8(&streams[STREAM_CONTROL]);
    bool good = false;
    if (count == 0 || count > PAGE_SAMPLES || streams[STREAM_CONTROL].failed) return bad(err);
    switch (form_of(head)) {
    case FORM_CONSTANT: good = read_constant(streams, part, values); break;
    case FORM_WHOLE: good = read_scaled(streams, head, part, values, count); break;
    case FORM_XOR: good = read_xor(streams, head, part, values, count); break;
    default: break;
    }
    return good ? 0 : bad(err);
}

bool column_hides_markers(const struct cursor *control) {
    return cursor_left(control) && form_of(*control->p) == FORM_XOR;
}

int column_read_times(struct cursor streams[STREAM_COUNT], int64_t *times_ms, size_t count, struct err *err) {
    unsigned head = cursor_u8(&streams[STREAM_CONTROL]);
    bool is_whole = !streams[STREAM_CONTROL].failed && form_of(head) == FORM_WHOLE;
    if (count == 0 || count > PAGE_SAMPLES || !is_whole ||
        !get_whole(streams, head, (uint64_t *)times_ms, count, count))
        return bad(err);
    return 0;
}
