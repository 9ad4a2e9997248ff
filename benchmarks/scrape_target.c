/*
 * scrape_target.c - many targets on one port, cheap to serve and the same in every run.
 *
 *     scrape_target PORT TARGETS SERIES INTERVAL_MS SEED [RENEW_TICKS]
 *     GET /t/0 ... /t/<TARGETS-1>      a page of SERIES series in the text format
 *     GET /stats                       pages, samples and bytes served so far, CPU milliseconds used; since
 * the last /reset: scrapes missed, p99 of how far requests of a target are from one interval apart GET /reset
 * the same, and forgets the last two
 *
 * A page is a pure function of (seed, target, tick), tick = now / interval, so servers that scrape their own
 * generator see the same data. Each target keeps its lines' text once; a page is built at its first request
 * in a tick by copying lines and formatting values, and sent as it is to later requests of the tick. The mix
 * is described in README.md and lives in data.c. With RENEW_TICKS a tenth of the series is replaced by new
 * ones every so many ticks, in turn. One thread, epoll, keep-alive, no compression.
 */
#include "cmd/bench_data.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAGE_BYTES (64u << 20)
#define MAX_REQUEST_BYTES 8192u
#define MAX_CONNECTIONS 4096
#define LATE_STEP_US 100
#define LATE_STEPS 20000 /* beyond, all count as this late */

struct target {
    struct data_target data;
    struct buf page; /* body of the last tick's answer */
    int64_t page_tick, asked_us;
};

struct connection {
    int fd;
    char request[MAX_REQUEST_BYTES];
    size_t request_len;
    struct buf answer; /* a copy: pages change while a slow reader still reads */
    size_t sent;
};

static struct {
    struct target *targets;
    size_t target_count, series_count;
    int64_t interval_ms, renew_ticks;
    uint64_t seed, pages, bytes, missed, gaps;
    uint32_t late[LATE_STEPS]; /* how many gaps between requests are this far from the interval */
    int epoll;
} app;

static int64_t now_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t now_ms(clockid_t clock) {
    return now_us(clock) / 1000;
}

/* ---- lateness ---- */

static void note_request(struct target *target) {
    int64_t now = now_us(CLOCK_MONOTONIC), interval = app.interval_ms * 1000, gap = now - target->asked_us;
    bool is_first = !target->asked_us;
    target->asked_us = now;
    if (is_first) return;
    int64_t missed = (gap + interval / 2) / interval - 1;
    if (missed > 0) {
        app.missed += (uint64_t)missed;
        return;
    }
    int64_t late = llabs(gap - interval) / LATE_STEP_US;
    app.late[late < LATE_STEPS ? late : LATE_STEPS - 1]++;
    app.gaps++;
}

static double late_p99_ms(void) {
    uint64_t count = 0;
    size_t i = 0;
    while (i < LATE_STEPS - 1 && (count += app.late[i]) * 100 < app.gaps * 99) i++;
    return (double)(i + 1) * LATE_STEP_US / 1000;
}

static void forget_lateness(void) {
    memset(app.late, 0, sizeof app.late);
    app.missed = app.gaps = 0;
}

/* ---- a page ---- */

static void target_init(struct target *target, size_t number) {
    *target = (struct target){.page_tick = -1};
    data_target_init(&target->data, number, app.series_count, app.seed);
    buf_init(&target->page, MAX_PAGE_BYTES);
}

/* how often line i has been replaced: tenth d of the lines at the periods d, d + 10, d + 20, ... */
static int64_t generation(size_t i, int64_t tick) {
    int64_t tenth = (int64_t)(i * 10 / app.series_count);
    return (tick / app.renew_ticks - tenth + 9) / 10;
}

static void put_line(struct target *target, size_t i, int64_t tick) {
    const struct data_line *line = &target->data.lines[i];
    struct buf *page = &target->page;
    const char *text = target->data.text.data;
    if (app.renew_ticks) { /* one label more, in place of the closing brace */
        buf_append(page, text + line->head_at, line->end - line->head_at - 1);
        buf_printf(page, ",generation=\"%lld\"}", (long long)generation(i, tick));
    } else {
        buf_append(page, text + line->head_at, line->end - line->head_at);
    }
    buf_putc(page, ' ');
    data_value_put(page, data_value(line, tick));
    buf_putc(page, '\n');
}

static const struct buf *target_page(struct target *target) {
    int64_t tick = now_ms(CLOCK_REALTIME) / app.interval_ms;
    if (target->page_tick == tick) return &target->page;
    buf_reset(&target->page);
    for (size_t i = 0; i < app.series_count; i++) put_line(target, i, tick);
    target->page_tick = tick;
    return &target->page;
}

/* ---- HTTP ---- */

static void answer(struct connection *connection, const char *status, struct span body) {
    buf_reset(&connection->answer);
    buf_printf(&connection->answer,
               "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: "
               "%zu\r\n\r\n",
               status, body.len);
    buf_span(&connection->answer, body);
    connection->sent = 0;
}

static void answer_stats(struct connection *connection) {
    char text[256];
    int len = snprintf(text, sizeof text,
                       "{\"pages\":%llu,\"samples\":%llu,\"bytes\":%llu,\"cpu_ms\":%lld,\"missed\":%llu,"
                       "\"late_p99_ms\":%.1f}\n",
                       (unsigned long long)app.pages, (unsigned long long)(app.pages * app.series_count),
                       (unsigned long long)app.bytes, (long long)now_ms(CLOCK_PROCESS_CPUTIME_ID),
                       (unsigned long long)app.missed, late_p99_ms());
    answer(connection, "200 OK", span_of(text, (size_t)len));
}

static void answer_request(struct connection *connection) {
    unsigned number;
    if (sscanf(connection->request, "GET /t/%u ", &number) == 1 && number < app.target_count) {
        note_request(&app.targets[number]);
        const struct buf *page = target_page(&app.targets[number]);
        app.pages++;
        app.bytes += page->len;
        answer(connection, "200 OK", buf_view(page));
    } else if (strncmp(connection->request, "GET /stats ", 11) == 0) {
        answer_stats(connection);
    } else if (strncmp(connection->request, "GET /reset ", 11) == 0) {
        answer_stats(connection);
        forget_lateness();
    } else {
        answer(connection, "404 Not Found", SPAN("no such page\n"));
    }
}

static void connection_close(struct connection *connection) {
    close(connection->fd);
    buf_release(&connection->answer);
    mem_free(connection);
}

/* false when the peer is gone */
static bool connection_send(struct connection *connection) {
    while (connection->sent < connection->answer.len) {
        ssize_t n = send(connection->fd, connection->answer.data + connection->sent,
                         connection->answer.len - connection->sent, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN;
        connection->sent += (size_t)n;
    }
    return true;
}

static bool connection_receive(struct connection *connection) {
    for (;;) {
        size_t room = MAX_REQUEST_BYTES - 1 - connection->request_len;
        ssize_t n = recv(connection->fd, connection->request + connection->request_len, room, 0);
        if (n < 0) return errno == EAGAIN;
        if (n == 0 || room == 0) return false;
        connection->request_len += (size_t)n;
        connection->request[connection->request_len] = '\0';
        if (strstr(connection->request, "\r\n\r\n")) {
            answer_request(connection);
            connection->request_len = 0;
            if (!connection_send(connection)) return false;
        }
    }
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = mem_zalloc(sizeof *connection);
        connection->fd = fd;
        buf_init(&connection->answer, MAX_PAGE_BYTES);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
        epoll_ctl(app.epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, MAX_CONNECTIONS)) {
        perror("listen");
        exit(1);
    }
    return fd;
}

static void serve(int listener) {
    struct epoll_event events[64], first = {.events = EPOLLIN, .data.ptr = NULL};
    app.epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(app.epoll, EPOLL_CTL_ADD, listener, &first);
    for (;;) {
        int count = epoll_wait(app.epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection)
                accept_all(listener);
            else if (!connection_send(connection) || !connection_receive(connection))
                connection_close(connection);
        }
    }
}

/* a connection for each target of each server */
static void take_all_files(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files)) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv) {
    if (argc != 6 && argc != 7) {
        fprintf(stderr, "usage: scrape_target PORT TARGETS SERIES INTERVAL_MS SEED [RENEW_TICKS]\n");
        return 1;
    }
    app.target_count = strtoul(argv[2], NULL, 10);
    app.series_count = strtoul(argv[3], NULL, 10);
    app.interval_ms = strtol(argv[4], NULL, 10);
    app.seed = strtoul(argv[5], NULL, 10);
    app.renew_ticks = argc > 6 ? strtol(argv[6], NULL, 10) : 0;
    take_all_files();
    if (app.interval_ms <= 0 || app.series_count == 0) return 1;
    app.targets = mem_array(app.target_count, sizeof *app.targets);
    for (size_t i = 0; i < app.target_count; i++) target_init(&app.targets[i], i);
    serve(listen_on(argv[1]));
}
