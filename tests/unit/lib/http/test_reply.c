/* Answers in pieces of every size, taken apart in place. */
#include "lib/http/reply.h"
#include "tests/check_main.h"

#include <stdio.h>

#define MAX_BODY 1000

static struct reply reply;
static struct buf bytes;

static void begin(void) {
    buf_init(&bytes, 1 << 20);
    reply_init(&reply, MAX_BODY);
}

static void end(void) {
    reply_release(&reply);
    buf_release(&bytes);
}

/* what becomes of an answer that comes in pieces of `step` bytes */
static enum reply_state take(const char *text, size_t step) {
    size_t len = strlen(text);
    buf_reset(&bytes);
    reply_begin(&reply, &bytes);
    for (size_t at = 0; at < len && reply.state <= REPLY_BODY; at += step) {
        size_t fresh = len - at < step ? len - at : step;
        ck_assert(buf_append(&bytes, text + at, fresh));
        reply_feed(&reply, fresh);
    }
    reply_end(&reply);
    return reply.state;
}

static const struct {
    const char *text, *body; /* NULL: bad */
    long status;
    const char *type;
    bool is_gzip, keeps;
} cases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\na 1\n", "a 1\n", 200,
     "text/plain", false, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\na 1\n", "a 1\n", 200, NULL, false,
     false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\nmore", "a 1\n", 200, NULL, false, false},
    {"HTTP/1.0 200 OK\r\nCONTENT-TYPE: x\r\nContent-Type: y\r\n\r\na 1\n", "a 1\n", 200, "x", false, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
     "2;x=y\r\na \r\n1\r\n1\r\n1\r\n\n\r\n0\r\nContent-Type: z\r\n\r\n",
     "a 1\n", 200, NULL, true, true},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: "
     "0\r\n\r\n",
     "", 404, NULL, false, true},
    {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, NULL, false, true},
    {"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 1\r\n\r\nx", "x", 302, NULL, false, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na 1\n", NULL, 0, NULL, false, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\na 1\n", NULL, 0, NULL, false, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\na 1\n", NULL, 0, NULL, false, false},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", NULL, 0, NULL, false,
     false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", NULL, 0, NULL, false,
     false},
    {"a 1\n", NULL, 0, NULL, false, false},
    {"HTTP/1.1 200 OK\r\n", NULL, 0, NULL, false, false},
    {"", NULL, 0, NULL, false, false},
};

START_TEST(an_answer_is_the_same_in_pieces_of_any_size) {
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step <= strlen(cases[i].text) + 1; step++) {
            enum reply_state state = take(cases[i].text, step);
            ck_assert_msg((state == REPLY_COMPLETE) == (cases[i].body != NULL), "%s", cases[i].text);
            if (!cases[i].body) continue;
            ck_assert_int_eq(reply.status, cases[i].status);
            ck_assert_uint_eq(reply.body_len, strlen(cases[i].body));
            if (reply.body_len) ck_assert_mem_eq(bytes.data + reply.body_at, cases[i].body, reply.body_len);
            ck_assert_int_eq(reply.has_type, cases[i].type != NULL);
            if (cases[i].type) ck_assert_str_eq(reply.type, cases[i].type);
            ck_assert_int_eq(reply.is_gzip, cases[i].is_gzip);
            if (step > strlen(cases[i].text)) ck_assert_int_eq(reply.keeps_connection, cases[i].keeps);
        }
    end();
}
END_TEST

START_TEST(a_body_over_the_maximum_ends_it) {
    static char text[3000];
    begin();
    ck_assert_int_eq(take("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", 7), REPLY_TOO_LARGE);
    int used = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n\r\n");
    memset(text + used, 'x', MAX_BODY);
    ck_assert_int_eq(take(text, 100), REPLY_COMPLETE);
    text[used + MAX_BODY] = 'x';
    ck_assert_int_eq(take(text, 100), REPLY_TOO_LARGE);
    end();
}
END_TEST

START_TEST(heads_have_an_end) {
    struct buf text;
    begin();
    buf_init(&text, 1 << 20);
    buf_puts(&text, "HTTP/1.1 200 OK\r\n");
    while (text.len < (300 << 10)) buf_puts(&text, "X-A: some value that says nothing\r\n");
    buf_puts(&text, "\r\n");
    ck_assert_int_eq(take(buf_text(&text), 1000), REPLY_BAD);
    buf_release(&text);
    end();
}
END_TEST

CHECK_MAIN("reply", an_answer_is_the_same_in_pieces_of_any_size, a_body_over_the_maximum_ends_it,
           heads_have_an_end)
