/*
 * queue.c - one receiver: rows of the tail go to the shards, a series always to the same one.
 *
 *     pump:  behind?    wait until all is answered, then read (reading.c)
 *            rows?      to the message of their shard, until one is full and under way
 *            neither:   what is filled goes at the deadline
 */
#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/url.h"
#include "lib/http/from_config.h"
#include "lib/sys/clock.h"
#include "storage/send/inside.h"

#include <math.h>
#include <string.h>

#define ANSWER_MAX_BYTES ((size_t)1 << 20)
#define ROW_LABELS_MAX_BYTES ((size_t)4 << 20)
#define CONFIRM_STEP ((size_t)512)
#define SAVE_MS 100
#define RESIZE_MS 10000
#define SHARDS_MOST 1000

static struct tsdb *tsdb_of(const struct queue *queue) {
    return queue->sender->options.tsdb;
}

/* ---- labels ---- */

/* both in order of names; of two of one name the series' own */
static struct labels add_external(struct queue *queue, struct labels own, struct labels external) {
    uint32_t i = 0, k = 0;
    queue->items.count = 0;
    vec_reserve(&queue->items, (size_t)own.count + external.count);
    while (i < own.count || k < external.count) {
        int order = i == own.count        ? 1
                    : k == external.count ? -1
                                          : span_compare(own.items[i].name, external.items[k].name);
        *vec_push(&queue->items) = order <= 0 ? own.items[i] : external.items[k];
        i += order <= 0;
        k += order >= 0;
    }
    return (struct labels){queue->items.items, (uint32_t)queue->items.count};
}

int queue_labels(struct queue *queue, struct labels labels, struct arena *arena, struct labels *result,
                 bool *kept, struct err *err) {
    struct labels external = queue->config->global.external_labels;
    struct label_builder builder;
    *kept = true;
    *result = external.count ? add_external(queue, labels, external) : labels;
    if (!queue->rules) return 0;
    label_builder_init(&builder, arena, *result);
    int rc = relabel_run(queue->rules, &builder, kept, err);
    if (!rc && *kept) rc = label_builder_finish(&builder, result, err);
    *kept = *kept && result->count;
    if (!rc && !*kept) counter_inc(queue->metrics.dropped_relabel);
    return rc;
}

bool queue_is_old(const struct queue *queue, int64_t time_ms, int64_t now_ms) {
    int64_t limit = queue->remote->queue_config.sample_age_limit_ms;
    return limit > 0 && time_ms < now_ms - limit;
}

/* ---- answers ---- */

bool queue_is_idle(const struct queue *queue) {
    for (size_t i = 0; i < queue->shard_count; i++)
        if (queue->shards[i].is_sending || queue->shards[i].filling.samples) return false;
    return true;
}

void queue_send_all(struct queue *queue) {
    for (size_t i = 0; i < queue->shard_count; i++) shard_send(&queue->shards[i]);
}

/* rows up to there are dealt with */
static void note_done(struct queue *queue) {
    uint64_t done = queue->rows ? queue->rows->place - 1 : queue->taken;
    for (size_t i = 0; i < queue->shard_count; i++) {
        const uint64_t places[] = {queue->shards[i].filling_load.first_place,
                                   queue->shards[i].sending_load.first_place};
        for (size_t k = 0; k < 2; k++)
            if (places[k] && places[k] <= done) done = places[k] - 1;
    }
    tail_done(queue->tail, done);
    if (!loop_timer_is_set(queue->save)) loop_timer_set(queue->save, SAVE_MS);
}

static void save_now(struct queue *queue) {
    struct err err;
    if (tails_save(tsdb_of(queue), false, &err))
        LOG(LOG_WARN, "the position of remote write is not saved", "err", err.text);
}

static void on_save(void *context) {
    save_now(context);
}

static bool has_given_up(const struct queue *queue) {
    if (clock_monotonic_ms() >= queue->stop_at_ms) return true;
    for (size_t i = 0; i < queue->shard_count; i++)
        if (loop_timer_is_set(queue->shards[i].again)) return true;
    return false;
}

/* what is left is known by its position */
static void stop_if_done(struct queue *queue) {
    if (!queue->is_stopping || queue->is_stopped) return;
    bool is_drained =
        !queue->reading.is_on && !queue->rows && !tail_waiting(queue->tail) && queue_is_idle(queue);
    if (!is_drained && !has_given_up(queue)) return;
    queue->is_stopped = true;
    loop_stop(queue->loop);
}

void queue_answered(struct queue *queue) {
    note_done(queue);
    queue_pump(queue);
}

/* ---- rows ---- */

/* Of rows that lean on series which have left, nobody knows what they are: they are read later. */
static void miss_rest(struct queue *queue) {
    int64_t earliest = INT64_MAX;
    for (size_t i = queue->row; i < queue->rows->count; i++)
        if (queue->rows->times_ms[i] < earliest) earliest = queue->rows->times_ms[i];
    tail_miss(queue->tail, earliest);
    queue->row = queue->rows->count;
}

static bool is_wanted(struct queue *queue, size_t row, int64_t now_ms) {
    const struct tail_rows *rows = queue->rows;
    bool is_histogram = rows->histograms && rows->histograms[row];
    if (is_histogram && !send_has_histograms(queue->remote))
        counter_inc(queue->metrics.dropped_histograms);
    else if (queue_is_old(queue, rows->times_ms[row], now_ms))
        counter_inc(queue->metrics.dropped_old);
    else
        return !reading_has(queue, rows->times_ms[row], rows->commit);
    return false;
}

static struct labels own_labels(struct queue *queue, struct series_ref ref) {
    vec_reserve(&queue->own, tail_label_count(queue->tail, ref) + 1);
    return tail_labels(queue->tail, ref, queue->own.items);
}

#define ROW_EXEMPLARS 64u

/* those of a row's series, which is known by its labels in the database */
static size_t find_exemplars(const struct queue *queue, struct labels labels,
                             const struct exemplar *found[ROW_EXEMPLARS]) {
    const struct tail_rows *rows = queue->rows;
    size_t count = 0;
    for (size_t i = 0; queue->remote->send_exemplars && i < rows->exemplar_count && count < ROW_EXEMPLARS;
         i++)
        if (labels_equal(rows->exemplars[i].series, labels)) found[count++] = &rows->exemplars[i].exemplar;
    return count;
}

/* false: there is no room for it */
static bool deal_row(struct queue *queue, int64_t now_ms) {
    struct tail_rows *rows = queue->rows;
    size_t at = queue->row, from = 0;
    struct shard *shard = &queue->shards[rows->refs[at].slot % queue->shard_count];
    const struct exemplar *exemplars[ROW_EXEMPLARS];
    struct labels labels;
    struct err err;
    bool kept;
    if (!shard_has_room(shard)) return false;
    queue->row++;
    if (!is_wanted(queue, at, now_ms)) return true;
    struct labels own = own_labels(queue, rows->refs[at]);
    size_t exemplar_count = find_exemplars(queue, own, exemplars);
    if (queue->rules) arena_release(&queue->arena);
    if (queue_labels(queue, own, &queue->arena, &labels, &kept, &err)) {
        counter_inc(queue->metrics.failed);
        return true;
    }
    struct columns one = {.times_ms = &rows->times_ms[at],
                          .values = &rows->values[at],
                          .histograms = rows->histograms ? &rows->histograms[at] : NULL,
                          .count = 1};
    if (kept)
        shard_add(shard, labels, &one, (struct send_exemplars){exemplars, exemplar_count}, &from, rows->place,
                  false);
    return true;
}

/* the series of the next rows stay meanwhile */
static bool deal_rows(struct queue *queue) {
    struct appender *appender = tsdb_appender(tsdb_of(queue));
    struct append_batch *holder = append_batch_create(1, false, NULL, NULL);
    struct tail_rows *rows = queue->rows;
    int64_t now_ms = clock_wall_ms();
    size_t confirmed = queue->row;
    bool has_room = true;
    append_batch_hold(holder, appender);
    while (has_room && queue->row < rows->count) {
        if (queue->row == confirmed) {
            size_t count = rows->count - confirmed < CONFIRM_STEP ? rows->count - confirmed : CONFIRM_STEP;
            appender_confirm(appender, rows->refs + confirmed, count);
            confirmed += count;
        }
        if (rows->refs[queue->row].generation)
            has_room = deal_row(queue, now_ms);
        else
            miss_rest(queue);
    }
    append_batch_destroy(holder);
    return has_room;
}

static bool take_rows(struct queue *queue) {
    queue->rows = tail_take(queue->tail);
    queue->row = 0;
    if (!queue->rows) return false;
    queue->taken = queue->rows->place;
    queue->rate_in += (double)queue->rows->count;
    counter_add(queue->metrics.in_samples, (double)queue->rows->count);
    return true;
}

/* ---- the number of shards ---- */

/* as many as the samples of a second need seconds, with a tenth of what waits; as Prometheus, less than a
 * third of difference is none */
static void on_resize(void *context) {
    struct queue *queue = context;
    const struct queue_config *config = &queue->remote->queue_config;
    double interval = (double)RESIZE_MS / 1000, waiting = (double)tail_waiting(queue->tail);
    double sample_seconds = queue->rate_out > 0 ? queue->seconds_out / queue->rate_out : 0;
    double wanted = sample_seconds * (queue->rate_in / interval + 0.1 * waiting),
           now = (double)queue->shard_count;
    bool is_new = wanted > now * 1.3 || wanted < now * 0.7;
    gauge_set(queue->metrics.shards_desired, wanted);
    if (is_new && queue->rate_out > 0) {
        double count = ceil(wanted), least = (double)config->min_shards, most = (double)config->max_shards;
        if (most > SHARDS_MOST) most = SHARDS_MOST;
        queue->shards_wanted = (size_t)(count < least ? least : count > most ? most : count);
    }
    queue->rate_in = queue->rate_out = queue->seconds_out = 0;
    loop_timer_set(queue->resize, RESIZE_MS);
    queue_pump(queue);
}

static int make_shards(struct queue *queue, size_t count, struct err *err) {
    int rc = 0;
    for (size_t i = 0; i < queue->shard_count; i++) shard_release(&queue->shards[i]);
    mem_free(queue->shards);
    queue->shards = mem_array(count, sizeof *queue->shards);
    queue->shard_count = 0;
    while (!rc && queue->shard_count < count)
        rc = shard_init(&queue->shards[queue->shard_count++], queue, err);
    queue->shards_wanted = queue->shard_count;
    gauge_set(queue->metrics.shards, (double)queue->shard_count);
    return rc;
}

/* true: done, or nothing to do; between two messages of a series its shard may be another */
static bool resize(struct queue *queue) {
    struct err err;
    if (queue->shards_wanted == queue->shard_count || queue->reading.is_on) return true;
    queue_send_all(queue);
    if (!queue_is_idle(queue)) return false;
    if (make_shards(queue, queue->shards_wanted, &err)) LOG(LOG_ERROR, "remote write", "err", err.text);
    return true;
}

/* ---- on and on ---- */

static void wait_for_more(struct queue *queue) {
    bool is_filled = false;
    for (size_t i = 0; i < queue->shard_count; i++) is_filled = is_filled || queue->shards[i].filling.samples;
    if (queue->is_stopping)
        queue_send_all(queue);
    else if (is_filled && !loop_timer_is_set(queue->deadline))
        loop_timer_set(queue->deadline, queue->remote->queue_config.batch_send_deadline_ms);
}

/* true: there is more to do */
static bool pump_once(struct queue *queue) {
    if (queue->reading.is_on) return reading_step(queue);
    if (!resize(queue)) return false;
    if (!queue->rows && !take_rows(queue)) {
        if (!tail_is_behind(queue->tail) || queue->is_stopping) {
            wait_for_more(queue);
            return false;
        }
        queue_send_all(queue);
        if (!queue_is_idle(queue)) return false;
        reading_begin(queue);
        return true;
    }
    if (!deal_rows(queue)) return false;
    tail_rows_destroy(queue->rows);
    queue->rows = NULL;
    note_done(queue); /* none of them may be in a message */
    return true;
}

void queue_pump(struct queue *queue) {
    if (queue->is_pumping) return; /* a message that cannot be made is answered at once */
    queue->is_pumping = true;
    while (!queue->is_stopped && pump_once(queue)) continue;
    queue->is_pumping = false;
    size_t waiting = tail_waiting(queue->tail) + (queue->rows ? queue->rows->count - queue->row : 0);
    for (size_t i = 0; i < queue->shard_count; i++)
        waiting += queue->shards[i].filling.samples + queue->shards[i].sending.samples;
    gauge_set(queue->metrics.pending, (double)waiting);
    stop_if_done(queue);
}

static void on_wake(void *argument) {
    struct queue *queue = argument;
    queue_pump(queue);
}

/* on the applier */
static void wake(void *context) {
    struct queue *queue = context;
    loop_post(queue->loop, on_wake, queue);
}

static void on_deadline(void *context) {
    struct queue *queue = context;
    if (!queue->reading.is_on) queue_send_all(queue);
    queue_pump(queue);
}

/* ---- life ---- */

int queue_http_options(const struct queue *queue, struct arena *arena, struct http_request_options *options,
                       struct err *err) {
    static const char *const of_versions[2][3] = {
        {"Content-Encoding: snappy", "Content-Type: application/x-protobuf",
         "X-Prometheus-Remote-Write-Version: 0.1.0"},
        {"Content-Encoding: snappy",
         "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request",
         "X-Prometheus-Remote-Write-Version: 2.0.0"}};
    const struct remote_write_config *remote = queue->remote;
    const char *const *fixed = of_versions[send_is_v2(remote)];
    size_t count = 3;
    const char **headers = arena_array(arena, count + remote->headers.count + 1, sizeof *headers);
    if (!headers) return arena_limit(arena, "headers", err);
    memcpy(headers, fixed, count * sizeof *headers);
    for (size_t i = 0; i < remote->headers.count; i++, count++) {
        headers[count] =
            arena_printf(arena, "%s: %s", remote->headers.items[i].name, remote->headers.items[i].value);
        if (!headers[count]) return arena_limit(arena, "headers", err);
    }
    headers[count] = NULL;
    *options = (struct http_request_options){.url = remote->url,
                                             .headers = headers,
                                             .user_agent = "Ferula/" FERULA_VERSION,
                                             .is_post = true,
                                             .timeout_ms = remote->remote_timeout_ms,
                                             .max_body_bytes = ANSWER_MAX_BYTES,
                                             .wants_headers = true};
    return http_options_from_config(&remote->http, arena, options, err);
}

static void *run(void *context) {
    struct queue *queue = context;
    queue_pump(queue);
    loop_run(queue->loop);
    return NULL;
}

/* as many as all shards of a Prometheus would hold */
static size_t tail_rows_most(const struct queue_config *config) {
    double rows = (double)config->capacity * (double)config->max_shards;
    return rows < 1000 ? 1000 : rows > 4e6 ? (size_t)4000000 : (size_t)rows;
}

static char *url_without_password(const char *url) {
    struct buf text;
    buf_init(&text, 1 << 16);
    url_write_redacted(span_from(url), &text);
    char *copy = mem_strdup(buf_text(&text));
    buf_release(&text);
    return copy;
}

int queue_create(struct sender *sender, struct config *config, const struct remote_write_config *remote,
                 const char *name, const char *text, struct queue **made, struct err *err) {
    struct queue *queue = mem_zalloc(sizeof *queue);
    queue->sender = sender;
    queue->config = config_ref(config);
    queue->remote = remote;
    queue->name = mem_strdup(name);
    queue->text = mem_strdup(text);
    queue->url = url_without_password(remote->url);
    arena_init(&queue->arena, ROW_LABELS_MAX_BYTES, NULL);
    reading_init(queue);
    queue_metrics_init(queue);
    int rc = relabel_rules_of(config, &remote->write_relabel_configs,
                              config->global.metric_name_validation_scheme, &queue->rules, err);
    if (!rc) rc = loop_create(&queue->loop, err);
    if (!rc) rc = http_client_create(queue->loop, &queue->client, err);
    if (!rc) rc = make_shards(queue, (size_t)remote->queue_config.min_shards, err);
    if (!rc) rc = metadata_sender_create(queue, &queue->metadata, err);
    if (rc) {
        queue_destroy(queue);
        return rc;
    }
    queue->deadline = loop_timer_create(queue->loop, on_deadline, queue);
    queue->save = loop_timer_create(queue->loop, on_save, queue);
    queue->resize = loop_timer_create(queue->loop, on_resize, queue);
    loop_timer_set(queue->resize, RESIZE_MS);
    queue->tail = tail_open(tsdb_of(queue), name, tail_rows_most(&remote->queue_config), wake, queue);
    thread_start(&queue->thread, "remote-write", run, queue);
    queue->is_running = true;
    *made = queue;
    return 0;
}

static void on_stop(void *argument) {
    struct queue *queue = argument;
    queue->is_stopping = true;
    if (queue->reading.is_on) { /* goes on from its window at the next start */
        queue->is_stopped = true;
        loop_stop(queue->loop);
        return;
    }
    int64_t left_ms = queue->stop_at_ms - clock_monotonic_ms();
    loop_timer_set(queue->deadline, left_ms > 0 ? left_ms : 0);
    queue_send_all(queue);
    queue_pump(queue);
}

void queue_stop(struct queue *queue, int64_t at_ms) {
    if (!queue->is_running) return;
    queue->stop_at_ms = at_ms;
    loop_post(queue->loop, on_stop, queue);
}

void queue_destroy(struct queue *queue) {
    if (queue->is_running) thread_join(&queue->thread);
    for (size_t i = 0; i < queue->shard_count; i++) shard_release(&queue->shards[i]);
    mem_free(queue->shards);
    metadata_sender_destroy(queue->metadata);
    loop_timer_destroy(queue->deadline);
    loop_timer_destroy(queue->save);
    loop_timer_destroy(queue->resize);
    tail_rows_destroy(queue->rows);
    reading_release(queue);
    if (queue->tail) tail_close(queue->tail);
    if (queue->client) http_client_destroy(queue->client);
    loop_destroy(queue->loop);
    queue_metrics_release(queue);
    arena_release(&queue->arena);
    vec_release(&queue->items);
    vec_release(&queue->own);
    config_unref(queue->config);
    mem_free(queue->name);
    mem_free(queue->text);
    mem_free(queue->url);
    mem_free(queue);
}
