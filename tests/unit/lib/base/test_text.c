/* err, span, buf and log: the pieces that handle text. */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "tests/check_main.h"

START_TEST(wrap_puts_context_in_front) {
    struct err err = {0};
    int rc = err_set(&err, ERR_IO, "open \"%s\"", "f");
    rc = err_wrap(&err, rc, "block %d", 3);
    ck_assert_int_eq(rc, ERR_IO);
    ck_assert_str_eq(err.text, "block 3: open \"f\"");
    ck_assert_str_eq(err_name(rc), "io");
    ck_assert_int_eq(err_set(NULL, ERR_LIMIT, "nobody listens"), ERR_LIMIT);
}
END_TEST

START_TEST(spans_compare_by_bytes) {
    ck_assert_int_lt(span_compare(SPAN("a"), SPAN("ab")), 0);
    ck_assert_int_gt(span_compare(SPAN("b"), SPAN("ab")), 0);
    ck_assert_int_eq(span_compare(SPAN("ab"), SPAN("ab")), 0);
    ck_assert(span_starts_with(SPAN("abc"), SPAN("ab")) && !span_starts_with(SPAN("a"), SPAN("ab")));
    ck_assert(span_ends_with(SPAN("abc"), SPAN("bc")) && span_ends_with(SPAN("abc"), SPAN("")));
    ck_assert(span_is(span_trim(SPAN(" \tx y ")), "x y"));
    ck_assert_uint_eq(span_find_byte(SPAN("a,b"), ',', 0), 1);
    ck_assert_uint_eq(span_find_byte(SPAN("a,b"), ',', 2), 3);
}
END_TEST

START_TEST(utf8_is_told_from_other_bytes) {
    static const struct {
        struct span text;
        bool valid;
    } cases[] = {
        {SPAN(""), true},
        {SPAN("plain ascii text of some length"), true},
        {SPAN("ein Stra\xc3\x9f"
              "e"),
         true},
        {SPAN("\xf0\x9f\x98\x80"), true},
        {SPAN("\xc3"), false},
        {SPAN("\xc0\x80"), false},
        {SPAN("\xed\xa0\x80"), false},
        {SPAN("\xf4\x90\x80\x80"), false},
        {SPAN("12345678\xff"), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(span_is_utf8(cases[i].text) == cases[i].valid, "case %zu", i);
}
END_TEST

START_TEST(a_full_buf_refuses_and_keeps_its_contents) {
    struct buf buf;
    buf_init(&buf, 10);
    ck_assert(buf_puts(&buf, "12345678"));
    ck_assert(!buf_puts(&buf, "too long"));
    ck_assert(buf.failed);
    ck_assert(!buf_putc(&buf, 'x'));
    ck_assert_uint_eq(buf.len, 8);
    buf_reset(&buf);
    ck_assert(buf_printf(&buf, "%d", 42) && buf_int(&buf, -7) && buf_uint(&buf, 0));
    ck_assert_str_eq(buf_text(&buf), "42-70");
    buf_release(&buf);
}
END_TEST

START_TEST(integers_reach_both_ends) {
    struct buf buf;
    buf_init(&buf, 100);
    buf_int(&buf, INT64_MIN);
    buf_putc(&buf, ' ');
    buf_uint(&buf, UINT64_MAX);
    ck_assert_str_eq(buf_text(&buf), "-9223372036854775808 18446744073709551615");
    buf_release(&buf);
}
END_TEST

static char captured[1000];
static void capture(const char *line, void *context) {
    (void)context;
    strncpy(captured, line, sizeof captured - 1);
}

START_TEST(a_log_line_quotes_what_needs_it) {
    log_capture(capture, NULL);
    LOG(LOG_INFO, "two words", "plain", "x", "quoted", "a \"b\"\n", "number", log_text("%d", 5));
    ck_assert_ptr_nonnull(strstr(captured, " level=INFO source=test_text.c:"));
    ck_assert_ptr_nonnull(
        strstr(captured, " msg=\"two words\" plain=x quoted=\"a \\\"b\\\"\\n\" number=5\n"));
    log_configure(LOG_WARN, true);
    captured[0] = '\0';
    LOG(LOG_INFO, "below the level");
    ck_assert_str_eq(captured, "");
    LOG(LOG_ERROR, "as json", "k", "v");
    ck_assert_int_eq(captured[0], '{');
    ck_assert_ptr_nonnull(strstr(captured, "\"msg\":\"as json\",\"k\":\"v\"}\n"));
    log_configure(LOG_INFO, false);
    log_capture(NULL, NULL);
}
END_TEST

CHECK_MAIN("text", wrap_puts_context_in_front, spans_compare_by_bytes, utf8_is_told_from_other_bytes,
           a_full_buf_refuses_and_keeps_its_contents, integers_reach_both_ends,
           a_log_line_quotes_what_needs_it)
