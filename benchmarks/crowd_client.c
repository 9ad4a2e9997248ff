/*
 * crowd_client.c - many clients on connections that stay open, each asking again as soon as it was answered.
 *
 *     crowd_client PORT CONNECTIONS SECONDS < targets
 *
 * Standard input has a request target on each line; every connection goes round through them, each from
 * another one on. One thread, so that the client takes little of the machine. One line of JSON tells queries
 * answered, failed ones, seconds, and the median and the 99th percentile of the milliseconds between a
 * request and the end of its answer.
 */
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_INPUT_BYTES (1u << 20)
#define ANSWER_MAX ((size_t)64 << 10)
#define EVENTS 256

struct client {
    int fd;
    size_t next; /* target */
    double asked;
    struct buf answer; /* what came of it so far */
};

static struct {
    int epoll;
    uint16_t port;
    VEC(struct buf) requests;
    VEC(float) milliseconds;
    uint64_t failed;
} app;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void ask(struct client *client) {
    const struct buf *request = &app.requests.items[client->next++ % app.requests.count];
    buf_reset(&client->answer);
    client->asked = now();
    if (send(client->fd, request->data, request->len, MSG_NOSIGNAL) != (ssize_t)request->len) app.failed++;
}

static void dial(struct client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(app.port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) ||
        epoll_ctl(app.epoll, EPOLL_CTL_ADD, client->fd, &event)) {
        perror("connect");
        exit(1);
    }
}

/* the end of the chunks that begin here, or NULL when they are not all there */
static const char *chunks_end(const char *at) {
    for (;;) {
        const char *line_end = strstr(at, "\r\n");
        if (!line_end) return NULL;
        size_t size = strtoul(at, NULL, 16), left = strlen(line_end + 2);
        if (left < size + 2) return NULL;
        at = line_end + 2 + size + 2;
        if (!size) return at;
    }
}

/* answers are text: strings end them */
static bool is_whole(struct buf *answer) {
    const char *text = buf_text(answer), *body = strstr(text, "\r\n\r\n");
    if (!body) return false;
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (length && length < body) return strlen(body + 4) >= strtoul(length + 17, NULL, 10);
    return chunks_end(body + 4) != NULL;
}

static void hear(struct client *client) {
    char part[16384];
    ssize_t n = recv(client->fd, part, sizeof part, 0);
    if (n <= 0) {
        app.failed++;
        close(client->fd);
        dial(client);
        ask(client);
        return;
    }
    buf_append(&client->answer, part, (size_t)n);
    if (!is_whole(&client->answer)) return;
    if (strncmp(buf_text(&client->answer), "HTTP/1.1 200 ", 13) == 0)
        *vec_push(&app.milliseconds) = (float)((now() - client->asked) * 1000);
    else
        app.failed++;
    ask(client);
}

static void run(struct client *clients, size_t count, double seconds) {
    struct epoll_event events[EVENTS];
    for (size_t i = 0; i < count; i++) {
        buf_init(&clients[i].answer, ANSWER_MAX);
        clients[i].next = i;
        dial(&clients[i]);
    }
    double from = now();
    for (size_t i = 0; i < count; i++) ask(&clients[i]);
    while (now() - from < seconds) {
        int ready = epoll_wait(app.epoll, events, EVENTS, 100);
        for (int i = 0; i < ready; i++) hear(events[i].data.ptr);
    }
}

static int by_value(const void *a, const void *b) {
    float left = *(const float *)a, right = *(const float *)b;
    return left < right ? -1 : left > right;
}

static void report(double seconds) {
    size_t count = app.milliseconds.count;
    if (count) qsort(app.milliseconds.items, count, sizeof *app.milliseconds.items, by_value);
    double median = count ? (double)app.milliseconds.items[count / 2] : 0;
    double p99 = count ? (double)app.milliseconds.items[count * 99 / 100] : 0;
    printf("{\"queries\":%zu,\"failed\":%llu,\"seconds\":%.3f,\"median_ms\":%.3f,\"p99_ms\":%.3f}\n", count,
           (unsigned long long)app.failed, seconds, median, p99);
}

static void read_requests(void) {
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t len; (len = getline(&line, &capacity, stdin)) > 0;) {
        struct buf *request = vec_push(&app.requests);
        buf_init(request, MAX_INPUT_BYTES);
        buf_printf(request, "GET %.*s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (int)strcspn(line, "\n"), line);
    }
    free(line);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: crowd_client PORT CONNECTIONS SECONDS < targets\n");
        return 1;
    }
    app.port = (uint16_t)strtoul(argv[1], NULL, 10);
    size_t count = strtoul(argv[2], NULL, 10);
    double seconds = strtod(argv[3], NULL);
    read_requests();
    if (!count || !app.requests.count) return 1;
    app.epoll = epoll_create1(EPOLL_CLOEXEC);
    run(mem_array(count, sizeof(struct client)), count, seconds);
    report(seconds);
    return 0;
}
