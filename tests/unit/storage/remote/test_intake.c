#include "storage/remote/intake.h"
#include "tests/check_main.h"
#include "tests/unit/storage/remote/fake_store.h"
#include "tests/unit/storage/remote/write_body.h"

#include <stdio.h>

static struct fake_store store;
static struct intake *intake;
static struct write_body body;
static struct err err;

static void begin(void) {
    fake_store_init(&store);
    write_body_init(&body);
    intake = intake_create(NULL, NULL);
}

static void end(void) {
    ck_assert_uint_eq(intake_memory(intake)->used_bytes, 0);
    intake_destroy(intake);
    write_body_release(&body);
    fake_store_release(&store);
}

static void count_done(void *context) {
    ++*(int *)context;
}

/* the verdict on the body */
static int take(struct span packed) {
    struct intake_request *request;
    err = (struct err){0};
    int rc = intake_read(intake, packed, &request, &err);
    if (rc) return rc;
    int done = 0;
    bool is_out = intake_append(request, &store.port, count_done, &done);
    ck_assert_int_eq(done, is_out);
    rc = intake_finish(request, &err);
    intake_request_destroy(request);
    ck_assert_uint_eq(store.holds, 0);
    return rc;
}

static int take_body(void) {
    return take(write_body_packed(&body));
}

static void rows_are(const char *wanted) {
    ck_assert_str_eq(buf_text(&store.rows), wanted);
    buf_reset(&store.rows);
}

START_TEST(samples_arrive_under_their_sorted_labels) {
    begin();
    write_series(&body, "__name__=up job=a", 1, 10);
    write_labels(&body, "job=b empty= __name__=up"); /* unsorted, and one that is none */
    write_sample(&body, 0, 10);
    write_sample(&body, -2.5, 20);
    write_series_end(&body);
    write_series(&body, "nameless=1", 3, 30);
    ck_assert_int_eq(take_body(), 0);
    rows_are("up{job=\"a\"} 1@10\nup{job=\"b\"} 0@10\nup{job=\"b\"} -2.5@20\n{nameless=\"1\"} 3@30\n");
    ck_assert_uint_eq(store.batches, 1);
    end();
}
END_TEST

START_TEST(a_known_series_is_not_resolved_again) {
    begin();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            char labels[60];
            snprintf(labels, sizeof labels, "__name__=m i=%d", i);
            write_series(&body, labels, i, 10 + round);
        }
        ck_assert_int_eq(take_body(), 0);
    }
    ck_assert_uint_eq(store.resolved, 1000);
    ck_assert_uint_eq(store.series.count, 1000);
    ck_assert_uint_eq(store.batches, 3);
    end();
}
END_TEST

START_TEST(series_that_left_are_resolved_again_and_a_request_stays_one_batch) {
    begin();
    write_series(&body, "__name__=a", 1, 10);
    write_series(&body, "__name__=b", 1, 10);
    ck_assert_int_eq(take_body(), 0);
    rows_are("a 1@10\nb 1@10\n");
    ck_assert_uint_eq(store.batches, 1);
    store.generations.items[1]++;
    write_series(&body, "__name__=new", 2, 20);
    write_series(&body, "__name__=a", 2, 20);
    write_labels(&body, "__name__=b");
    write_sample(&body, 2, 20);
    write_sample(&body, 3, 30);
    write_series_end(&body);
    ck_assert_int_eq(take_body(), 0);
    rows_are("new 2@20\na 2@20\nb 2@20\nb 3@30\n");
    ck_assert_uint_eq(store.batches, 2);
    ck_assert_uint_eq(store.resolved, 4);
    write_series(&body, "__name__=b", 4, 40);
    ck_assert_int_eq(take_body(), 0);
    ck_assert_uint_eq(store.resolved, 4); /* the cache has the new reference */
    end();
}
END_TEST

START_TEST(a_row_that_found_no_series_is_never_acknowledged) {
    begin();
    write_series(&body, "__name__=a", 1, 10);
    write_series(&body, "__name__=b", 1, 10);
    store.forgets = true;
    ck_assert_int_eq(take_body(), ERR_BUSY);
    rows_are("b 1@10\n");
    end();
}
END_TEST

START_TEST(what_can_be_stored_is_and_the_first_trouble_is_told) {
    static const struct {
        int64_t time_ms;
        const char *text;
    } cases[] = {{1, "duplicate sample for timestamp"},
                 {2, "out of order sample"},
                 {3, "too old sample"},
                 {FAKE_NOW + 1, "out of bounds"}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_series(&body, "__name__=a", 1, 10);
        write_series(&body, "__name__=b", 1, cases[i].time_ms);
        write_series(&body, "__name__=c", 1, 2);
        write_series(&body, "__name__=d", 1, 20);
        ck_assert_int_eq(take_body(), ERR_INVALID);
        ck_assert_str_eq(err.text, cases[i].text);
        rows_are("a 1@10\nd 1@20\n");
    }
    write_series(&body, "__name__=a", 1, 4); /* repeated: nothing to do and no trouble */
    ck_assert_int_eq(take_body(), 0);
    end();
}
END_TEST

static void labels_are_refused(const char *labels, const char *text) {
    write_series(&body, labels, 1, 10);
    write_series(&body, "__name__=good", 1, 10);
    ck_assert_int_eq(take_body(), ERR_INVALID);
    ck_assert_str_eq(err.text, text);
    rows_are("good 1@10\n");
}

START_TEST(labels_that_no_series_may_have_are_refused_alone) {
    begin();
    labels_are_refused("a=1 b=2 a=3", "label name \"a\" is not unique: invalid sample");
    labels_are_refused("b=2 a=1 b=2", "label name \"b\" is not unique: invalid sample");
    labels_are_refused("", "empty labelset: invalid sample");
    labels_are_refused("a=", "empty labelset: invalid sample");
    labels_are_refused("=1", "a label with an empty name: invalid sample");
    labels_are_refused("__name__= a=1", "metric name is empty: invalid sample");
    labels_are_refused("a=\xff", "value of label \"a\" is not valid UTF-8: invalid sample");
    labels_are_refused("\xff=a", "a label name is not valid UTF-8: invalid sample");
    static char text[20000] = "long=";
    memset(text + 5, 'x', sizeof text - 6);
    labels_are_refused(text, "label value too long (label: long, length: 19994, limit: 16384)");
    for (int i = 0; i < 129; i++) {
        char name[20];
        snprintf(name, sizeof name, "l%03d=1 ", i);
        memcpy(text + (size_t)i * 7, name, 8);
    }
    text[129 * 7 - 1] = '\0';
    labels_are_refused(text, "label_limit exceeded (number of labels: 129, limit: 128)");
    ck_assert_uint_eq(store.series.count, 1);
    end();
}
END_TEST

START_TEST(labels_may_stand_anywhere_in_a_series) {
    begin();
    write_labels(&body, "__name__=m");
    write_sample(&body, 1, 10);
    write_labels(&body, "b=2");
    write_sample(&body, 2, 20);
    write_labels(&body, "a=1");
    write_series_end(&body);
    write_sample(&body, 3, 30);
    write_labels(&body, "__name__=n");
    write_series_end(&body);
    ck_assert_int_eq(take_body(), 0);
    rows_are("m{a=\"1\", b=\"2\"} 1@10\nm{a=\"1\", b=\"2\"} 2@20\nn 3@30\n");
    ck_assert_uint_eq(store.series.count, 2);
    end();
}
END_TEST

START_TEST(samples_may_be_written_in_any_way_protobuf_allows) {
    begin();
    write_labels(&body, "__name__=m");
    protobuf_put_varint(&body.part, 2, 10); /* time first, a field of tomorrow, value twice */
    protobuf_put_bytes(&body.part, 9, SPAN("later"));
    protobuf_put_double(&body.part, 1, 1);
    protobuf_put_double(&body.part, 1, 2);
    write_part(&body, &body.series, 2);
    write_part(&body, &body.series, 2); /* empty: 0 at 0 */
    write_sample(&body, 5, -1);
    protobuf_put_bytes(&body.series, 3,
                       SPAN("\x11"
                            "12345678")); /* an exemplar */
    protobuf_put_varint(&body.series, 7, 1);
    write_series_end(&body);
    protobuf_put_bytes(&body.request, 3, SPAN("\x08\x01")); /* metadata */
    protobuf_put_bytes(&body.request, 2, SPAN("reserved"));
    write_labels(&body, "__name__=no_samples");
    write_series_end(&body);
    ck_assert_int_eq(take_body(), 0);
    rows_are("m 2@10\nm 0@0\nm 5@-1\n");
    ck_assert_uint_eq(store.series.count, 1);
    ck_assert_int_eq(take_body(), 0); /* nothing at all */
    ck_assert_uint_eq(store.batches, 1);
    end();
}
END_TEST

START_TEST(a_body_that_is_cut_or_bent_stores_nothing) {
    begin();
    ck_assert_int_eq(take(SPAN("")), ERR_INVALID);
    ck_assert_str_eq(err.text, "snappy: corrupt input");
    ck_assert_int_eq(take(SPAN("\xff\xff\xff\xff\x0f\x00")), ERR_LIMIT);
    write_series(&body, "__name__=m a=b", 1, 300);
    struct buf whole = body.request;
    for (size_t len = 1; len < whole.len; len++) {
        char *exact = mem_alloc(len); /* so that a sanitizer sees a byte too far */
        memcpy(exact, whole.data, len);
        body.request.data = exact;
        body.request.len = len;
        ck_assert_int_eq(take_body(), ERR_INVALID);
        ck_assert_msg(strncmp(err.text, "proto: ", 7) == 0, "%s", err.text);
        mem_free(exact);
    }
    body.request = whole;
    buf_reset(&body.request);
    write_series(&body, "__name__=m", 1, 10);
    protobuf_put_varint(&body.request, 1, 5);
    ck_assert_int_eq(take_body(), ERR_INVALID);
    protobuf_put_varint(&body.series, 2, 5);
    write_series_end(&body);
    ck_assert_int_eq(take_body(), ERR_INVALID);
    protobuf_put_varint(&body.part, 1, 5); /* a value that is no double */
    write_part(&body, &body.series, 2);
    write_series_end(&body);
    ck_assert_int_eq(take_body(), ERR_INVALID);
    ck_assert_str_eq(err.text, "proto: wrong wireType = 0 for field Value");
    ck_assert_uint_eq(store.batches, 0);
    ck_assert_uint_eq(store.series.count, 0);
    end();
}
END_TEST

START_TEST(when_no_new_series_are_taken_the_known_ones_go_on) {
    begin();
    store.max_series = 2;
    write_series(&body, "__name__=a", 1, 10);
    write_series(&body, "__name__=b", 1, 10);
    ck_assert_int_eq(take_body(), 0);
    intake_destroy(intake); /* forgets, as after a restart */
    intake = intake_create(NULL, NULL);
    buf_reset(&store.rows);
    write_series(&body, "__name__=c", 1, 10);
    write_series(&body, "__name__=b", 2, 20);
    write_series(&body, "__name__=a", 2, 20);
    ck_assert_int_eq(take_body(), ERR_EXHAUSTED);
    ck_assert_str_eq(err.text, "too many series");
    rows_are("b 2@20\na 2@20\n");
    end();
}
END_TEST

START_TEST(a_store_that_cannot_write_is_no_fault_of_the_sender) {
    begin();
    store.rc = ERR_NO_SPACE;
    write_series(&body, "__name__=a", 1, 10);
    ck_assert_int_eq(take_body(), ERR_NO_SPACE);
    store.rc = ERR_IO;
    write_series(&body, "__name__=a", 1, 10);
    ck_assert_int_eq(take_body(), ERR_IO);
    store.rc = 0;
    write_series(&body, "__name__=a", 1, 10);
    ck_assert_int_eq(take_body(), 0);
    end();
}
END_TEST

START_TEST(small_bodies_cannot_take_much_memory) {
    begin();
    /* 16 million samples of two bytes each, packed to 1.5 MB */
    buf_reserve(&body.series, (size_t)33 << 20);
    write_labels(&body, "__name__=m");
    for (size_t i = 0; i < (size_t)33 << 19; i++) buf_append(&body.series, "\x12\x00", 2);
    body.series.len = ((size_t)32 << 20) - 100;
    write_series_end(&body);
    ck_assert_uint_lt(write_body_packed(&body).len, 2 << 20);
    ck_assert_int_eq(take(buf_view(&body.packed)), ERR_LIMIT);
    ck_assert_str_eq(err.text, "the request needs more memory than the limit of 134217728 bytes");
    ck_assert(budget_take(intake_memory(intake), (size_t)200 << 20));
    ck_assert_int_eq(take(buf_view(&body.packed)), ERR_BUSY);
    budget_give(intake_memory(intake), (size_t)200 << 20);
    ck_assert_uint_eq(store.batches, 0);
    end();
}
END_TEST

/* ---- text ---- */

static int take_text(const char *text, enum intake_text format) {
    struct intake_request *request;
    err = (struct err){0};
    int rc = intake_read_text(intake, span_from(text),
                              &(struct intake_form){.format = format, .now_ms = 777, .unit_ns = 1}, &request,
                              &err),
        done = 0;
    if (rc) return rc;
    ck_assert_int_eq(intake_append(request, &store.port, count_done, &done), done);
    rc = intake_finish(request, &err);
    intake_request_destroy(request);
    ck_assert_uint_eq(store.holds, 0);
    return rc;
}

START_TEST(a_text_becomes_rows_and_those_without_a_time_are_of_now) {
    begin();
    ck_assert_int_eq(take_text("# TYPE m counter\nm{b=\"x\",a=\"\\n\"} 1 10\nm{b=\"x\",a=\"\\n\"} 2 20\nn 3\n"
                               "m{b=\"x\",a=\"\\n\"} NaN 30\n# TYPE h histogram\nh_bucket{le=\"1\"} 5 40\n",
                               INTAKE_PROMETHEUS),
                     0);
    rows_are("m{a=\"\\n\", b=\"x\"} 1@10\nm{a=\"\\n\", b=\"x\"} 2@20\nn 3@777\nm{a=\"\\n\", b=\"x\"} nan@30\n"
             "h_bucket{le=\"1.0\"} 5@40\n");
    ck_assert_int_eq(take_text("m 1 0.5\n# EOF\n", INTAKE_OPENMETRICS), 0);
    rows_are("m 1@500\n");
    ck_assert_uint_eq(store.batches, 2);
    end();
}
END_TEST

START_TEST(lines_of_influx_become_a_series_for_each_field) {
    begin();
    ck_assert_int_eq(
        take_text("cpu\\,x,host=a\\ b,zone=e\\=u idle=98.5,steal=2i,note=\"a, b=1 \\\" c\",up=t 500999999\n"
                  "\n# words\nmem free=1u,full=F\r\n  disk,path=\\  used\\,it=-1e3 -1\n",
                  INTAKE_INFLUX),
        0);
    rows_are("{\"cpu,x_idle\", host=\"a b\", zone=\"e=u\"} 98.5@500\n"
             "{\"cpu,x_steal\", host=\"a b\", zone=\"e=u\"} 2@500\n"
             "{\"cpu,x_up\", host=\"a b\", zone=\"e=u\"} 1@500\n"
             "mem_free 1@777\nmem_full 0@777\n{\"disk_used,it\", path=\" \"} -1000@-1\n");
    end();
}
END_TEST

START_TEST(a_text_that_is_bent_stores_nothing_and_its_line_is_told) {
    static const struct {
        const char *text, *why;
        enum intake_text format;
    } cases[] = {{"a 1\nb{ 1\n", "line 2", INTAKE_PROMETHEUS},
                 {"a 1\n\nb{x=\"1\",x=\"2\"} 1\n", "line 3", INTAKE_PROMETHEUS},
                 {"a one\n", "line 1", INTAKE_PROMETHEUS},
                 {"a 1\n", "data does not end with # EOF", INTAKE_OPENMETRICS},
                 {"a x=1\nb\n", "line 2: no fields", INTAKE_INFLUX},
                 {"a x=1\n\nb,t x=1\n", "line 3: a tag without a value", INTAKE_INFLUX},
                 {"a x=\"1\n", "line 2: a text that does not end", INTAKE_INFLUX},
                 {"a x=one\n", "line 1: a field whose value is", INTAKE_INFLUX},
                 {"a x=1,\n", "line 1: a field without a value", INTAKE_INFLUX},
                 {"a x=1 1 1\n", "line 1: more than a time", INTAKE_INFLUX},
                 {"a x=1 now\n", "line 1: a time that is none", INTAKE_INFLUX},
                 {",t=1 x=1\n", "line 1: no name", INTAKE_INFLUX}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(take_text(cases[i].text, cases[i].format), ERR_INVALID);
        ck_assert_msg(strstr(err.text, cases[i].why), "%s: %s", cases[i].text, err.text);
    }
    ck_assert_uint_eq(store.batches, 0);
    ck_assert_int_eq(take_text("# only words\n", INTAKE_PROMETHEUS), 0);
    ck_assert_uint_eq(store.batches, 0);
    end();
}
END_TEST

START_TEST(lines_that_no_series_may_have_are_left_out_of_a_text) {
    struct buf text;
    begin();
    buf_init(&text, 1 << 20);
    buf_puts(&text, "a 1 10\nlong{x=\"");
    for (int i = 0; i < 17000; i++) buf_putc(&text, 'y');
    buf_puts(&text, "\"} 1 10\nb 1 1\nb 2 20\n");
    ck_assert_int_eq(take_text(buf_text(&text), INTAKE_PROMETHEUS), ERR_INVALID);
    ck_assert_msg(strstr(err.text, "label value too long"), "%s", err.text);
    rows_are("a 1@10\nb 2@20\n");
    ck_assert_int_eq(take_text("b 1 1\n", INTAKE_PROMETHEUS), ERR_INVALID);
    ck_assert_str_eq(err.text, "duplicate sample for timestamp");
    buf_release(&text);
    end();
}
END_TEST

CHECK_MAIN("intake", samples_arrive_under_their_sorted_labels, a_known_series_is_not_resolved_again,
           series_that_left_are_resolved_again_and_a_request_stays_one_batch,
           a_row_that_found_no_series_is_never_acknowledged,
           what_can_be_stored_is_and_the_first_trouble_is_told,
           labels_that_no_series_may_have_are_refused_alone, labels_may_stand_anywhere_in_a_series,
           samples_may_be_written_in_any_way_protobuf_allows, a_body_that_is_cut_or_bent_stores_nothing,
           when_no_new_series_are_taken_the_known_ones_go_on,
           a_store_that_cannot_write_is_no_fault_of_the_sender, small_bodies_cannot_take_much_memory,
           a_text_becomes_rows_and_those_without_a_time_are_of_now,
           lines_of_influx_become_a_series_for_each_field,
           a_text_that_is_bent_stores_nothing_and_its_line_is_told,
           lines_that_no_series_may_have_are_left_out_of_a_text)
