/*
 * query_client.c - HTTP GET as a load: answers are read to their end and thrown away.
 *
 *     query_client PORT CONNECTIONS SECONDS < targets
 *
 * Standard input has a request target ("/api/v1/query?query=up") on each line. With SECONDS = 0 each is asked
 * for once, one after the other, and a line of JSON tells status, milliseconds from the first byte sent until
 * the last one read, and bytes of the answer. Else every connection goes round through the targets, each from
 * another one on, until the time is up; one line of JSON tells queries answered, failed ones, seconds and
 * bytes.
 */
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_INPUT_BYTES (16u << 20)
#define READ_BYTES (256u << 10)
#define MAX_LINE 4096

/* a connection and what was read of it but not looked at yet */
struct reader {
    int fd;
    size_t at, len;
    char bytes[READ_BYTES];
};

struct answer {
    int status; /* 0: the connection broke */
    uint64_t bytes;
    bool closes;
};

struct worker {
    pthread_t thread;
    size_t number;
    uint64_t queries, failed, bytes;
};

static struct {
    uint16_t port;
    size_t connections;
    double until;
    struct buf input;
    VEC(struct buf) requests;
} app;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void dial(struct reader *reader) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(app.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    reader->at = reader->len = 0;
    setsockopt(reader->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(reader->fd, (struct sockaddr *)&address, sizeof address)) {
        perror("connect");
        exit(1);
    }
}

static bool fill(struct reader *reader) {
    ssize_t n = recv(reader->fd, reader->bytes, sizeof reader->bytes, 0);
    reader->at = 0;
    reader->len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* a line without its end */
static bool read_line(struct reader *reader, char line[MAX_LINE]) {
    for (size_t len = 0; len < MAX_LINE; len++) {
        if (reader->at == reader->len && !fill(reader)) return false;
        char c = reader->bytes[reader->at++];
        if (c == '\n') {
            line[len && line[len - 1] == '\r' ? len - 1 : len] = '\0';
            return true;
        }
        line[len] = c;
    }
    return false;
}

static bool skip(struct reader *reader, size_t count) {
    while (count) {
        if (reader->at == reader->len && !fill(reader)) return false;
        size_t here = reader->len - reader->at < count ? reader->len - reader->at : count;
        reader->at += here;
        count -= here;
    }
    return true;
}

static bool skip_chunks(struct reader *reader, uint64_t *bytes) {
    char line[MAX_LINE];
    for (;;) {
        if (!read_line(reader, line)) return false;
        size_t size = strtoul(line, NULL, 16);
        *bytes += size;
        if (!skip(reader, size) || !read_line(reader, line)) return false; /* the chunk's own line end */
        if (!size) return true;
    }
}

static bool read_answer(struct reader *reader, struct answer *answer) {
    char line[MAX_LINE];
    size_t length = 0;
    bool chunked = false;
    if (!read_line(reader, line) || strncmp(line, "HTTP/1.1 ", 9) != 0) return false;
    int status = (int)strtol(line + 9, NULL, 10);
    while (read_line(reader, line) && line[0]) {
        if (strncasecmp(line, "Content-Length:", 15) == 0) length = strtoul(line + 15, NULL, 10);
        if (strncasecmp(line, "Transfer-Encoding: chunked", 26) == 0) chunked = true;
        if (strncasecmp(line, "Connection: close", 17) == 0) answer->closes = true;
    }
    answer->bytes = length;
    if (!(chunked ? skip_chunks(reader, &answer->bytes) : skip(reader, length))) return false;
    answer->status = status;
    return true;
}

static struct answer exchange(struct reader *reader, const struct buf *request) {
    struct answer answer = {0};
    bool sent = true;
    for (size_t at = 0; at < request->len && sent;) {
        ssize_t n = send(reader->fd, request->data + at, request->len - at, MSG_NOSIGNAL);
        sent = n > 0;
        if (sent) at += (size_t)n;
    }
    if (sent && read_answer(reader, &answer) && !answer.closes) return answer;
    close(reader->fd);
    dial(reader);
    return answer;
}

static void ask_once(void) {
    struct reader *reader = mem_zalloc(sizeof *reader);
    dial(reader);
    for (size_t i = 0; i < app.requests.count; i++) {
        double from = now();
        struct answer answer = exchange(reader, &app.requests.items[i]);
        printf("{\"status\":%d,\"ms\":%.4f,\"bytes\":%llu}\n", answer.status, (now() - from) * 1000,
               (unsigned long long)answer.bytes);
    }
    close(reader->fd);
    mem_free(reader);
}

static void *ask_on(void *argument) {
    struct worker *worker = argument;
    struct reader *reader = mem_zalloc(sizeof *reader);
    dial(reader);
    for (size_t i = worker->number * app.requests.count / app.connections; now() < app.until; i++) {
        struct answer answer = exchange(reader, &app.requests.items[i % app.requests.count]);
        worker->bytes += answer.bytes;
        if (answer.status == 200)
            worker->queries++;
        else
            worker->failed++;
    }
    close(reader->fd);
    mem_free(reader);
    return NULL;
}

static void ask_for(double seconds) {
    struct worker *workers = mem_array(app.connections, sizeof *workers), sum = {0};
    double from = now();
    app.until = from + seconds;
    for (size_t i = 0; i < app.connections; i++) {
        workers[i] = (struct worker){.number = i};
        pthread_create(&workers[i].thread, NULL, ask_on, &workers[i]);
    }
    for (size_t i = 0; i < app.connections; i++) {
        pthread_join(workers[i].thread, NULL);
        sum.queries += workers[i].queries;
        sum.failed += workers[i].failed;
        sum.bytes += workers[i].bytes;
    }
    printf("{\"queries\":%llu,\"failed\":%llu,\"seconds\":%.6f,\"bytes\":%llu}\n",
           (unsigned long long)sum.queries, (unsigned long long)sum.failed, now() - from,
           (unsigned long long)sum.bytes);
    mem_free(workers);
}

/* one request for each line of standard input */
static void read_requests(void) {
    char part[MAX_LINE];
    buf_init(&app.input, MAX_INPUT_BYTES);
    for (size_t n; (n = fread(part, 1, sizeof part, stdin)) > 0;) buf_append(&app.input, part, n);
    const char *at = app.input.data, *end = at + app.input.len;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) line_end = end;
        struct buf *request = vec_push(&app.requests);
        buf_init(request, MAX_INPUT_BYTES);
        buf_printf(request, "GET %.*s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (int)(line_end - at), at);
        at = line_end + 1;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: query_client PORT CONNECTIONS SECONDS < targets\n");
        return 1;
    }
    app.port = (uint16_t)strtoul(argv[1], NULL, 10);
    app.connections = strtoul(argv[2], NULL, 10);
    double seconds = strtod(argv[3], NULL);
    read_requests();
    if (!app.connections || !app.requests.count) return 1;
    if (seconds > 0)
        ask_for(seconds);
    else
        ask_once();
    return 0;
}
