/*
 * The payload of type 3: the rows of a batch that differ from those of the record before it in its chain.
 *
 *     state of a row: value | step that its number took last | width of the last change | form | rested
 *     rested rows that changed, by their distances | bits: of each other row 0 or 1, of each changed one its
 * code
 *
 * Writer and reader move the same state in the same way.
 */
#include "storage/wal/record.h"

#include "lib/base/assert.h"
#include "storage/chunk/bits.h"
#include "storage/wal/value.h"

#define HAS_LATE_FROM 2u
#define RESTED 3u          /* a row without a change in so many records in a row says nothing more */
#define ROW_MAX_BYTES 10u  /* 2 + 6 + 64 bits of a change, and one before it */
#define STEP_ROWS 256u     /* room is made for so many at once */
#define SPARE_BITS 6u      /* a change is written in more bits than it needs, up to so many */
#define FORM_BITS 4u       /* of a row whose value is no short decimal */
#define STEP_MAX (1 << 20) /* a longer one is not expected again */

_Static_assert(sizeof(struct changes_row) == 12, "a series that is scraped has one");

static unsigned bits_wanted(uint64_t zigzag) {
    return zigzag ? 64 - (unsigned)__builtin_clzll(zigzag) : 0;
}

/* the smallest form from this one on that suits the value */
static unsigned find_form(double value, unsigned from) {
    int64_t m;
    while (from <= VALUE_SCALE_MAX && !value_is_scaled(value, from, &m)) from++;
    return from <= VALUE_SCALE_MAX ? from : FORM_BITS;
}

void changes_row_begin(struct changes_row *row, double value) {
    *row = (struct changes_row){.value = value, .form = find_form(value, 0) & 7};
}

static void take_raw(struct changes_row *row, double value) {
    *row = (struct changes_row){.value = value, .form = find_form(value, row->form) & 7};
}

/* which fits */
static void set_step(struct changes_row *row, int64_t step) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
    row->step = (int32_t)step;
#pragma GCC diagnostic pop
}

/* its step is expected again, unless expecting the one before was worse than expecting none */
static void take_step(struct changes_row *row, double value, int64_t step, uint64_t change) {
    bool is_good = bits_wanted(change) <= bits_wanted(zigzag_encode(step));
    row->value = value;
    row->step = 0;
    if (is_good && step > -STEP_MAX && step < STEP_MAX) set_step(row, step);
    row->rested = 0;
}

/* ---- writing ---- */

static void push_xor(struct changes_row *row, double value, struct bit_writer *bits) {
    uint64_t change = double_bits(value) ^ double_bits(row->value);
    unsigned leading = (unsigned)__builtin_clzll(change),
             length = 64 - leading - (unsigned)__builtin_ctzll(change);
    writer_push(bits, leading << 6 | (length - 1), 12);
    writer_push(bits, change >> (64 - leading - length), length);
    row->value = value;
    row->rested = 0;
}

static void push_change(struct changes_row *row, double value, struct bit_writer *bits) {
    int64_t before, now;
    if (row->form == FORM_BITS) {
        push_xor(row, value, bits);
        return;
    }
    bool is_number = value_is_scaled(row->value, row->form, &before);
    ASSERT(is_number);
    if (!value_is_scaled(value, row->form, &now)) {
        writer_push(bits, 3, 2);
        writer_push(bits, double_bits(value), 64);
        take_raw(row, value);
        return;
    }
    uint64_t change = zigzag_encode(now - before - row->step);
    unsigned wanted = bits_wanted(change);
    if (wanted <= row->width && row->width < wanted + SPARE_BITS) {
        writer_push(bits, 0, 1);
    } else {
        writer_push(bits, 2u << 6 | wanted, 8);
        row->width = wanted & 63;
    }
    if (row->width) writer_push(bits, change, row->width);
    take_step(row, value, now - before, change);
}

static bool differs(const struct changes_row *row, double value) {
    return double_bits(value) != double_bits(row->value);
}

/* Which rested rows changed: how far each is behind the one before, among rested ones. They are found without
 * branches, which no processor would foresee. */
static void put_distances(struct buf *out, const struct changes_columns *rows,
                          const struct changes_row *state) {
    size_t rested = 0, last = 0, places[STEP_ROWS];
    for (size_t from = 0; from < rows->count; from += STEP_ROWS) {
        size_t left = rows->count - from, end = from + (left < STEP_ROWS ? left : STEP_ROWS), found = 0;
        for (size_t i = from; i < end; i++) {
            bool rests = state[i].rested >= RESTED;
            rested += rests;
            places[found] = rested;
            found += rests & differs(&state[i], rows->values[i]);
        }
        for (size_t i = 0; i < found; last = places[i++]) buf_varint(out, places[i] - last);
    }
    buf_varint(out, 0);
}

static void put_bits(struct buf *out, const struct changes_columns *rows, struct changes_row *state) {
    struct bit_writer bits = {0};
    for (size_t i = 0; i < rows->count; i++) {
        struct changes_row *row = &state[i];
        if (i % STEP_ROWS == 0) {
            if (bits.at) out->len = (size_t)((char *)bits.at - out->data);
            if (!buf_reserve(out, STEP_ROWS * ROW_MAX_BYTES + 16)) return;
            bits.at = (uint8_t *)out->data + out->len;
        }
        bool is_changed = differs(row, rows->values[i]);
        if (row->rested < RESTED) {
            writer_push(&bits, is_changed, 1);
            row->rested++;
        }
        if (is_changed) push_change(row, rows->values[i], &bits);
    }
    if (bits.at) out->len = (size_t)((char *)writer_end(&bits) - out->data);
}

int changes_record_write(struct buf *out, const struct changes_columns *rows, struct changes_row *state,
                         struct err *err) {
    size_t begin = out->len;
    bool has_late_from = rows->late_from != LATE_NEVER;
    buf_putc(out, has_late_from ? HAS_LATE_FROM : 0);
    buf_varint(out, rows->count);
    buf_varint(out, rows->key_distance);
    buf_varint(out, rows->place);
    if (has_late_from) buf_zigzag(out, rows->late_from);
    buf_zigzag(out, rows->time_ms);
    put_distances(out, rows, state);
    put_bits(out, rows, state);
    if (!out->failed) return 0;
    out->len = begin;
    return err_set(err, ERR_LIMIT, "a record of %zu samples is larger than its limit", rows->count);
}

/* ---- reading ---- */

static int corrupt(struct err *err, const char *what) {
    return err_set(err, ERR_CORRUPT, "changes record: %s", what);
}

int changes_reader_init(struct changes_reader *reader, const void *payload, size_t len, struct err *err) {
    struct cursor cursor = cursor_of(payload, len);
    uint8_t flags = cursor_u8(&cursor);
    struct changes_reader found = {.rows = cursor_varint(&cursor),
                                   .key_distance = cursor_varint(&cursor),
                                   .place = cursor_varint(&cursor)};
    found.late_from = flags & HAS_LATE_FROM ? cursor_zigzag(&cursor) : LATE_NEVER;
    found.time_ms = cursor_zigzag(&cursor);
    if (cursor.failed || flags & ~HAS_LATE_FROM || found.rows > RECORD_MAX_ROWS)
        return corrupt(err, "bad header");
    found.distances = cursor;
    while (cursor_varint(&cursor)) continue;
    if (cursor.failed) return corrupt(err, "no end of its rested rows");
    found.rested_left = cursor_varint(&found.distances);
    size_t left = cursor_left(&cursor);
    found.bits = (struct bit_reader){cursor_bytes(&cursor, left), left, 0, false};
    *reader = found;
    return 0;
}

static bool read_xor(struct bit_reader *bits, struct changes_row *row) {
    unsigned window = (unsigned)bits_read(bits, 12), leading = window >> 6, length = (window & 63) + 1;
    if (leading + length > 64) return false;
    uint64_t change = bits_read(bits, length) << (64 - leading - length);
    row->value = bits_double(double_bits(row->value) ^ change);
    row->rested = 0;
    return true;
}

/* false: no writer writes this */
static bool read_change(struct bit_reader *bits, struct changes_row *row) {
    int64_t before, now;
    if (row->form == FORM_BITS) return read_xor(bits, row);
    unsigned ones = bits_unary(bits, 2);
    if (ones == 2) {
        take_raw(row, bits_double(bits_read(bits, 64)));
        return true;
    }
    if (ones == 1) row->width = (unsigned)bits_read(bits, 6) & 63;
    uint64_t change = row->width ? bits_read(bits, row->width) : 0;
    if (!value_is_scaled(row->value, row->form, &before)) return false;
    uint64_t step = (uint64_t)row->step + (uint64_t)zigzag_decode(change);
    double value = value_of_scaled((int64_t)((uint64_t)before + step), row->form);
    if (!value_is_scaled(value, row->form, &now)) return false;
    take_step(row, value, now - before, change);
    return true;
}

static bool is_changed(struct changes_reader *reader, struct changes_row *row) {
    if (row->rested < RESTED) {
        row->rested++;
        return bits_read(&reader->bits, 1);
    }
    if (!reader->rested_left || --reader->rested_left) return false;
    reader->rested_left = cursor_varint(&reader->distances);
    return true;
}

int changes_reader_next(struct changes_reader *reader, struct changes_row *state, double *values,
                        struct err *err) {
    size_t left = (size_t)(reader->rows - reader->done), count = left < SAMPLES_STEP ? left : SAMPLES_STEP;
    for (size_t i = 0; i < count; i++) {
        struct changes_row *row = &state[reader->done + i];
        if (is_changed(reader, row) && !read_change(&reader->bits, row))
            return corrupt(err, "no such change");
        values[i] = row->value;
    }
    if (reader->bits.failed) return corrupt(err, "it ends before its last row");
    reader->done += count;
    bool is_last = reader->done == reader->rows;
    if (is_last && (reader->rested_left || (reader->bits.position + 7) / 8 != reader->bits.len))
        return corrupt(err, "something is left over");
    return (int)count;
}
