/*
 * load_generator.c - many targets on one port, cheap to serve and the same in every run.
 *
 *     load_generator PORT TARGETS SERIES INTERVAL_MS SEED
 *     GET /t/0 ... /t/<TARGETS-1>      a page of SERIES series in the text format
 *     GET /stats                       pages, samples and bytes served so far, CPU milliseconds used
 *
 * A page is a pure function of (seed, target, tick), tick = now / interval, so servers that scrape their own
 * generator see the same data. Each target keeps its lines' text once; a page is built at its first request
 * in a tick by copying lines and formatting values, and sent as it is to later requests of the tick. The mix
 * is described in README.md. One thread, epoll, keep-alive, no compression.
 */
#include "lib/base/buf.h"
#include "lib/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAGE_BYTES (64u << 20)
#define MAX_REQUEST_BYTES 8192u
#define MAX_CONNECTIONS 4096
#define BUCKETS 9 /* of a histogram, with +Inf; _sum and _count make BUCKETS + 2 series */

enum shape { COUNTER_INT, COUNTER_SECONDS, GAUGE_INT, GAUGE_DECIMAL, BUCKET, BUCKET_SUM, BUCKET_COUNT };
enum pace { EVERY_TICK, EVERY_THIRD, NEVER };

struct line {
    size_t text_at, text_len; /* HELP and TYPE lines where due, then name and labels, in the target's text */
    uint64_t key;             /* decides base value, step and phase */
    enum shape shape;
    enum pace pace;
    int bucket;
};

struct target {
    struct buf text;
    struct line *lines;
    struct buf page; /* head and body of the last tick's answer */
    int64_t page_tick;
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
    int64_t interval_ms;
    uint64_t seed, pages, bytes;
    int epoll;
} app;

static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static int64_t now_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the series of a target ---- */

static const char *const modes[] = {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"};
static const char *const bounds[BUCKETS] = {"0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "10", "+Inf"};

/* cAdvisor-like labels: about 230 bytes with the name */
static void put_long_labels(struct buf *text, uint64_t pod, size_t index) {
    buf_printf(
        text,
        "{container=\"app-%zu\",id=\"/kubepods/burstable/pod%016llx-%08x\",image=\"registry.example.org/"
        "team-%u/service-%u:v1.%u.0\",name=\"k8s_app_%08x\",namespace=\"team-%u\",pod=\"service-%u-%08x\"}",
        index, (unsigned long long)mix(pod), (unsigned)(mix(pod + 1) & 0xffffffff), (unsigned)(pod % 7),
        (unsigned)(pod % 31), (unsigned)(pod % 9), (unsigned)(mix(pod + 2) & 0xffffffff), (unsigned)(pod % 7),
        (unsigned)(pod % 31), (unsigned)(mix(pod + 3) & 0xffffffff));
}

static void put_short_labels(struct buf *text, size_t index) {
    if (index % 2)
        buf_printf(text, "{cpu=\"%zu\",mode=\"%s\"}", index / 8, modes[index % 8]);
    else
        buf_printf(text, "{device=\"eth%zu\"}", index);
}

static void put_head(struct buf *text, const char *name, size_t family, const char *suffix,
                     const char *type) {
    buf_printf(text, "# HELP %s_%zu%s Made for measuring, family %zu.\n", name, family, suffix, family);
    buf_printf(text, "# TYPE %s_%zu%s %s\n", name, family, suffix, type);
}

static struct line *add_line(struct target *target, size_t *count, enum shape shape, uint64_t key) {
    struct line *line = &target->lines[(*count)++];
    /* a quarter moves every tick, a quarter every third tick, half rests: a third changes from tick to tick
     */
    uint64_t pace = mix(key + 77) % 4;
    *line = (struct line){.key = key,
                          .shape = shape,
                          .pace = pace == 0   ? EVERY_TICK
                                  : pace == 1 ? EVERY_THIRD
                                              : NEVER};
    return line;
}

/* a family of ten counters or gauges; half of the families carry long labels, which makes 40 % of all series
 */
static void add_family(struct target *target, size_t *count, size_t family, uint64_t pod) {
    bool is_counter = family % 8 < 5;
    bool is_long = family % 10 < 5;
    const char *suffix = is_counter ? "_total" : "";
    const char *name = is_counter ? (is_long ? "container_usage" : "node_seconds")
                                  : (is_long ? "container_working_bytes" : "node_current_value");
    for (size_t i = 0; i < 10 && *count < app.series_count; i++) {
        uint64_t key = mix(app.seed + pod * 1000003 + family * 131 + i);
        enum shape shape = is_counter ? (family % 3 ? COUNTER_INT : COUNTER_SECONDS)
                                      : (family % 2 ? GAUGE_INT : GAUGE_DECIMAL);
        struct line *line = add_line(target, count, shape, key);
        line->text_at = target->text.len;
        if (i == 0) put_head(&target->text, name, family, suffix, is_counter ? "counter" : "gauge");
        buf_printf(&target->text, "%s_%zu%s", name, family, suffix);
        if (is_long)
            put_long_labels(&target->text, pod * 50 + family, i);
        else
            put_short_labels(&target->text, i);
        line->text_len = target->text.len - line->text_at;
    }
}

static void add_histogram(struct target *target, size_t *count, size_t family, uint64_t pod) {
    const char *name = "rpc_duration_seconds";
    uint64_t key = mix(app.seed + pod * 1000003 + family * 8191);
    for (int i = 0; i < BUCKETS + 2 && *count < app.series_count; i++) {
        struct line *line = add_line(target, count,
                                     i < BUCKETS    ? BUCKET
                                     : i == BUCKETS ? BUCKET_SUM
                                                    : BUCKET_COUNT,
                                     key);
        line->bucket = i;
        line->text_at = target->text.len;
        if (i == 0) put_head(&target->text, name, family, "", "histogram");
        if (i < BUCKETS)
            buf_printf(&target->text, "%s_%zu_bucket{handler=\"/api/v1/h%zu\",le=\"%s\"}", name, family,
                       family, bounds[i]);
        else
            buf_printf(&target->text, "%s_%zu_%s{handler=\"/api/v1/h%zu\"}", name, family,
                       i == BUCKETS ? "sum" : "count", family);
        line->text_len = target->text.len - line->text_at;
    }
}

static void target_init(struct target *target, size_t number) {
    *target = (struct target){.page_tick = -1, .lines = mem_array(app.series_count, sizeof(struct line))};
    buf_init(&target->text, MAX_PAGE_BYTES);
    buf_init(&target->page, MAX_PAGE_BYTES);
    size_t count = 0;
    for (size_t family = 0; count < app.series_count; family++) {
        if (count * 5 < app.series_count * 4) /* the last fifth is histograms */
            add_family(target, &count, family, number);
        else
            add_histogram(target, &count, family, number);
    }
}

/* ---- a page ---- */

static int64_t changes(const struct line *line, int64_t tick) {
    if (line->pace == EVERY_TICK) return tick;
    return line->pace == NEVER ? 0 : (tick + (int64_t)(line->key % 3)) / 3;
}

/* counters count from here, so that they do not start with the digits of the epoch */
static int64_t since_start(int64_t tick) {
    return tick % 1000000;
}

static void put_value(struct buf *page, const struct line *line, int64_t tick) {
    int64_t moved = changes(line, since_start(tick));
    int64_t step = 1 + (int64_t)(line->key % 997), base = (int64_t)(line->key % 10000000);
    uint64_t noise = mix(line->key + (uint64_t)moved);
    switch (line->shape) {
    case COUNTER_INT: buf_int(page, base + moved * step + (int64_t)(noise % 7) * (moved != 0)); return;
    case COUNTER_SECONDS:
        buf_printf(page, "%lld.%02u", (long long)(base + moved * 2), (unsigned)(noise % 100));
        return;
    case GAUGE_INT: buf_int(page, base + (int64_t)(noise % 4096)); return;
    case GAUGE_DECIMAL:
        buf_printf(page, "%u.%03u", (unsigned)(noise % 100), (unsigned)(noise / 100 % 1000));
        return;
    case BUCKET: buf_int(page, (base + moved * step) * (line->bucket + 1) / BUCKETS); return;
    case BUCKET_SUM:
        buf_printf(page, "%lld.%03u", (long long)(base + moved * step) / 3, (unsigned)(noise % 1000));
        return;
    case BUCKET_COUNT: buf_int(page, base + moved * step); return;
    }
}

static const struct buf *target_page(struct target *target) {
    int64_t tick = now_ms(CLOCK_REALTIME) / app.interval_ms;
    if (target->page_tick == tick) return &target->page;
    struct buf *page = &target->page;
    buf_reset(page);
    for (size_t i = 0; i < app.series_count; i++) {
        const struct line *line = &target->lines[i];
        buf_append(page, target->text.data + line->text_at, line->text_len);
        buf_putc(page, ' ');
        put_value(page, line, tick);
        buf_putc(page, '\n');
    }
    target->page_tick = tick;
    return page;
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
    int len =
        snprintf(text, sizeof text, "{\"pages\":%llu,\"samples\":%llu,\"bytes\":%llu,\"cpu_ms\":%lld}\n",
                 (unsigned long long)app.pages, (unsigned long long)(app.pages * app.series_count),
                 (unsigned long long)app.bytes, (long long)now_ms(CLOCK_PROCESS_CPUTIME_ID));
    answer(connection, "200 OK", span_of(text, (size_t)len));
}

static void answer_request(struct connection *connection) {
    unsigned number;
    if (sscanf(connection->request, "GET /t/%u ", &number) == 1 && number < app.target_count) {
        const struct buf *page = target_page(&app.targets[number]);
        app.pages++;
        app.bytes += page->len;
        answer(connection, "200 OK", buf_view(page));
    } else if (strncmp(connection->request, "GET /stats ", 11) == 0) {
        answer_stats(connection);
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

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: load_generator PORT TARGETS SERIES INTERVAL_MS SEED\n");
        return 1;
    }
    app.target_count = strtoul(argv[2], NULL, 10);
    app.series_count = strtoul(argv[3], NULL, 10);
    app.interval_ms = strtol(argv[4], NULL, 10);
    app.seed = strtoul(argv[5], NULL, 10);
    if (app.interval_ms <= 0 || app.series_count == 0) return 1;
    app.targets = mem_array(app.target_count, sizeof *app.targets);
    for (size_t i = 0; i < app.target_count; i++) target_init(&app.targets[i], i);
    serve(listen_on(argv[1]));
}
