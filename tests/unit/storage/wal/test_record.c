/* decode(encode(x)) = x for the payloads of the log, and no bytes that break the readers. */
#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/model/sample.h"
#include "storage/wal/record.h"
#include "tests/check_main.h"

#include <math.h>
#include <stdio.h>

#define LIMIT ((size_t)16 << 20)

static uint64_t state = 20261123;

static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double draw_value(void) {
    static const double special[] = {0.0,
                                     -0.0,
                                     1.0,
                                     -1.0,
                                     INFINITY,
                                     -INFINITY,
                                     0.001,
                                     -0.001,
                                     0.1,
                                     12345.67,
                                     5e-324,
                                     1.7976931348623157e308,
                                     9007199254740991.0,
                                     9007199254740992.0,
                                     9007199254740993.0,
                                     -9007199254740992.0,
                                     9007199254740.991,
                                     -9007199254740.993,
                                     4503599627370496.5};
    switch (draw() % 6) {
    case 0: return special[draw() % (sizeof special / sizeof *special)];
    case 1: return bits_double(draw()); /* NaNs of all kinds among them */
    case 2: return (double)(draw() % 100000) / 1000;
    case 3: return (double)(int64_t)(draw() >> (draw() % 64));
    case 4: return draw() % 2 ? value_stale() : value_nan();
    default: return 42;
    }
}

#define ROWS 5000

struct rows {
    uint64_t numbers[ROWS];
    double values[ROWS];
    int64_t times_ms[ROWS];
    size_t count;
};

static void draw_rows(struct rows *rows) {
    rows->count = draw() % (draw() % 10 ? 50 : 5000);
    uint64_t number = draw() % 1000;
    for (size_t i = 0; i < rows->count; i++) {
        number = draw() % 8 ? number + 1 : draw() >> (draw() % 64);
        rows->numbers[i] = number;
        rows->values[i] = i && draw() % 3 == 0 ? rows->values[i - 1] : draw_value();
        rows->times_ms[i] = draw() % 16 ? 1764000000000 + (int64_t)i : (int64_t)draw();
    }
}

static void check_same(const struct rows *rows, const struct buf *out, bool has_times, int64_t time_ms) {
    static struct samples_rows step;
    struct samples_reader reader;
    struct err err = {0};
    size_t at = 0;
    ck_assert_int_eq(samples_reader_init(&reader, out->data, out->len, &err), 0);
    ck_assert_int_eq(reader.late_from, rows->count % 3 ? LATE_NEVER : time_ms / 2);
    for (int rc; (rc = samples_reader_next(&reader, &step, &err)); at += step.count) {
        ck_assert_msg(rc == 1, "%s", err.text);
        for (size_t i = 0; i < step.count; i++) {
            bool is_same = step.numbers[i] == rows->numbers[at + i] &&
                           step.times_ms[i] == (has_times ? rows->times_ms[at + i] : time_ms) &&
                           double_bits(step.values[i]) == double_bits(rows->values[at + i]);
            if (!is_same) ck_abort_msg("row %zu", at + i);
        }
    }
    ck_assert_uint_eq(at, rows->count);
    samples_reader_release(&reader);
}

static int write(struct buf *out, const struct rows *rows, bool has_times, int64_t time_ms, struct err *err) {
    struct samples_columns columns = {.numbers = rows->numbers,
                                      .values = rows->values,
                                      .times_ms = has_times ? rows->times_ms : NULL,
                                      .time_ms = time_ms,
                                      .late_from = rows->count % 3 ? LATE_NEVER : time_ms / 2,
                                      .count = rows->count};
    return samples_record_write(out, &columns, err);
}

START_TEST(samples_come_back_bit_for_bit) {
    static struct rows rows;
    struct buf out;
    buf_init(&out, LIMIT);
    for (int round = 0; round < 3000; round++) {
        bool has_times = draw() % 2;
        int64_t time_ms = (int64_t)draw();
        draw_rows(&rows);
        buf_reset(&out);
        ck_assert_int_eq(write(&out, &rows, has_times, time_ms, NULL), 0);
        check_same(&rows, &out, has_times, time_ms);
    }
    buf_release(&out);
}
END_TEST

/* reads to the end or to the first refusal */
static void read_samples(const uint8_t *bytes, size_t len) {
    static struct samples_rows step;
    struct samples_reader reader;
    struct err err;
    int rc = samples_reader_init(&reader, bytes, len, &err);
    bool is_open = rc == 0;
    while (rc >= 0 && (rc = samples_reader_next(&reader, &step, &err)) == 1) ck_assert_uint_gt(step.count, 0);
    ck_assert(rc == 0 || rc == ERR_CORRUPT);
    if (is_open) samples_reader_release(&reader);
}

/* every third row is a histogram of its own counts, now and then one of another layout */
START_TEST(histograms_stand_among_the_samples) {
    static struct rows rows;
    static struct histogram made[ROWS];
    static const struct histogram *histograms[ROWS];
    static double counts[ROWS + 8];
    static const struct histogram_span spans[] = {{2, 3}, {1, 2}};
    static struct samples_rows step;
    struct samples_reader reader;
    struct buf out;
    size_t at = 0;
    rows.count = ROWS;
    for (size_t i = 0; i < rows.count; i++) {
        rows.numbers[i] = i + 1;
        rows.values[i] = (double)i;
        counts[i] = (double)(i * i);
        made[i] = (struct histogram){.schema = (int8_t)(i / 100 % 4), .is_integer = true, .count = (double)i};
        made[i].positive = (struct histogram_buckets){spans, counts + i / 2, 2, 5};
        made[i].sum = rows.values[i];
        histograms[i] = i % 3 == 1 && (i < 1000 || i > 3000) ? &made[i] : NULL;
    }
    struct samples_columns columns = {.numbers = rows.numbers,
                                      .values = rows.values,
                                      .histograms = histograms,
                                      .time_ms = 5000,
                                      .late_from = LATE_NEVER,
                                      .count = rows.count};
    buf_init(&out, LIMIT);
    ck_assert_int_eq(samples_record_write(&out, &columns, NULL), 0);
    ck_assert_int_eq(samples_reader_init(&reader, out.data, out.len, NULL), 0);
    for (; samples_reader_next(&reader, &step, NULL) == 1; at += step.count)
        for (size_t i = 0; i < step.count; i++) {
            const struct histogram *found = step.has_histograms ? step.histograms[i] : NULL;
            ck_assert_double_eq(step.values[i], (double)(at + i));
            ck_assert_int_eq(found != NULL, histograms[at + i] != NULL);
            ck_assert(!found || histogram_equal(found, histograms[at + i]));
        }
    ck_assert_uint_eq(at, rows.count);
    samples_reader_release(&reader);
    for (size_t len = 0; len < out.len; len += 7) { /* cut anywhere, it is refused and nothing breaks */
        char *cut = mem_alloc(len + 1);
        memcpy(cut, out.data, len);
        read_samples((const uint8_t *)cut, len);
        mem_free(cut);
    }
    buf_release(&out);
}
END_TEST

START_TEST(a_scrape_of_counters_takes_few_bytes) {
    static struct rows rows;
    struct buf out;
    buf_init(&out, LIMIT);
    rows.count = 1000;
    for (size_t i = 0; i < rows.count; i++) {
        rows.numbers[i] = 70000 + i;
        rows.values[i] = i % 4 == 0 ? (double)(i * 997) : i % 4 == 1 ? 0.25 * (double)i : 0;
    }
    ck_assert_int_eq(write(&out, &rows, false, 1764000000000, NULL), 0);
    ck_assert_uint_lt(out.len, 2600);
    check_same(&rows, &out, false, 1764000000000);
    buf_release(&out);
}
END_TEST

START_TEST(a_samples_record_that_does_not_fit_leaves_nothing) {
    static struct rows rows = {.count = 1000};
    struct buf out;
    struct err err;
    buf_init(&out, 2000);
    for (size_t i = 0; i < rows.count; i++) rows.values[i] = 0.1 + (double)i;
    ck_assert(buf_puts(&out, "before"));
    ck_assert_int_eq(write(&out, &rows, false, 0, &err), ERR_LIMIT);
    ck_assert_uint_eq(out.len, 6);
    buf_release(&out);
}
END_TEST

static void read_series(const uint8_t *bytes, size_t len) {
    struct series_reader reader = {0};
    struct labels labels;
    uint64_t number;
    struct err err;
    int rc = series_reader_init(&reader, bytes, len, &err);
    while (rc >= 0 && (rc = series_reader_next(&reader, &number, &labels, &err)) == 1)
        for (uint32_t i = 0; i < labels.count; i++) ck_assert_uint_gt(labels.items[i].value.len, 0);
    ck_assert(rc == 0 || rc == ERR_CORRUPT);
    series_reader_release(&reader);
}

/* every prefix (an exact copy, so that the address sanitizer sees a read past the end) and many flipped bytes
 */
static void torment(const struct buf *out, void (*read)(const uint8_t *bytes, size_t len)) {
    for (size_t len = 0; len <= out->len; len++) {
        uint8_t *prefix = mem_alloc(len ? len : 1);
        if (len) memcpy(prefix, out->data, len);
        read(prefix, len);
        for (int flips = 0; flips < 8 && len; flips++) {
            prefix[draw() % len] = (uint8_t)draw();
            read(prefix, len);
        }
        mem_free(prefix);
    }
}

START_TEST(cut_or_changed_samples_are_corrupt_never_a_crash) {
    static struct rows rows;
    struct buf out;
    buf_init(&out, LIMIT);
    for (int round = 0; round < 20; round++) {
        do draw_rows(&rows);
        while (rows.count > 100);
        buf_reset(&out);
        write(&out, &rows, round % 2, 1, NULL);
        torment(&out, read_samples);
    }
    buf_release(&out);
}
END_TEST

/* ---- series ---- */

#define SERIES 300
static char texts[SERIES][8][2][48];
static struct label items[SERIES][8];
static struct labels sets[SERIES];
static uint64_t numbers[SERIES];

static void draw_series(void) {
    for (size_t i = 0; i < SERIES; i++) {
        sets[i] = (struct labels){items[i], (uint32_t)(draw() % 9)};
        numbers[i] = draw() % 10 && i ? numbers[i - 1] + 1 : draw();
        for (uint32_t k = 0; k < sets[i].count; k++) {
            snprintf(texts[i][k][0], 48, "name%u%llu", k,
                     (unsigned long long)(draw() % 10 ? 0 : draw() % 100));
            snprintf(texts[i][k][1], 48, "v%llu", (unsigned long long)(draw() % 3 ? k : draw() % 1000));
            items[i][k] = (struct label){span_from(texts[i][k][0]), span_from(texts[i][k][1])};
        }
    }
}

static void write_series(struct buf *out, size_t count) {
    struct series_record record;
    series_record_begin(&record, out);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(series_record_add(&record, numbers[i], sets[i], NULL), 0);
    ck_assert_int_eq(series_record_end(&record, NULL), 0);
}

START_TEST(series_come_back_with_their_labels) {
    struct buf out;
    buf_init(&out, LIMIT);
    for (int round = 0; round < 200; round++) {
        struct series_reader reader;
        struct labels labels;
        uint64_t number;
        size_t count = draw() % (SERIES + 1);
        draw_series();
        buf_reset(&out);
        buf_puts(&out, "in front");
        write_series(&out, count);
        ck_assert_int_eq(series_reader_init(&reader, out.data + 8, out.len - 8, NULL), 0);
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(series_reader_next(&reader, &number, &labels, NULL), 1);
            ck_assert_uint_eq(number, numbers[i]);
            ck_assert(labels_equal(labels, sets[i]));
        }
        ck_assert_int_eq(series_reader_next(&reader, &number, &labels, NULL), 0);
        series_reader_release(&reader);
    }
    buf_release(&out);
}
END_TEST

START_TEST(texts_of_the_series_before_stay_where_they_are) {
    struct label a[] = {{SPAN("name"), SPAN("up")}, {SPAN("pod"), SPAN("x")}};
    struct label b[] = {{SPAN("name"), SPAN("up")}, {SPAN("pod"), SPAN("y")}};
    struct label c[] = {{SPAN("name"), SPAN("up")}, {SPAN("zone"), SPAN("y")}};
    struct labels sets[] = {{a, 2}, {b, 2}, {c, 2}, {c, 1}}, labels;
    struct buf out;
    struct series_record record;
    struct series_reader reader;
    const char *name_at = NULL, *value_at = NULL;
    uint64_t number;
    buf_init(&out, LIMIT);
    series_record_begin(&record, &out);
    for (uint64_t i = 0; i < 4; i++) ck_assert_int_eq(series_record_add(&record, i + 1, sets[i], NULL), 0);
    ck_assert_int_eq(series_record_end(&record, NULL), 0);
    ck_assert_int_eq(series_reader_init(&reader, out.data, out.len, NULL), 0);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(series_reader_next(&reader, &number, &labels, NULL), 1);
        ck_assert(labels_equal(labels, sets[i]));
        ck_assert(reader.same_names == (i == 1));
        if (i) ck_assert_ptr_eq(labels.items[0].name.ptr, name_at);
        if (i) ck_assert_ptr_eq(labels.items[0].value.ptr, value_at);
        name_at = labels.items[0].name.ptr;
        value_at = labels.items[0].value.ptr;
    }
    series_reader_release(&reader);
    buf_release(&out);
}
END_TEST

START_TEST(cut_or_changed_series_are_corrupt_never_a_crash) {
    struct buf out;
    buf_init(&out, LIMIT);
    for (int round = 0; round < 10; round++) {
        draw_series();
        buf_reset(&out);
        write_series(&out, 12);
        torment(&out, read_series);
    }
    buf_release(&out);
}
END_TEST

/* of what may follow one: the same, a step, another kind of value */
static double draw_next(double value) {
    switch (draw() % 4) {
    case 0: return value;
    case 1: return value + (double)(draw() % 1000);
    case 2: return (double)(int64_t)(draw() % 100000) / 1000;
    default: return draw_value();
    }
}

static void begin_chain(struct changes_row *state, const struct rows *rows) {
    for (size_t i = 0; i < rows->count; i++) changes_row_begin(&state[i], rows->values[i]);
}

static void check_changes(const struct buf *out, struct changes_row *state, const double *values,
                          const struct changes_columns *columns) {
    static double step[SAMPLES_STEP];
    struct changes_reader reader;
    struct err err = {0};
    ck_assert_int_eq(changes_reader_init(&reader, out->data, out->len, &err), 0);
    ck_assert_uint_eq(reader.key_distance, columns->key_distance);
    ck_assert_uint_eq(reader.place, columns->place);
    ck_assert_uint_eq(reader.rows, columns->count);
    ck_assert_int_eq(reader.time_ms, columns->time_ms);
    ck_assert_int_eq(reader.late_from, columns->late_from);
    for (size_t at = 0; at < columns->count;) {
        int count = changes_reader_next(&reader, state, step, &err);
        ck_assert_msg(count > 0, "%s", err.text);
        for (int i = 0; i < count; i++, at++)
            ck_assert_uint_eq(double_bits(step[i]), double_bits(values[at]));
    }
}

static void read_changes(const struct changes_row *state, size_t rows, const uint8_t *bytes, size_t len) {
    static double step[SAMPLES_STEP];
    static struct changes_row copy[ROWS];
    struct changes_reader reader;
    struct err err;
    memcpy(copy, state, rows * sizeof *copy);
    int rc = changes_reader_init(&reader, bytes, len, &err);
    for (size_t at = 0; rc >= 0 && reader.rows == rows && at < rows; at += (size_t)rc)
        rc = changes_reader_next(&reader, copy, step, &err);
    ck_assert(rc >= 0 || rc == ERR_CORRUPT);
}

static void torment_changes(const struct buf *out, const struct changes_row *state, size_t rows) {
    for (int i = 0; i < 20 && out->len; i++) { /* cut, or with a byte that changed */
        size_t len = draw() % 2 ? out->len : draw() % out->len;
        uint8_t *exact = mem_alloc(len + 1);
        memcpy(exact, out->data, len);
        if (len == out->len) exact[draw() % len] ^= (uint8_t)(1u << draw() % 8);
        read_changes(state, rows, exact, len);
        mem_free(exact);
    }
}

START_TEST(a_chain_of_changes_comes_back_bit_for_bit) {
    static struct rows rows;
    static struct changes_row written[ROWS], read[ROWS];
    struct buf out;
    buf_init(&out, LIMIT);
    for (int round = 0; round < 300; round++) {
        draw_rows(&rows);
        begin_chain(written, &rows);
        begin_chain(read, &rows);
        unsigned changing = 1u << draw() % 6; /* one row in so many */
        for (uint64_t place = 1; place <= 8; place++) {
            for (size_t i = 0; i < rows.count; i++)
                if (draw() % changing == 0) rows.values[i] = draw_next(rows.values[i]);
            struct changes_columns columns = {.values = rows.values,
                                              .time_ms = (int64_t)draw(),
                                              .late_from = place % 3 ? LATE_NEVER : (int64_t)draw(),
                                              .key_distance = 7 * place,
                                              .place = place,
                                              .count = rows.count};
            buf_reset(&out);
            ck_assert_int_eq(changes_record_write(&out, &columns, written, NULL), 0);
            torment_changes(&out, read, rows.count);
            check_changes(&out, read, rows.values, &columns);
        }
    }
    buf_release(&out);
}
END_TEST

/* a quarter counts on, one in six hundred of the others moves: bytes of the tenth record of a chain */
START_TEST(what_rests_costs_nothing_and_a_steady_counter_two_bits) {
    static double values[2000];
    static struct changes_row state[2000];
    struct buf out;
    buf_init(&out, LIMIT);
    for (size_t i = 0; i < 2000; i++) {
        values[i] = (double)i / (i % 3 ? 1 : 100);
        changes_row_begin(&state[i], values[i]);
    }
    for (uint64_t place = 1; place <= 10; place++) {
        for (size_t i = 0; i < 2000; i += 4) values[i] = (double)(i * 3 * place);
        if (place == 10) values[1] = values[601] = values[1201] = 0.5;
        struct changes_columns columns = {.values = values,
                                          .time_ms = 1764000000000,
                                          .late_from = LATE_NEVER,
                                          .key_distance = 3,
                                          .place = place,
                                          .count = 2000};
        buf_reset(&out);
        ck_assert_int_eq(changes_record_write(&out, &columns, state, NULL), 0);
    }
    ck_assert_uint_lt(out.len, 500 * 2 / 8 + 3 * 11 + 20);
    buf_release(&out);
}
END_TEST

START_TEST(too_many_labels_are_refused_and_the_record_goes_on) {
    static struct label many[RECORD_MAX_LABELS + 1];
    struct series_record record;
    struct buf out;
    for (size_t i = 0; i < RECORD_MAX_LABELS + 1; i++) many[i] = (struct label){SPAN("n"), SPAN("v")};
    buf_init(&out, LIMIT);
    draw_series();
    series_record_begin(&record, &out);
    ck_assert_int_eq(series_record_add(&record, 1, sets[0], NULL), 0);
    size_t before = series_record_size(&record);
    ck_assert_int_eq(series_record_add(&record, 2, (struct labels){many, RECORD_MAX_LABELS + 1}, NULL),
                     ERR_LIMIT);
    ck_assert_uint_eq(series_record_size(&record), before);
    ck_assert_int_eq(series_record_add(&record, 3, (struct labels){many, RECORD_MAX_LABELS}, NULL), 0);
    ck_assert_uint_eq(record.count, 2);
    ck_assert_int_eq(series_record_end(&record, NULL), 0);
    read_series((const uint8_t *)out.data, out.len);
    buf_release(&out);
}
END_TEST

CHECK_MAIN("record", samples_come_back_bit_for_bit, histograms_stand_among_the_samples,
           a_scrape_of_counters_takes_few_bytes, a_samples_record_that_does_not_fit_leaves_nothing,
           cut_or_changed_samples_are_corrupt_never_a_crash, series_come_back_with_their_labels,
           texts_of_the_series_before_stay_where_they_are, cut_or_changed_series_are_corrupt_never_a_crash,
           a_chain_of_changes_comes_back_bit_for_bit, what_rests_costs_nothing_and_a_steady_counter_two_bits,
           too_many_labels_are_refused_and_the_record_goes_on)
