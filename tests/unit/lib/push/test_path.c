#include "lib/push/path.h"
#include "tests/check_main.h"

static struct arena arena;

static void check_path(const char *path, const char *expected) {
    struct labels labels;
    struct err err = {0};
    struct buf out;
    arena_init(&arena, 1 << 20, NULL);
    buf_init(&out, 4096);
    ck_assert_msg(push_path_read(span_from(path), &arena, &labels, &err) == 0, "%s: %s", path, err.text);
    for (uint32_t i = 0; i < labels.count; i++)
        buf_printf(&out, "%.*s=%.*s;", SPAN_ARG(labels.items[i].name), SPAN_ARG(labels.items[i].value));
    ck_assert_str_eq(buf_text(&out), expected);
    /* what is written is read again as the same */
    struct labels again;
    buf_reset(&out);
    push_path_write(labels, &out);
    ck_assert_int_eq(push_path_read(buf_view(&out), &arena, &again, &err), 0);
    ck_assert(labels_compare(labels, again) == 0);
    buf_release(&out);
    arena_release(&arena);
}

static void check_error(const char *path, const char *expected) {
    struct labels labels = {NULL, 7};
    struct err err = {0};
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(push_path_read(span_from(path), &arena, &labels, &err), ERR_INVALID);
    ck_assert_str_eq(err.text, expected);
    ck_assert_uint_eq(labels.count, 7);
    arena_release(&arena);
}

START_TEST(labels_are_sorted_and_the_last_of_a_name_counts) {
    check_path("job/j", "job=j;");
    check_path("job/j/", "job=j;");
    check_path("job/j/z/1/a/2/z/3", "a=2;job=j;z=3;");
    check_path("job/j/job/other", "job=j;");
    check_path("job/j/a/", "a=;job=j;");
}
END_TEST

START_TEST(base64_is_that_of_urls_and_its_padding_is_optional) {
    check_path("job@base64/L2V0Yw/a@base64/LS0_Pz8-Pg", "a=--?"
                                                        "?"
                                                        "?>>;job=/etc;");
    check_path("job/j/a@base64/YQ", "a=a;job=j;");
    check_path("job/j/a@base64/YQ==", "a=a;job=j;");
    check_path("job/j/a@base64/=", "a=;job=j;");
}
END_TEST

START_TEST(errors_are_in_upstreams_words) {
    check_error("job/", "job name is required");
    check_error("job@base64/=", "job name is required");
    check_error("job/j/a", "odd number of components in label string \"/a\"");
    check_error("job/j/a/b/c", "odd number of components in label string \"/a/b/c\"");
    check_error("job/j/__a/b", "improper label name \"__a\"");
    check_error("job/j/a-b/c", "improper label name \"a-b\"");
    check_error("job/j/@base64/YQ", "improper label name \"\"");
    check_error("job@base64/!!",
                "invalid base64 encoding in job name \"\": illegal base64 data at input byte 0");
    check_error("job/j/a@base64/YQ!",
                "invalid base64 encoding for label a=\"YQ!\": illegal base64 data at input byte 2");
}
END_TEST

START_TEST(too_many_labels_are_refused) {
    struct buf path;
    struct labels labels;
    struct err err;
    buf_init(&path, 1 << 16);
    arena_init(&arena, 1 << 20, NULL);
    buf_puts(&path, "job/j");
    for (int i = 0; i < PUSH_PATH_LABELS_MAX; i++) buf_printf(&path, "/l%d/v", i);
    ck_assert_int_eq(push_path_read(buf_view(&path), &arena, &labels, &err), ERR_LIMIT);
    arena_release(&arena);
    buf_release(&path);
}
END_TEST

CHECK_MAIN("push path", labels_are_sorted_and_the_last_of_a_name_counts,
           base64_is_that_of_urls_and_its_padding_is_optional, errors_are_in_upstreams_words,
           too_many_labels_are_refused)
