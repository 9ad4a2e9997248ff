#pragma once
/*
 * client.h - what the tests of web/ share: a client on plain sockets, for one server in the same process.
 */
#include "lib/base/buf.h"
#include "web/http/server.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: h\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

static inline int connect_to(const struct http_server *server) {
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)http_server_port(server, 0))};
    struct timeval patience = {.tv_sec = 20};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
    return fd;
}

static inline void say(int fd, const char *text) {
    size_t len = strlen(text);
    ck_assert_int_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* everything until the server closes */
static inline void hear_all(int fd, struct buf *out) {
    char bytes[16384];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0) ck_assert(buf_append(out, bytes, (size_t)got));
    ck_assert_msg(got == 0, "the server neither answered nor closed: %s", strerror(errno));
}

/* until the text is there */
static inline void hear_until(int fd, struct buf *out, const char *text) {
    char byte;
    while (out->len == 0 || !strstr(buf_text(out), text)) {
        ck_assert_int_eq(recv(fd, &byte, 1, 0), 1);
        ck_assert(buf_putc(out, byte));
    }
}

/* the whole conversation: says, hears, closes; the request should end the connection */
static inline const char *ask(const struct http_server *server, const char *text, struct buf *out) {
    int fd = connect_to(server);
    buf_reset(out);
    say(fd, text);
    hear_all(fd, out);
    close(fd);
    return buf_text(out);
}

static inline struct span body_of(const struct buf *answer) {
    const char *end = memmem(answer->data, answer->len, "\r\n\r\n", 4);
    ck_assert_ptr_nonnull(end);
    return span_of(end + 4, answer->len - (size_t)(end + 4 - answer->data));
}

/* chunks put together */
static inline void unchunk(struct span text, struct buf *out) {
    for (size_t at = 0;;) {
        char *end;
        size_t len = (size_t)strtoull(text.ptr + at, &end, 16);
        at = (size_t)(end - text.ptr) + 2;
        ck_assert_uint_le(at + len + 2, text.len);
        ck_assert(buf_append(out, text.ptr + at, len));
        ck_assert(memcmp(text.ptr + at + len, "\r\n", 2) == 0);
        at += len + 2;
        if (len == 0) {
            ck_assert_uint_eq(at, text.len);
            return;
        }
    }
}
