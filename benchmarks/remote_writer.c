/*
 * remote_writer.c - remote write 1.0 as a load: the series of data.c, as fast as the server takes them.
 *
 *     remote_writer PORT SERIES TICKS START_MS STEP_MS CONNECTIONS [BATCH] [FIRST_TARGET]
 *
 * Sends TICKS samples of each of SERIES series, oldest first, at START_MS, START_MS + STEP_MS, ... One
 * request carries one sample of each of BATCH series (2000). With TICKS = 1 every request holds only new
 * series; another FIRST_TARGET gives other series. A connection owns its batches, so the samples of a series
 * stay in order.
 *
 *     prepare ROUND ticks --> send them over all connections (measured) --> prepare the next ...
 *
 * Bodies are made before their round is timed, so the client costs little beside the server, and all
 * connections wait for each other at the end of a round, so none runs away in time. Prints one line of JSON:
 * requests, samples acknowledged and refused, seconds spent sending, CPU seconds spent sending, first
 * refusal.
 */
#include "cmd/bench_data.h"
#include "lib/base/mem.h"
#include "lib/codec/varint.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TARGET_SERIES 1000u
#define MAX_BODY_BYTES (64u << 20)
#define ROUND_SAMPLES 2000000u /* prepared at once: about 100 MB */
#define MAX_LABELS 16
#define MAX_ANSWER 4096

struct label {
    struct span name, value;
};

struct worker {
    pthread_t thread;
    size_t number, round_first, round_count; /* ticks of this round */
    struct buf *bodies;                      /* of this round: tick by tick, own batches in order */
    uint64_t requests, acked, refused;
    char refusal[256];
    int fd;
};

static struct {
    uint16_t port;
    size_t series, ticks, connections, batch, batch_count;
    int64_t start_ms, step_ms;
    uint64_t first_target;
    struct data_target *targets;
    struct buf *labels; /* one per batch: the encoded labels of its series, one after the other */
    uint32_t *label_len;
} app;

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- protocol buffers: field 1 of WriteRequest is a TimeSeries of labels (1) and samples (2) ---- */

static void put_bytes(struct buf *out, uint8_t field, struct span bytes) {
    buf_putc(out, (char)(field << 3 | 2));
    buf_varint(out, bytes.len);
    buf_span(out, bytes);
}

static int by_name(const void *a, const void *b) {
    const struct label *x = a, *y = b;
    return span_compare(x->name, y->name);
}

/* name{a="b",c="d"} of our own making, so without escapes */
static size_t split_labels(const char *text, const char *end, struct label labels[MAX_LABELS]) {
    const char *brace = memchr(text, '{', (size_t)(end - text));
    labels[0] = (struct label){SPAN("__name__"), span_of(text, (size_t)(brace - text))};
    size_t count = 1;
    for (const char *at = brace + 1; at < end; count++) {
        const char *equals = memchr(at, '=', (size_t)(end - at));
        const char *quote = memchr(equals + 2, '"', (size_t)(end - equals - 2));
        labels[count].name = span_of(at, (size_t)(equals - at));
        labels[count].value = span_of(equals + 2, (size_t)(quote - equals - 2));
        at = quote + 2;
    }
    return count;
}

static void put_labels(struct buf *out, size_t series) {
    const struct data_target *target = &app.targets[series / TARGET_SERIES];
    const struct data_line *line = &target->lines[series % TARGET_SERIES];
    struct label labels[MAX_LABELS];
    size_t count = split_labels(target->text.data + line->text_at, target->text.data + line->end, labels);
    char instance[64];
    int len = snprintf(instance, sizeof instance, "host-%llu:9100",
                       (unsigned long long)(app.first_target + series / TARGET_SERIES));
    labels[count++] = (struct label){SPAN("instance"), span_of(instance, (size_t)len)};
    labels[count++] = (struct label){SPAN("job"), SPAN("load")};
    qsort(labels, count, sizeof *labels, by_name);
    struct buf pair;
    buf_init(&pair, MAX_BODY_BYTES);
    for (size_t i = 0; i < count; i++) {
        buf_reset(&pair);
        put_bytes(&pair, 1, labels[i].name);
        put_bytes(&pair, 2, labels[i].value);
        put_bytes(out, 1, buf_view(&pair));
    }
    buf_release(&pair);
}

static void put_sample(struct buf *out, double value, int64_t timestamp) {
    uint8_t sample[32] = {1 << 3 | 1};
    memcpy(sample + 1, &value, 8);
    sample[9] = 2 << 3;
    size_t len = 10 + varint_write((uint64_t)timestamp, sample + 10);
    put_bytes(out, 2, span_of((const char *)sample, len));
}

static void make_body(struct buf *body, size_t batch, size_t tick, struct buf *raw, struct buf *one) {
    buf_reset(raw);
    const char *labels = app.labels[batch].data;
    size_t first = batch * app.batch, end = first + app.batch < app.series ? first + app.batch : app.series;
    int64_t timestamp = app.start_ms + (int64_t)tick * app.step_ms;
    for (size_t i = first; i < end; i++) {
        const struct data_line *line = &app.targets[i / TARGET_SERIES].lines[i % TARGET_SERIES];
        buf_reset(one);
        buf_append(one, labels, app.label_len[i]);
        labels += app.label_len[i];
        put_sample(one, data_value_double(data_value(line, timestamp / app.step_ms)), timestamp);
        put_bytes(raw, 1, buf_view(one));
    }
    size_t len = snappy_max_compressed_length(raw->len);
    struct buf packed;
    buf_init(&packed, MAX_BODY_BYTES);
    if (!buf_reserve(&packed, len) || snappy_compress(raw->data, raw->len, packed.data, &len)) abort();
    buf_init(body, MAX_BODY_BYTES);
    buf_printf(
        body,
        "POST /api/v1/write HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
        "Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: %zu\r\n\r\n",
        len);
    buf_append(body, packed.data, len);
    buf_release(&packed);
}

/* ---- HTTP ---- */

static int dial(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(app.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        perror("connect");
        exit(1);
    }
    return fd;
}

/* the status of the answer and its body's beginning; 0 when the connection broke */
static int exchange(int fd, const struct buf *request, char answer[MAX_ANSWER], const char **body) {
    for (size_t sent = 0; sent < request->len;) {
        ssize_t n = send(fd, request->data + sent, request->len - sent, MSG_NOSIGNAL);
        if (n <= 0) return 0;
        sent += (size_t)n;
    }
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, answer + len, MAX_ANSWER - 1 - len, 0);
        if (n <= 0) return 0;
        len += (size_t)n;
        answer[len] = '\0';
        const char *end = strstr(answer, "\r\n\r\n");
        if (!end) continue;
        *body = end + 4;
        const char *declared = strcasestr(answer, "\r\nContent-Length:");
        size_t want = declared && declared < end ? strtoul(declared + 17, NULL, 10) : 0;
        if (answer + len >= *body + want || len == MAX_ANSWER - 1) return (int)strtol(answer + 9, NULL, 10);
    }
}

/* ---- rounds ---- */

static size_t batch_size(size_t batch) {
    return batch + 1 < app.batch_count ? app.batch : app.series - batch * app.batch;
}

static size_t own_batches(const struct worker *worker) {
    return (app.batch_count + app.connections - 1 - worker->number) / app.connections;
}

static void *prepare(void *argument) {
    struct worker *worker = argument;
    worker->bodies = mem_array(worker->round_count * own_batches(worker) + 1, sizeof(struct buf));
    struct buf raw, one, *body = worker->bodies;
    buf_init(&raw, MAX_BODY_BYTES);
    buf_init(&one, MAX_BODY_BYTES);
    for (size_t tick = 0; tick < worker->round_count; tick++)
        for (size_t batch = worker->number; batch < app.batch_count; batch += app.connections)
            make_body(body++, batch, worker->round_first + tick, &raw, &one);
    buf_release(&raw);
    buf_release(&one);
    return NULL;
}

static void *send_round(void *argument) {
    struct worker *worker = argument;
    const struct buf *body = worker->bodies;
    char answer[MAX_ANSWER];
    const char *text = "";
    for (size_t tick = 0; tick < worker->round_count; tick++)
        for (size_t batch = worker->number; batch < app.batch_count; batch += app.connections) {
            int status = exchange(worker->fd, body++, answer, &text);
            worker->requests++;
            if (status / 100 == 2) {
                worker->acked += batch_size(batch);
                continue;
            }
            worker->refused += batch_size(batch);
            if (!worker->refusal[0])
                snprintf(worker->refusal, sizeof worker->refusal, "%d %.200s", status,
                         status ? text : "closed");
            if (status == 0) return NULL;
        }
    return NULL;
}

static void release_round(struct worker *worker) {
    for (size_t i = 0; i < worker->round_count * own_batches(worker); i++) buf_release(&worker->bodies[i]);
    mem_free(worker->bodies);
}

static void all(struct worker *workers, void *(*step)(void *)) {
    for (size_t i = 0; i < app.connections; i++) pthread_create(&workers[i].thread, NULL, step, &workers[i]);
    for (size_t i = 0; i < app.connections; i++) pthread_join(workers[i].thread, NULL);
}

static void make_labels(void) {
    size_t targets = (app.series + TARGET_SERIES - 1) / TARGET_SERIES;
    app.targets = mem_array(targets, sizeof *app.targets);
    for (size_t i = 0; i < targets; i++)
        data_target_init(&app.targets[i], app.first_target + i, TARGET_SERIES, 1);
    app.batch_count = (app.series + app.batch - 1) / app.batch;
    app.labels = mem_array(app.batch_count, sizeof *app.labels);
    app.label_len = mem_array(app.series, sizeof *app.label_len);
    for (size_t i = 0; i < app.series; i++) {
        struct buf *labels = &app.labels[i / app.batch];
        if (i % app.batch == 0) buf_init(labels, MAX_BODY_BYTES);
        size_t before = labels->len;
        put_labels(labels, i);
        app.label_len[i] = (uint32_t)(labels->len - before);
    }
}

/* a refusal holds quotes and line ends, JSON must not */
static const char *plain(char *text) {
    for (char *c = text; *c; c++)
        if (*c == '"' || *c == '\\' || *c < ' ') *c = ' ';
    return text;
}

static void report(struct worker *workers, double elapsed, double cpu) {
    struct worker sum = {0};
    char *refusal = "";
    for (size_t i = 0; i < app.connections; i++) {
        sum.requests += workers[i].requests;
        sum.acked += workers[i].acked;
        sum.refused += workers[i].refused;
        if (workers[i].refusal[0]) refusal = workers[i].refusal;
    }
    printf("{\"requests\":%llu,\"acked\":%llu,\"refused\":%llu,\"seconds\":%.6f,\"cpu\":%.6f,\"refusal\":\"%"
           "s\"}\n",
           (unsigned long long)sum.requests, (unsigned long long)sum.acked, (unsigned long long)sum.refused,
           elapsed, cpu, plain(refusal));
}

int main(int argc, char **argv) {
    if (argc < 7) {
        fprintf(
            stderr,
            "usage: remote_writer PORT SERIES TICKS START_MS STEP_MS CONNECTIONS [BATCH] [FIRST_TARGET]\n");
        return 1;
    }
    app.port = (uint16_t)strtoul(argv[1], NULL, 10);
    app.series = strtoul(argv[2], NULL, 10);
    app.ticks = strtoul(argv[3], NULL, 10);
    app.start_ms = strtoll(argv[4], NULL, 10);
    app.step_ms = strtoll(argv[5], NULL, 10);
    app.connections = strtoul(argv[6], NULL, 10);
    app.batch = argc > 7 ? strtoul(argv[7], NULL, 10) : 2000;
    app.first_target = argc > 8 ? strtoul(argv[8], NULL, 10) : 0;
    if (!app.series || !app.connections || !app.batch || app.step_ms <= 0) return 1;
    make_labels();
    struct worker *workers = mem_array(app.connections, sizeof *workers);
    for (size_t i = 0; i < app.connections; i++) workers[i].number = i, workers[i].fd = dial();
    size_t round = ROUND_SAMPLES / app.series ? ROUND_SAMPLES / app.series : 1;
    double elapsed = 0, cpu = 0;
    for (size_t first = 0; first < app.ticks; first += round) {
        for (size_t i = 0; i < app.connections; i++) {
            workers[i].round_first = first;
            workers[i].round_count = app.ticks - first < round ? app.ticks - first : round;
        }
        all(workers, prepare);
        double from = seconds(CLOCK_MONOTONIC), cpu_from = seconds(CLOCK_PROCESS_CPUTIME_ID);
        all(workers, send_round);
        elapsed += seconds(CLOCK_MONOTONIC) - from;
        cpu += seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_from;
        for (size_t i = 0; i < app.connections; i++) release_round(&workers[i]);
    }
    report(workers, elapsed, cpu);
}
