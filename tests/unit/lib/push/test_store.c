#include "lib/push/path.h"
#include "lib/push/store.h"
#include "lib/sys/file.h"
#include "tests/check_main.h"
#include "tests/support/memory_fs.h"

static struct push_store *store;
static int64_t now_ms;
static struct err err;

static void begin(const struct push_options *options) {
    store = push_store_create(options);
    now_ms = 1000000;
}

static void end(void) {
    push_store_destroy(store);
}

static int send(const char *path, const char *text, bool replaces, int64_t ttl_ms) {
    struct arena arena;
    struct push_request request = {.format = PUSH_TEXT,
                                   .body = span_from(text),
                                   .replaces = replaces,
                                   .ttl_ms = ttl_ms,
                                   .now_ms = now_ms};
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(push_path_read(span_from(path), &arena, &request.group, &err), 0);
    err = (struct err){0};
    int rc = push_store_push(store, &request, &err);
    arena_release(&arena);
    return rc;
}

static void put(const char *path, const char *text) {
    ck_assert_msg(send(path, text, true, -1) == 0, "%s", err.text);
}

static void post(const char *path, const char *text) {
    ck_assert_msg(send(path, text, false, -1) == 0, "%s", err.text);
}

static void refuse(const char *path, const char *text, int code, const char *why) {
    ck_assert_int_eq(send(path, text, false, -1), code);
    ck_assert_msg(strstr(err.text, why), "%s", err.text);
}

/* what is told, from the first line on that begins with `from` */
static void check_told(const char *from, const char *expected) {
    struct buf out;
    buf_init(&out, 1 << 20);
    push_store_write(store, now_ms, &out);
    const char *found = strstr(buf_text(&out), from);
    ck_assert_str_eq(found ? found : "", expected);
    buf_release(&out);
}

START_TEST(labels_of_the_group_go_over_those_of_the_body_and_an_instance_is_empty) {
    begin(&(struct push_options){0});
    put("job/a/x/1", "# HELP m some \\\\ help\n# TYPE m gauge\nm{job=\"other\",z=\"\\\"\",x=\"2\"} "
                     "5\nm{instance=\"i\"} 6\n");
    check_told("# HELP m",
               "# HELP m some \\\\ help\n# TYPE m gauge\nm{instance=\"\",job=\"a\",x=\"1\",z=\"\\\"\"} 5\n"
               "m{instance=\"i\",job=\"a\",x=\"1\"} 6\n");
    end();
}
END_TEST

START_TEST(histograms_and_summaries_are_told_whole) {
    begin(&(struct push_options){0});
    put("job/a/instance/i", "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_sum 3\nh_count 2\n"
                            "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_count 3\ns_sum 2\n");
    check_told("# TYPE h", "# TYPE h histogram\n"
                           "h_bucket{instance=\"i\",job=\"a\",le=\"1\"} 1\n"
                           "h_bucket{instance=\"i\",job=\"a\",le=\"+Inf\"} 2\n"
                           "h_sum{instance=\"i\",job=\"a\"} 3\nh_count{instance=\"i\",job=\"a\"} 2\n"
                           "# TYPE s summary\ns{instance=\"i\",job=\"a\",quantile=\"0.5\"} 1\n"
                           "s_sum{instance=\"i\",job=\"a\"} 2\ns_count{instance=\"i\",job=\"a\"} 3\n");
    end();
}
END_TEST

START_TEST(post_replaces_families_and_put_the_group) {
    begin(&(struct push_options){0});
    post("job/a/instance/i", "x 1\ny 1\n");
    post("job/a/instance/i", "y{b=\"2\"} 2\n");
    check_told("# TYPE x", "# TYPE x untyped\nx{instance=\"i\",job=\"a\"} 1\n"
                           "# TYPE y untyped\ny{b=\"2\",instance=\"i\",job=\"a\"} 2\n");
    put("job/a/instance/i", "z 3\n");
    check_told("# TYPE x", "");
    check_told("# TYPE z", "# TYPE z untyped\nz{instance=\"i\",job=\"a\"} 3\n");
    put("job/a/instance/i", "");
    check_told("# TYPE z", "");
    check_told("push_time_seconds{", "push_time_seconds{instance=\"i\",job=\"a\"} 1000\n"
                                     "# HELP push_failure_time_seconds " PUSH_FAILURE_HELP
                                     "\n# TYPE push_failure_time_seconds gauge\n"
                                     "push_failure_time_seconds{instance=\"i\",job=\"a\"} 0\n");
    end();
}
END_TEST

START_TEST(what_is_inconsistent_is_refused_whole_and_noted) {
    begin(&(struct push_options){0});
    put("job/a", "# TYPE x gauge\nx 1\n# TYPE h histogram\nh_count 1\nh_sum 1\n");
    refuse("job/b", "ok 1\n# TYPE x counter\nx 1\n", ERR_INVALID, "collected metric \"x\" is not a GAUGE");
    refuse("job/b", "y 1\ny 2\n", ERR_INVALID, "was collected before with the same name and label values");
    refuse("job/b", "h_sum 1\n", ERR_INVALID,
           "collected metric named \"h_sum\" collides with previously collected histogram named \"h\"");
    now_ms = 2000000;
    refuse("job/b", "y 1 1000\n", ERR_INVALID, "pushed metrics must not have timestamps");
    check_told("push_failure_time_seconds{",
               "push_failure_time_seconds{instance=\"\",job=\"a\"} 0\n"
               "push_failure_time_seconds{instance=\"\",job=\"b\"} 2000\n"
               "# TYPE h histogram\n"
               "h_bucket{instance=\"\",job=\"a\",le=\"+Inf\"} 1\n"
               "h_sum{instance=\"\",job=\"a\"} 1\nh_count{instance=\"\",job=\"a\"} 1\n"
               "# TYPE x gauge\nx{instance=\"\",job=\"a\"} 1\n");
    end();
}
END_TEST

START_TEST(two_groups_may_not_tell_the_same_series) {
    begin(&(struct push_options){0});
    put("job/a/l/1", "x 1\n");
    refuse("job/a", "x{l=\"1\"} 1\n", ERR_INVALID, "was collected before");
    put("job/a/l/1", "x 2\n"); /* of the same group it takes the place */
    end();
    begin(&(struct push_options){.is_unchecked = true});
    put("job/a/l/1", "x 1\n");
    put("job/a", "x{l=\"1\"} 1\n");
    end();
}
END_TEST

START_TEST(what_cannot_be_read_is_refused_and_not_noted) {
    begin(&(struct push_options){0});
    refuse("job/a", "x 1", ERR_INVALID,
           "text format parsing error in line 1: unexpected end of input stream");
    refuse("job/a", "x 1\n# TYPE x gauge\n", ERR_INVALID, "line 2: second TYPE line");
    refuse("job/a", "# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", ERR_INVALID,
           "line 2: expected float as value for 'le' label, got \"x\"");
    refuse("job/a", "{\"a.b\"} 1\n", ERR_INVALID, "invalid metric name \"a.b\"");
    check_told("push_time_seconds{", "");
    end();
}
END_TEST

START_TEST(limits_are_kept) {
    begin(&(struct push_options){
        .limits = {.lines = 3, .groups = 2, .labels = 6, .label_name_bytes = 40, .label_value_bytes = 40}});
    put("job/a", "x 1\ny 1\n");
    refuse("job/b", "x 1\ny 1\n", ERR_LIMIT, "more than 3 samples in all groups");
    refuse("job/b", "x 1\ny 1\nz 1\nw 1\n", ERR_LIMIT, "more than 3 samples");
    refuse("job/c", "x 1\n", ERR_LIMIT, "more than 2 groups");
    refuse("job/b", "x{a=\"0123456789012345678901234567890123456789x\"} 1\n", ERR_LIMIT, "too long");
    refuse("job/b", "x{a=\"1\",b=\"1\",c=\"1\"} 1\n", ERR_LIMIT, "too many labels");
    ck_assert_int_eq(send("job/b/c/1/d/1/e/1", "", true, -1), ERR_LIMIT); /* of the group itself */
    put("job/a", "x 1\ny 1\nz 1\n"); /* what is replaced does not count */
    end();
}
END_TEST

START_TEST(groups_live_as_long_as_their_last_push_said) {
    begin(&(struct push_options){.ttl_ms = 5000});
    put("job/own", "x 1\n");
    ck_assert_int_eq(send("job/longer", "x 1\n", true, 9000), 0);
    ck_assert_int_eq(send("job/ever", "x 1\n", true, 0), 0);
    now_ms += 4999;
    check_told("x{", "x{instance=\"\",job=\"ever\"} 1\nx{instance=\"\",job=\"longer\"} 1\n"
                     "x{instance=\"\",job=\"own\"} 1\n");
    now_ms += 1;
    check_told("x{", "x{instance=\"\",job=\"ever\"} 1\nx{instance=\"\",job=\"longer\"} 1\n");
    now_ms += 4000;
    check_told("x{", "x{instance=\"\",job=\"ever\"} 1\n");
    end();
}
END_TEST

static void drop(const char *path) {
    struct arena arena;
    struct labels labels;
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(push_path_read(span_from(path), &arena, &labels, &err), 0);
    push_store_delete(store, labels);
    arena_release(&arena);
}

START_TEST(groups_are_deleted_one_by_one_or_all) {
    begin(&(struct push_options){0});
    put("job/a", "x 1\n");
    put("job/b", "x 2\n");
    put("job/b/c/d", "x 3\n");
    drop("job/b");
    drop("job/nobody");
    check_told("x{", "x{c=\"d\",instance=\"\",job=\"b\"} 3\nx{instance=\"\",job=\"a\"} 1\n");
    push_store_wipe(store);
    check_told("x{", "");
    end();
}
END_TEST

static struct buf told(void) {
    struct buf out;
    buf_init(&out, 1 << 20);
    push_store_write(store, now_ms, &out);
    return out;
}

START_TEST(groups_are_there_after_a_restart) {
    struct memory_fs *fs = memory_fs_create();
    struct file_system *files = memory_fs_base(fs);
    begin(&(struct push_options){0});
    ck_assert_int_eq(push_store_load(store, files, "push", &err), 0); /* there is none */
    put("job/a/dir@base64/L2V0Yw",
        "# HELP h he\\nlp\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 3\nh_count 2\nx 1\n");
    ck_assert_int_eq(send("job/b", "x 5\nx 6\n", true, -1), ERR_INVALID);
    struct buf before = told();
    ck_assert_int_eq(push_store_save(store, files, "push", &err), 0);
    end();
    begin(&(struct push_options){0});
    ck_assert_msg(push_store_load(store, files, "push", &err) == 0, "%s", err.text);
    struct buf after = told();
    ck_assert_str_eq(buf_text(&after), buf_text(&before));
    end();
    buf_release(&before);
    buf_release(&after);
    memory_fs_destroy(fs);
}
END_TEST

START_TEST(a_damaged_file_gives_nothing) {
    struct memory_fs *fs = memory_fs_create();
    struct file_system *files = memory_fs_base(fs);
    begin(&(struct push_options){0});
    put("job/a", "x 1\n");
    ck_assert_int_eq(push_store_save(store, files, "push", &err), 0);
    end();
    struct buf text;
    buf_init(&text, 1 << 20);
    ck_assert_int_eq(file_read_all(files, "push", &text, &err), 0);
    for (size_t i = 0; i < text.len; i++) {
        text.data[i] ^= 4;
        ck_assert_int_eq(file_write_atomic(files, "push", text.data, text.len, &err), 0);
        begin(&(struct push_options){0});
        ck_assert_int_eq(push_store_load(store, files, "push", &err), ERR_CORRUPT);
        check_told("x{", "");
        end();
        text.data[i] ^= 4;
    }
    buf_release(&text);
    memory_fs_destroy(fs);
}
END_TEST

CHECK_MAIN("push store", labels_of_the_group_go_over_those_of_the_body_and_an_instance_is_empty,
           histograms_and_summaries_are_told_whole, post_replaces_families_and_put_the_group,
           what_is_inconsistent_is_refused_whole_and_noted, two_groups_may_not_tell_the_same_series,
           what_cannot_be_read_is_refused_and_not_noted, limits_are_kept,
           groups_live_as_long_as_their_last_push_said, groups_are_deleted_one_by_one_or_all,
           groups_are_there_after_a_restart, a_damaged_file_gives_nothing)
