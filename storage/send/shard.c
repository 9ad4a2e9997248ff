/* shard.c - messages of one shard: filled, packed, sent until they are answered for good. */
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/url.h"
#include "lib/sys/clock.h"
#include "storage/send/inside.h"

static const struct load empty_load = {.newest_ms = INT64_MIN};

static void say(struct shard *shard, enum log_level level, const char *what, const char *why) {
    struct buf url;
    buf_init(&url, 1 << 16);
    url_write_redacted(span_from(shard->queue->remote->url), &url);
    LOG(level, what, "remote_name", shard->queue->name, "url", buf_text(&url), "samples",
        log_text("%zu", shard->sending_load.samples), "err", why);
    buf_release(&url);
}

static void start(struct shard *shard) {
    shard->started_ns = clock_monotonic_ns();
    http_request_start(shard->request);
}

static void on_again(void *context) {
    start(context);
}

static void count_sent(struct shard *shard, const struct load *load) {
    struct queue *queue = shard->queue;
    double seconds = (double)(clock_monotonic_ns() - shard->started_ns) * 1e-9;
    counter_add(queue->metrics.bytes, (double)shard->sending.packed.len);
    histogram_observe(queue->metrics.duration, seconds);
    queue->rate_out += (double)load->samples;
    queue->seconds_out += seconds;
    double newest = (double)load->newest_ms / 1000;
    if (load->newest_ms != INT64_MIN && newest > gauge_value(queue->metrics.highest_sent))
        gauge_set(queue->metrics.highest_sent, newest);
    queue->is_failing = false;
}

/* what is in a part: only a doubtful message has several, of a row each */
static struct load part_load(const struct shard *shard, struct part part) {
    struct load load = shard->sending_load;
    if (part.to - part.from == shard->sending.starts.count) return load;
    return (struct load){.samples = part.to - part.from, .newest_ms = load.newest_ms};
}

/* the totals count what was given to the receiver, once, whatever it answered */
static void count_part(const struct shard *shard, const struct load *load, enum send_verdict verdict) {
    const struct queue_metrics *m = &shard->queue->metrics;
    double histograms = (double)load->histograms, exemplars = (double)load->exemplars,
           floats = (double)load->samples - histograms;
    if (verdict == SEND_AGAIN) {
        counter_add(m->retried, floats);
        counter_add(m->retried_histograms, histograms);
        counter_add(m->retried_exemplars, exemplars);
        return;
    }
    counter_add(m->samples, floats);
    counter_add(m->histograms, histograms);
    counter_add(m->exemplars, exemplars);
    if (verdict != SEND_NEVER) return;
    counter_add(m->failed, floats);
    counter_add(m->failed_histograms, histograms);
    counter_add(m->failed_exemplars, exemplars);
}

static void finish(struct shard *shard) {
    shard->is_sending = false;
    shard->sending_load = empty_load;
    send_message_reset(&shard->sending);
    queue_answered(shard->queue);
}

/* the last part that is left, or the end of the message */
static void send_part(struct shard *shard) {
    struct span body;
    struct err err;
    send_pause_reset(&shard->pause);
    while (shard->parts.count) {
        struct part part = shard->parts.items[shard->parts.count - 1];
        if (send_message_pack(&shard->sending, part.from, part.to, &body, &err) == 0) {
            http_request_set_body(shard->request, body);
            start(shard);
            return;
        }
        struct load load = part_load(shard, part);
        count_part(shard, &load, SEND_NEVER);
        say(shard, LOG_ERROR, "a message of remote write cannot be made", err.text);
        shard->parts.count--;
    }
    finish(shard);
}

/* A Prometheus refuses a whole message for one row that it has a later one of. So of what may have been sent
 * before, what is refused is sent again in two halves, down to the rows at fault. */
static bool halve(struct shard *shard, struct part part, long status) {
    if (status != 400 || !shard->sending_load.is_doubtful || shard->sending.is_v2 || part.to - part.from < 2)
        return false;
    size_t middle = part.from + (part.to - part.from) / 2;
    *vec_push(&shard->parts) = (struct part){middle, part.to};
    *vec_push(&shard->parts) = (struct part){part.from, middle};
    return true;
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context) {
    struct shard *shard = context;
    struct queue *queue = shard->queue;
    long status = response->rc ? 0 : response->status;
    enum send_verdict verdict = send_judge(status, queue->remote->queue_config.retry_on_http_429);
    const char *why = response->rc ? response->err.text : log_text("the receiver answered %ld", status);
    const char *after = http_request_header(request, "Retry-After");
    struct part part = shard->parts.items[shard->parts.count - 1];
    struct load load = part_load(shard, part);
    if (verdict == SEND_AGAIN) {
        count_part(shard, &load, verdict);
        if (!queue->is_failing) say(shard, LOG_WARN, "failed to send batch, retrying", why);
        queue->is_failing = true;
        loop_timer_set(shard->again,
                       send_pause_next(&shard->pause, span_from(after ? after : ""), clock_wall_ms()));
        queue_answered(queue); /* who stops may wait for no more than this */
        return;
    }
    shard->parts.count--;
    if (verdict != SEND_NEVER || !halve(shard, part, status)) {
        count_part(shard, &load, verdict);
        if (verdict == SEND_DONE) count_sent(shard, &load);
        if (verdict == SEND_NEVER && !shard->is_told)
            say(shard, LOG_ERROR, "non-recoverable error while sending samples to remote", why);
        shard->is_told = shard->is_told || verdict == SEND_NEVER;
    }
    send_part(shard);
}

int shard_init(struct shard *shard, struct queue *queue, struct err *err) {
    const struct queue_config *config = &queue->remote->queue_config;
    struct http_request_options options;
    struct arena arena;
    *shard = (struct shard){.queue = queue,
                            .filling_load = empty_load,
                            .sending_load = empty_load,
                            .pause = {config->min_backoff_ms, config->max_backoff_ms, 0}};
    bool is_v2 = send_is_v2(queue->remote);
    send_message_init(&shard->filling, (size_t)config->max_samples_per_send, is_v2, NULL);
    send_message_init(&shard->sending, (size_t)config->max_samples_per_send, is_v2, NULL);
    shard->again = loop_timer_create(queue->loop, on_again, shard);
    arena_init(&arena, 1 << 20, NULL);
    int rc = queue_http_options(queue, &arena, &options, err);
    if (!rc) rc = http_request_create(queue->client, &options, on_answer, shard, &shard->request, err);
    arena_release(&arena);
    return rc;
}

void shard_release(struct shard *shard) {
    if (shard->request) http_request_destroy(shard->request);
    loop_timer_destroy(shard->again);
    send_message_release(&shard->filling);
    send_message_release(&shard->sending);
    vec_release(&shard->parts);
}

void shard_send(struct shard *shard) {
    if (shard->is_sending || !shard->filling.samples) return;
    struct send_message filled = shard->filling;
    shard->filling = shard->sending;
    shard->sending = filled;
    shard->sending_load = shard->filling_load;
    shard->filling_load = empty_load;
    shard->is_sending = true;
    shard->is_told = false;
    shard->parts.count = 0;
    *vec_push(&shard->parts) = (struct part){0, shard->sending.starts.count};
    send_part(shard);
}

bool shard_has_room(struct shard *shard) {
    if (!send_message_is_full(&shard->filling)) return true;
    if (shard->is_sending) return false;
    shard_send(shard);
    return !send_message_is_full(&shard->filling);
}

static void note_load(struct load *load, const struct columns *columns, size_t from, size_t to,
                      uint64_t place) {
    if (place && (!load->first_place || place < load->first_place)) load->first_place = place;
    load->samples += to - from;
    for (size_t i = from; i < to; i++) {
        load->histograms += columns_histogram(columns, i) != NULL;
        if (columns->times_ms[i] > load->newest_ms) load->newest_ms = columns->times_ms[i];
    }
}

void shard_add(struct shard *shard, struct labels labels, const struct columns *columns,
               struct send_exemplars exemplars, size_t *row, uint64_t place, bool is_doubtful) {
    struct columns rows = *columns;
    if (is_doubtful) rows.count = *row + 1;
    struct err err;
    size_t from = *row;
    if (send_message_add(&shard->filling, labels, &rows, exemplars, row, &err)) {
        counter_inc(shard->queue->metrics.failed); /* a sample larger than a message may be */
        ++*row;
        return;
    }
    note_load(&shard->filling_load, columns, from, *row, place);
    shard->filling_load.exemplars += exemplars.count;
    if (is_doubtful) shard->filling_load.is_doubtful = true;
}
