/* Metric families: what was written is read; what is broken is refused with its place. */
#include "lib/expose/expose.h"
#include "lib/expose/protobuf.h"
#include "tests/check_main.h"
#include "tests/support/family_writer.h"

#include "lib/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static uint64_t random_state = 5;
static uint32_t draw(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static struct arena arena;
static struct buf body;
static struct err err;

static void begin(void) {
    arena_init(&arena, 1 << 26, NULL);
    buf_init(&body, 1 << 26);
    err = (struct err){0};
}

static void end(void) {
    arena_release(&arena);
    buf_release(&body);
}

static void *make(size_t count, size_t size) {
    return arena_array(&arena, count + 1, size);
}

static struct labels draw_labels(void) {
    struct label *items = make(4, sizeof *items);
    uint32_t count = draw(4);
    static const char *const names[] = {"a", "b", "c.d", "zone"};
    for (uint32_t i = 0; i < count; i++) {
        char *value = arena_printf(&arena, "v%u\"\\\n", draw(100));
        items[i] = (struct label){span_from(names[i]), span_from(value)};
    }
    return (struct labels){items, count};
}

static void draw_exemplar(struct exemplar *exemplar) {
    *exemplar = (struct exemplar){draw_labels(), draw(1000) / 8.0,
                                  draw(3) ? 1700000000000 + (int64_t)draw(1000000) : EXPOSE_NO_TIME};
}

static void draw_side(struct histogram_buckets *side, bool floats) {
    uint32_t spans = draw(4), count = 0;
    struct histogram_span *items = make(spans, sizeof *items);
    double *counts = make(64, sizeof *counts);
    for (uint32_t i = 0; i < spans; i++) {
        items[i] = (struct histogram_span){i ? (int32_t)draw(5) : (int32_t)draw(20) - 10, draw(8)};
        for (uint32_t k = 0; k < items[i].length; k++) counts[count++] = draw(50) + (floats ? 0.25 : 0);
    }
    *side = (struct histogram_buckets){items, counts, spans, count};
}

static void draw_histogram(struct expose_metric *m) {
    bool floats = draw(2);
    m->has_native = draw(2);
    m->count = draw(1000) + 1 + (m->has_native && floats ? 0.5 : 0);
    m->sum = draw(1000) / 4.0;
    if (!m->has_native) return;
    m->native = (struct histogram){.schema = (int8_t)(draw(13)) - 4,
                                   .is_integer = !floats,
                                   .zero_threshold = 0.5,
                                   .zero_count = draw(5),
                                   .count = m->count,
                                   .sum = m->sum};
    draw_side(&m->native.positive, floats);
    draw_side(&m->native.negative, floats);
}

static void draw_metric(enum expose_type type, struct written_metric *written) {
    struct expose_metric *m = &written->metric;
    bool is_histogram = type == EXPOSE_HISTOGRAM || type == EXPOSE_GAUGE_HISTOGRAM;
    *written = (struct written_metric){.labels = draw_labels(), .metric.type = type};
    m->has_time = draw(2);
    m->time_ms = m->has_time ? (int64_t)draw(1000000) + 1 : 0;
    m->has_start = (is_histogram || type == EXPOSE_SUMMARY || type == EXPOSE_COUNTER) && draw(2);
    m->start_ms = m->has_start ? (int64_t)draw(1000000) + 1 : 0;
    if (is_histogram) draw_histogram(m);
    if (type == EXPOSE_SUMMARY) m->count = draw(100), m->sum = draw(100) / 4.0;
    if (is_histogram || type == EXPOSE_SUMMARY) {
        struct expose_point *points = make(6, sizeof *points);
        m->point_count = draw(6);
        for (uint32_t i = 0; i < m->point_count; i++) {
            points[i] = (struct expose_point){i / 4.0, draw(100), NULL};
            if (is_histogram && draw(2)) {
                struct exemplar *exemplar = make(1, sizeof *exemplar);
                draw_exemplar(exemplar);
                points[i].exemplar = exemplar;
            }
        }
        m->points = points;
    } else {
        m->value = draw(100) / 8.0;
    }
    if (!m->has_native && type != EXPOSE_COUNTER) return;
    struct exemplar *exemplars = make(3, sizeof *exemplars);
    m->exemplar_count = type == EXPOSE_COUNTER ? draw(2) : draw(3);
    for (uint32_t i = 0; i < m->exemplar_count; i++) {
        draw_exemplar(&exemplars[i]);
        exemplars[i].time_ms = 1000 * (int64_t)i; /* they come out in the order of time */
    }
    m->exemplars = exemplars;
}

static void same_exemplar(const struct exemplar *a, const struct exemplar *b) {
    ck_assert(labels_equal(a->labels, b->labels));
    ck_assert(a->value == b->value && a->time_ms == b->time_ms);
}

static void same_metric(const struct written_metric *written, const struct expose_metric *read) {
    const struct expose_metric *m = &written->metric;
    struct span text;
    struct labels labels, bare;
    struct label_builder builder;
    ck_assert_int_eq(expose_metric_series(read, "", NULL, 0, &arena, &text, &err), 0);
    ck_assert_int_eq(expose_labels(text, EXPOSE_UNKNOWN, &arena, &labels, &err), 0);
    ck_assert(span_is(labels_get(labels, SPAN(LABEL_NAME)), "the.name"));
    label_builder_init(&builder, &arena, labels);
    label_builder_set(&builder, SPAN(LABEL_NAME), SPAN(""));
    ck_assert_int_eq(label_builder_finish(&builder, &bare, &err), 0);
    ck_assert(labels_equal(bare, written->labels));
    ck_assert(read->has_time == m->has_time && read->time_ms == m->time_ms && read->value == m->value);
    ck_assert(read->has_start == m->has_start && read->start_ms == m->start_ms);
    ck_assert(read->count == m->count && read->sum == m->sum && read->has_native == m->has_native);
    ck_assert_uint_eq(read->point_count, m->point_count);
    for (uint32_t i = 0; i < m->point_count; i++) {
        ck_assert(read->points[i].at == m->points[i].at && read->points[i].value == m->points[i].value);
        ck_assert((read->points[i].exemplar == NULL) == (m->points[i].exemplar == NULL));
        if (m->points[i].exemplar) same_exemplar(read->points[i].exemplar, m->points[i].exemplar);
    }
    ck_assert_uint_eq(read->exemplar_count, m->exemplar_count);
    for (uint32_t i = 0; i < m->exemplar_count; i++) same_exemplar(&read->exemplars[i], &m->exemplars[i]);
    struct histogram wanted = m->native;
    if (m->type == EXPOSE_GAUGE_HISTOGRAM) wanted.reset = HISTOGRAM_RESET_GAUGE;
    if (m->has_native) ck_assert(histogram_equal(&read->native, &wanted));
}

START_TEST(what_was_written_is_read) {
    for (int round = 0; round < 300; round++) {
        struct written_metric metrics[3];
        struct expose_families families;
        struct expose_family family;
        enum expose_type type = draw(EXPOSE_GAUGE_HISTOGRAM + 1);
        begin();
        for (int i = 0; i < 3; i++) draw_metric(type, &metrics[i]);
        family_writer_add(&body, "the.name", "Some \"help\".", "", type, metrics, 3);
        family_writer_add(&body, "x_seconds", "", "seconds", EXPOSE_GAUGE, metrics, 0);
        expose_families_init(&families, buf_view(&body));
        ck_assert_int_eq(expose_family_next(&families, &family, &err), 1);
        ck_assert(span_is(family.help, "Some \"help\".") && family.type == type);
        uint64_t keys[3];
        for (int i = 0; i < 3; i++) {
            struct expose_metric metric;
            ck_assert_msg(expose_family_metric(&family, &arena, &metric, &err) == 1, "%s", err.text);
            same_metric(&metrics[i], &metric);
            keys[i] = metric.key;
            for (int k = 0; k < i; k++)
                ck_assert((keys[k] == keys[i]) == labels_equal(metrics[k].labels, metrics[i].labels));
        }
        struct expose_metric none;
        ck_assert_int_eq(expose_family_metric(&family, &arena, &none, &err), 0);
        ck_assert_int_eq(expose_family_next(&families, &family, &err), 1);
        ck_assert(span_is(family.unit, "seconds"));
        ck_assert_int_eq(expose_family_next(&families, &family, &err), 0);
        end();
    }
}
END_TEST

/* all of it; the first code that is no success */
static int read_all(struct span text) {
    struct expose_families families;
    struct expose_family family;
    int more;
    expose_families_init(&families, text);
    while ((more = expose_family_next(&families, &family, &err)) == 1) {
        struct expose_metric metric;
        int rc;
        while ((rc = expose_family_metric(&family, &arena, &metric, &err)) == 1) {
        }
        if (rc) return rc;
    }
    return more;
}

START_TEST(a_body_cut_off_anywhere_is_no_crash) {
    begin();
    struct written_metric metrics[2];
    draw_metric(EXPOSE_HISTOGRAM, &metrics[0]);
    draw_metric(EXPOSE_HISTOGRAM, &metrics[1]);
    family_writer_add(&body, "a", "b", "", EXPOSE_HISTOGRAM, metrics, 2);
    ck_assert_int_eq(read_all(buf_view(&body)), 0);
    for (size_t len = 1; len < body.len; len++) {
        char *copy = mem_array(len, 1);
        memcpy(copy, body.data, len);
        ck_assert_int_eq(read_all(span_of(copy, len)), ERR_INVALID);
        ck_assert_str_eq(err.text, "proto: a metric family at byte 0 does not end in the body");
        mem_free(copy);
    }
    for (size_t i = 0; i < body.len * 8; i++) { /* any bit flipped: read or refused */
        body.data[i / 8] ^= (char)(1 << i % 8);
        int rc = read_all(buf_view(&body));
        ck_assert(rc == 0 || (rc == ERR_INVALID && err.text[0]));
        body.data[i / 8] ^= (char)(1 << i % 8);
    }
    end();
}
END_TEST

START_TEST(what_is_no_family_is_refused_with_its_place) {
    static const struct {
        const char *bytes, *error;
        size_t len;
    } cases[] = {
#define CASE(bytes, error) {bytes, error, sizeof bytes - 1}
        CASE("\x02\x18\x09", "at byte 0: metric family \"\": unknown metric type 9"),
        CASE("\x03\x0a\x01\xff", "invalid metric name"),
        CASE("\x00", "invalid metric name"),
        CASE("\x05\x0a\x01"
             "a\x22\x05",
             "malformed message"),
        CASE("\x06\x0a\x01"
             "a\x12\x01\xff",
             "invalid help"),
        CASE("\x06\x0a\x01"
             "a\x2a\x01s",
             "unit \"s\" not a suffix"),
        CASE("\x02\x0d\x01", "malformed message"),
        CASE("\x02\x08\x01", "wrong wireType = 0 for field 1"),
        CASE("\x03\x0a\x01"
             "a\x09\x0a\x01"
             "b\x22\x04\x1a\x02\x08\x01",
             "metric family \"b\": proto: wrong wireType"),
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(read_all(span_of(cases[i].bytes, cases[i].len)), ERR_INVALID);
        ck_assert_msg(strstr(err.text, cases[i].error) != NULL, "case %zu: %s", i, err.text);
    }
    ck_assert_int_eq(read_all((struct span){0}), 0);
    end();
}
END_TEST

START_TEST(the_text_of_a_series_can_be_read_again) {
    static const struct label items[] = {{SPAN("a"), SPAN("x\"\\\ny")}, {SPAN("b.c"), SPAN("")}};
    static const struct {
        const char *name, *suffix, *extra;
        double at;
        const char *text;
    } cases[] = {
        {"m", "", NULL, 0, "m{a=\"x\\\"\\\\\\ny\",\"b.c\"=\"\"}"},
        {"m", "_bucket", "le", 1, "m_bucket{a=\"x\\\"\\\\\\ny\",\"b.c\"=\"\",le=\"1.0\"}"},
        {"m", "_bucket", "le", INFINITY, "m_bucket{a=\"x\\\"\\\\\\ny\",\"b.c\"=\"\",le=\"+Inf\"}"},
        {"m.n", "_sum", NULL, 0, "{\"m.n_sum\",a=\"x\\\"\\\\\\ny\",\"b.c\"=\"\"}"},
        {"m", "", "quantile", 1e6, "m{a=\"x\\\"\\\\\\ny\",\"b.c\"=\"\",quantile=\"1e+06\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct written_metric metric = {.labels = {items, 2}};
        struct expose_families families;
        struct expose_family family;
        struct expose_metric read;
        struct span text;
        begin();
        family_writer_add(&body, cases[i].name, "", "", EXPOSE_GAUGE, &metric, 1);
        expose_families_init(&families, buf_view(&body));
        ck_assert_int_eq(expose_family_next(&families, &family, &err), 1);
        ck_assert_int_eq(expose_family_metric(&family, &arena, &read, &err), 1);
        ck_assert_int_eq(
            expose_metric_series(&read, cases[i].suffix, cases[i].extra, cases[i].at, &arena, &text, &err),
            0);
        ck_assert_msg(span_is(text, cases[i].text), "%.*s", SPAN_ARG(text));
        end();
    }
}
END_TEST

CHECK_MAIN("protobuf", what_was_written_is_read, a_body_cut_off_anywhere_is_no_crash,
           what_is_no_family_is_refused_with_its_place, the_text_of_a_series_can_be_read_again)
