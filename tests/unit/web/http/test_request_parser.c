#include "web/http/request_parser.h"

#include "lib/base/mem.h"
#include "tests/check_main.h"

#include <stdio.h>

/* status of what the bytes are refused with, 0 for a whole request, 1 for "more is needed" */
static int verdict_in(struct span bytes, size_t step, struct incoming **incoming) {
    struct request_parser parser;
    struct incoming *got = NULL;
    enum parse_state state = PARSE_MORE;
    request_parser_init(&parser, NULL);
    for (size_t at = 0; at < bytes.len && state == PARSE_MORE; at += step) {
        size_t len = bytes.len - at < step ? bytes.len - at : step;
        request_parser_feed(&parser, bytes.ptr + at, len);
        state = request_parser_next(&parser, &got);
    }
    int status = state == PARSE_REFUSED ? parser.refused : state == PARSE_MORE;
    request_parser_release(&parser);
    if (incoming)
        *incoming = got;
    else
        incoming_destroy(got);
    return status;
}

static int verdict(struct span bytes) {
    int whole = verdict_in(bytes, 32768, NULL), single = verdict_in(bytes, 1, NULL);
    ck_assert_msg(whole == single, "whole %d, byte by byte %d: %.*s", whole, single, SPAN_ARG(bytes));
    return whole;
}

START_TEST(a_request_is_read_whole) {
    struct incoming *in;
    int status =
        verdict_in(SPAN("GET /a%20b/c?x=1&y=%2B+z&x=2 HTTP/1.1\r\nHost: h\r\nX-Y:  v w \r\n\r\n"), 7, &in);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(in->request.method, METHOD_GET);
    ck_assert(span_is(in->request.path, "/a b/c"));
    ck_assert_uint_eq(in->request.param_count, 3);
    ck_assert(span_is(web_request_param(&in->request, "x"), "1"));
    ck_assert(span_is(web_request_param(&in->request, "y"), "+ z"));
    ck_assert(span_is(web_request_header(&in->request, "x-y"), "v w"));
    ck_assert(in->keep_alive);
    incoming_destroy(in);
}
END_TEST

START_TEST(a_form_comes_before_the_query) {
    struct incoming *in;
    int status = verdict_in(
        SPAN("POST /q?a=url&b=2 HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded; "
             "charset=utf-8\r\nContent-Length: 13\r\n\r\na=form&c=%41x"),
        3, &in);
    ck_assert_int_eq(status, 0);
    ck_assert(span_is(web_request_param(&in->request, "a"), "form"));
    ck_assert(span_is(web_request_param(&in->request, "b"), "2"));
    ck_assert(span_is(web_request_param(&in->request, "c"), "Ax"));
    ck_assert(!web_request_has_param(&in->request, "d"));
    incoming_destroy(in);
}
END_TEST

START_TEST(chunks_are_put_together) {
    struct incoming *in;
    int status = verdict_in(SPAN("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n"),
                            1, &in);
    ck_assert_int_eq(status, 0);
    ck_assert(span_is(in->request.body, "abcde"));
    ck_assert_uint_eq(in->request.header_count, 2);
    incoming_destroy(in);
}
END_TEST

START_TEST(pipelined_requests_come_one_after_another) {
    struct request_parser parser;
    struct incoming *in;
    request_parser_init(&parser, NULL);
    struct span bytes =
        SPAN("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
             "\r\nGET /3 HTTP/1.0\r\n\r\nGET");
    request_parser_feed(&parser, bytes.ptr, bytes.len);
    const char *paths[] = {"/1", "/2", "/3"};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(request_parser_next(&parser, &in), PARSE_DONE);
        ck_assert(span_is(in->request.path, paths[i]));
        ck_assert_int_eq(in->keep_alive, i < 2);
        incoming_destroy(in);
    }
    ck_assert_int_eq(request_parser_next(&parser, &in), PARSE_MORE);
    ck_assert_int_eq(request_parser_place(&parser), PLACE_HEAD);
    request_parser_release(&parser);
}
END_TEST

static const struct {
    int status;
    struct span bytes;
} doubtful[] = {
    {505, SPAN("GET / HTTP/2.0\r\nHost: h\r\n\r\n")},
    {505, SPAN("GET / HTTP/0.9\r\nHost: h\r\n\r\n")},
    {505, SPAN("GET /x\r\nHost: h\r\n\r\n")}, /* HTTP/0.9 with headers */
    {400, SPAN("GET / HTTP/1.2\r\nHost: h\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\nHost: h\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost: h\r\nX-Abc: \rxTransfer-Encoding: chunked\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n Content-Length: 5\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost : h\r\n\r\n")},
    {400, SPAN("GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n")},
    {400, SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na")},
    {400, SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na")},
    {400,
     SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {400,
     SPAN("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n")},
    {400, SPAN("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
               "chunked\r\n\r\n0\r\n\r\n")},
    {400, SPAN("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {501, SPAN("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")},
    {501, SPAN("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")},
    {400, SPAN("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n")},
    {400, SPAN("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")},
    {413, SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4194305\r\n\r\n")},
    {400, SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n")},
    {405, SPAN("BREW / HTTP/1.1\r\nHost: h\r\n\r\n")},
    {405, SPAN("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n")},
    {400, SPAN("GET /../etc HTTP/1.1\r\nHost: h\r\n\r\n")},
    {400, SPAN("GET /a/%2e%2e/b HTTP/1.1\r\nHost: h\r\n\r\n")},
    {400, SPAN("GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n")},
    {400, SPAN("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n")},
    {400, SPAN("GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n")},
    {400, SPAN(" GET / HTTP/1.1\r\nHost: h\r\n\r\n")},
    {400, SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")}, /* a TLS hello */
};

START_TEST(what_is_doubtful_is_refused) {
    int wanted = doubtful[_i].status, got = verdict(doubtful[_i].bytes);
    /* llhttp names some versions before our own check does */
    bool is_right = got == wanted || (wanted == 505 && got == 400);
    ck_assert_msg(is_right, "%d: wanted %d, got %d", _i, wanted, got);
}
END_TEST

static const struct span fine[] = {
    SPAN("GET / HTTP/1.0\r\n\r\n"),
    SPAN("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    SPAN("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    SPAN("GET http://h:1/x?y=1 HTTP/1.1\r\nHost: h:1\r\n\r\n"),
    SPAN("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
    SPAN("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
    SPAN("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n"),
    SPAN("DELETE /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
};

START_TEST(what_is_in_order_is_taken) {
    ck_assert_msg(verdict(fine[_i]) == 0, "%d: %d", _i, verdict(fine[_i]));
}
END_TEST

static int verdict_of_many(const char *before, const char *part, int count, const char *after) {
    struct buf text;
    buf_init(&text, (size_t)32 << 20);
    buf_puts(&text, before);
    for (int i = 0; i < count; i++) buf_puts(&text, part);
    buf_puts(&text, after);
    int status = verdict_in(buf_view(&text), 4096, NULL);
    buf_release(&text);
    return status;
}

START_TEST(sizes_are_limited) {
    const char *end = " HTTP/1.1\r\nHost: h\r\n\r\n";
    ck_assert_int_eq(verdict_of_many("GET /", "x", 65000, end), 0);
    ck_assert_int_eq(verdict_of_many("GET /", "x", 66000, end), 414);
    ck_assert_int_eq(verdict_of_many("GET /", "x", 66000, ""), 414);
    const char *line = "GET / HTTP/1.1\r\nHost: h\r\n";
    ck_assert_int_eq(verdict_of_many(line, "A: b\r\n", 99, "\r\n"), 0);
    ck_assert_int_eq(verdict_of_many(line, "A: b\r\n", 100, "\r\n"), 431);
    ck_assert_int_eq(verdict_of_many("GET / HTTP/1.1\r\nHost: h\r\nA: ", "x", 65000, "\r\n\r\n"), 0);
    ck_assert_int_eq(verdict_of_many("GET / HTTP/1.1\r\nHost: h\r\nA: ", "x", 66000, "\r\n\r\n"), 431);
    const char *chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    ck_assert_int_eq(verdict_of_many(chunked, "5\r\nabcde\r\n", 838860, "0\r\n\r\n"), 0);
    ck_assert_int_eq(verdict_of_many(chunked, "5\r\nabcde\r\n", 838861, "0\r\n\r\n"), 413);
    ck_assert_int_eq(verdict_of_many("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;",
                                     "x", 9000000, ""),
                     413);
}
END_TEST

START_TEST(a_budget_refuses_with_503) {
    struct budget budget;
    struct request_parser parser;
    struct incoming *in;
    budget_init(&budget, "test", 100, NULL);
    request_parser_init(&parser, &budget);
    char line[200] = "GET /";
    memset(line + 5, 'x', sizeof line - 5);
    request_parser_feed(&parser, line, sizeof line);
    ck_assert_int_eq(request_parser_next(&parser, &in), PARSE_REFUSED);
    ck_assert_int_eq(parser.refused, 503);
    request_parser_release(&parser);
    ck_assert_uint_eq(atomic_load(&budget.used_bytes), 0);
}
END_TEST

START_TEST(a_bad_parameter_is_noted_and_left_out) {
    struct incoming *in;
    ck_assert_int_eq(verdict_in(SPAN("GET /?a=%zz&b=1&c;d=2 HTTP/1.0\r\n\r\n"), 100, &in), 0);
    ck_assert(in->request.has_bad_params);
    ck_assert_uint_eq(in->request.param_count, 1);
    incoming_destroy(in);
}
END_TEST

START_TEST(expecting_continue_is_told_once) {
    struct request_parser parser;
    struct incoming *in;
    struct span head =
        SPAN("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    request_parser_init(&parser, NULL);
    request_parser_feed(&parser, head.ptr, head.len);
    ck_assert_int_eq(request_parser_next(&parser, &in), PARSE_MORE);
    ck_assert(request_parser_take_continue(&parser));
    ck_assert(!request_parser_take_continue(&parser));
    request_parser_release(&parser);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("request_parser");
    const TTest *const tests[] = {a_request_is_read_whole,
                                  a_form_comes_before_the_query,
                                  chunks_are_put_together,
                                  pipelined_requests_come_one_after_another,
                                  sizes_are_limited,
                                  a_budget_refuses_with_503,
                                  a_bad_parameter_is_noted_and_left_out,
                                  expecting_continue_is_told_once};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    tcase_add_loop_test(tcase, what_is_doubtful_is_refused, 0, (int)(sizeof doubtful / sizeof *doubtful));
    tcase_add_loop_test(tcase, what_is_in_order_is_taken, 0, (int)(sizeof fine / sizeof *fine));
    return check_run("request_parser", tcase);
}
