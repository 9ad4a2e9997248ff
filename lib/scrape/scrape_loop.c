#include "lib/scrape/scrape_loop.h"

#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/instrument/instrument.h"
#include "lib/model/duration.h"
#include "lib/model/sample.h"
#include "lib/scrape/body.h"
#include "lib/scrape/request.h"
#include "lib/scrape/usage.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"

#include <string.h>

#define LOOP_MAGIC 0x73636c70u

struct scrape_loop {
    uint32_t magic;
    struct loop *loop;
    struct thread thread;
    struct appender *appender;
    struct http_client *client;
    struct scrape_options options;
    struct scrape_metrics metrics;
    uint64_t offset_seed;
    VEC(struct target *) targets; /* the loop's thread only */
    bool is_stopping;
};

/* ---- results
 * ------------------------------------------------------------------------------------------------------ */

static void close_target(struct target *target);

static void count_results(const struct scrape_loop *loop, struct target *target,
                          const struct append_batch *batch) {
    size_t counts[APPEND_NO_SERIES + 1] = {0};
    for (size_t i = 0; i < batch->count; i++) counts[batch->results[i]]++;
    if (counts[APPEND_NO_SERIES]) {
        cache_clear(&target->cache); /* the next scrape resolves everything again */
        target->has_synthetic = false;
        target_settle(target);
    }
    if (!loop->metrics.registry) return;
    counter_add(loop->metrics.duplicate, (double)counts[APPEND_DUPLICATE]);
    counter_add(loop->metrics.out_of_order, (double)counts[APPEND_OUT_OF_ORDER]);
    counter_add(loop->metrics.out_of_bounds, (double)counts[APPEND_OUT_OF_BOUNDS]);
}

static void on_batch_back(void *argument) {
    struct append_batch *batch = argument;
    struct target *target = batch->context;
    target->batches--;
    if (batch->rc)
        LOG(LOG_WARN, "scraped samples could not be stored", "target", target->url, "reason",
            err_name(batch->rc));
    else if (batch->results)
        count_results(target->loop, target, batch);
    append_batch_destroy(batch);
    if (target->is_closing) close_target(target);
}

/* on the store's thread */
static void on_batch_done(struct append_batch *batch) {
    struct target *target = batch->context;
    loop_post(target->loop->loop, on_batch_back, batch);
}

static void send_batch(struct target *target, struct append_batch *batch) {
    target->batches++;
    appender_append(target->loop->appender, batch);
}

/* ---- synthetic series
 * ----------------------------------------------------------------------------------------------- */

static const char *const synthetic_names[SYNTHETIC_COUNT] = {
    [SYNTHETIC_UP] = "up",
    [SYNTHETIC_DURATION] = "scrape_duration_seconds",
    [SYNTHETIC_SCRAPED] = "scrape_samples_scraped",
    [SYNTHETIC_POST_RELABEL] = "scrape_samples_post_metric_relabeling",
    [SYNTHETIC_ADDED] = "scrape_series_added",
    [SYNTHETIC_TIMEOUT] = "scrape_timeout_seconds",
    [SYNTHETIC_LIMIT] = "scrape_sample_limit",
    [SYNTHETIC_BODY] = "scrape_body_size_bytes",
};

static size_t synthetic_count(const struct target *target) {
    return target->job->extra_scrape_metrics ? SYNTHETIC_COUNT : SYNTHETIC_TIMEOUT;
}

static int resolve_synthetic(struct target *target, struct err *err) {
    struct labels labels[SYNTHETIC_COUNT];
    struct arena arena;
    size_t count = synthetic_count(target);
    int rc = 0;
    if (target->has_synthetic) return 0;
    arena_init(&arena, (size_t)1 << 20, NULL);
    for (size_t i = 0; i < count && !rc; i++)
        rc = body_synthetic_labels(target, synthetic_names[i], &arena, &labels[i], err);
    if (!rc) rc = appender_resolve(target->loop->appender, labels, count, target->synthetic, NULL, err);
    arena_release(&arena);
    target->has_synthetic = rc == 0;
    return rc;
}

static void add_synthetic(struct target *target, struct append_batch *batch, int64_t time_ms,
                          const double *values) {
    struct err err = {0};
    if (resolve_synthetic(target, &err) != 0) {
        LOG(LOG_WARN, "up cannot be stored", "target", target->url, "err", err.text);
        return;
    }
    for (size_t i = 0; i < synthetic_count(target); i++)
        append_batch_add(batch, target->synthetic[i], values[i], time_ms);
}

/* ---- one scrape
 * ----------------------------------------------------------------------------------------------------- */

/* Samples get the nominal tick's time when they are near it: regular times compress to nothing. */
static int64_t aligned_time(const struct target *target, int64_t now_ms) {
    int64_t interval = target->interval_ms, tolerance = interval / 100 < 2 ? interval / 100 : 2;
    int64_t late = (now_ms - target->anchor_wall_ms) % interval;
    if (late < 0) late += interval;
    if (late <= tolerance) return now_ms - late;
    if (interval - late <= tolerance) return now_ms + (interval - late);
    return now_ms;
}

static void note_state(struct target *target, int rc, const struct err *err, double seconds) {
    mutex_lock(&target->lock);
    target->state.health = rc ? TARGET_DOWN : TARGET_UP;
    memcpy(target->state.last_error, rc ? err->text : "", rc ? sizeof err->text : 1);
    target->state.last_scrape_ms = target->start_wall_ms;
    target->state.last_duration_seconds = seconds;
    mutex_unlock(&target->lock);
}

static size_t body_limit(const struct target *target) {
    size_t of_job = (size_t)target->job->body_size_limit_bytes;
    size_t limit = of_job ? of_job : target->loop->options.limits.body_bytes;
    return limit ? limit : SIZE_MAX / 4;
}

static int judge_response(struct target *target, const struct http_response *response,
                          enum expose_format *format, struct err *err) {
    if (response->rc) {
        *err = response->err;
        return response->rc;
    }
    return request_judge(target->job, response, format, err);
}

static void count_limits(const struct target *target, const struct body_counts *counts) {
    const struct scrape_metrics *metrics = &target->loop->metrics;
    const struct usage *usage = target->usage;
    if (!metrics->registry) return;
    if (counts->over == BODY_OVER_SAMPLES) counter_inc(metrics->exceeded_samples);
    if (counts->over == BODY_OVER_LABELS) counter_inc(metrics->exceeded_labels);
    if (counts->over == BODY_OVER_SERIES) counter_inc(usage->exceeded);
    if (counts->over_series) counter_add(usage->refused, (double)counts->over_series);
}

/* The last part of every scrape: what it came to goes into the batch and the target's state. */
static void finish_scrape(struct target *target, struct append_batch *batch, int rc, const struct err *err,
                          const struct body_counts *counts, double body_bytes) {
    double seconds = (double)(clock_monotonic_ns() - target->start_ns) * 1e-9;
    if (rc) {
        /* nothing of a failed scrape is stored; what was there before has ended */
        mem_free(batch->times_ms);
        batch->times_ms = NULL;
        batch->count = 0;
        body_append_stale(target, batch, batch->time_ms);
        LOG(LOG_DEBUG, "scrape failed", "scrape_pool", target->job->job_name, "target", target->url, "err",
            err->text);
    }
    double values[SYNTHETIC_COUNT] = {rc ? 0 : 1,
                                      seconds,
                                      (double)counts->scraped,
                                      (double)counts->kept,
                                      (double)counts->added,
                                      (double)target->timeout_ms / 1000,
                                      (double)target->job->sample_limit,
                                      body_bytes};
    add_synthetic(target, batch, batch->time_ms, values);
    note_state(target, rc, err, seconds);
    send_batch(target, batch);
}

static struct append_batch *begin_batch(struct target *target) {
    size_t expected = target->cache.count + SYNTHETIC_COUNT;
    struct append_batch *batch = append_batch_create(expected, false, on_batch_done, target);
    batch->time_ms = aligned_time(target, target->start_wall_ms);
    return batch;
}

static void on_response(struct http_request *request, const struct http_response *response, void *context) {
    struct target *target = context;
    struct scrape_loop *loop = target->loop;
    struct err err = {0};
    struct body_counts counts = {0};
    enum expose_format format = EXPOSE_TEXT;
    (void)request;
    if (target->is_closing) return;
    struct append_batch *batch = begin_batch(target);
    int rc = judge_response(target, response, &format, &err);
    bool is_over_body = response->rc == ERR_LIMIT;
    if (!rc)
        rc = body_append(target, loop->appender, format, response->body, &loop->options.limits,
                         batch->time_ms, &batch, &counts, &err);
    if (is_over_body && loop->metrics.registry) counter_inc(loop->metrics.exceeded_body);
    count_limits(target, &counts);
    finish_scrape(target, batch, rc, &err, &counts, is_over_body ? -1 : rc ? 0 : (double)response->body.len);
}

/* without a request: the job has more targets than it may */
static bool is_forced_to_fail(struct target *target, struct err *err) {
    mutex_lock(&target->lock);
    bool is_forced = target->state.forced_error[0] != '\0';
    if (is_forced) err_set(err, ERR_LIMIT, "%s", target->state.forced_error);
    mutex_unlock(&target->lock);
    return is_forced;
}

/* ---- schedule
 * ------------------------------------------------------------------------------------------------------- */

static void schedule(struct target *target);

static void observe_interval(struct target *target) {
    const struct scrape_metrics *metrics = &target->loop->metrics;
    if (metrics->registry && target->last_start_ns) {
        struct buf text;
        buf_init(&text, 64);
        duration_write(target->interval_ms, &text);
        summary_observe(registry_summary(metrics->registry, "prometheus_target_interval_length_seconds",
                                         "Actual intervals between scrapes.",
                                         (const char *[]){"interval", buf_text(&text), NULL}),
                        (double)(target->start_ns - target->last_start_ns) * 1e-9);
        buf_release(&text);
    }
    target->last_start_ns = target->start_ns;
}

static void on_due(uv_timer_t *timer) {
    struct target *target = timer->data;
    if (!http_request_is_running(target->request)) {
        target->start_ns = clock_monotonic_ns();
        target->start_wall_ms = clock_wall_ms();
        observe_interval(target);
        struct err err = {0};
        if (is_forced_to_fail(target, &err))
            finish_scrape(target, begin_batch(target), ERR_LIMIT, &err, &(struct body_counts){0}, 0);
        else
            http_request_start(target->request);
    }
    schedule(target);
}

/* The next tick on the monotonic clock; ticks that are past already are left out. */
static void schedule(struct target *target) {
    int64_t interval = target->interval_ms, now = clock_monotonic_ms();
    do target->due_ms += interval;
    while (target->due_ms <= now);
    uv_update_time(loop_uv(target->loop->loop));
    uv_timer_start(&target->timer, on_due, (uint64_t)(target->due_ms - now), 0);
}

/* The first tick: the next time that is the offset behind a multiple of the interval. */
static void start_schedule(struct target *target) {
    int64_t interval = target->interval_ms, wall = clock_wall_ms();
    int64_t offset = target_offset_ms(target, target->loop->offset_seed);
    int64_t wait = (offset - wall % interval + interval) % interval;
    target->anchor_wall_ms = wall + wait;
    target->due_ms = clock_monotonic_ms() + wait - interval; /* schedule adds one */
    schedule(target);
}

/* ---- coming and going
 * ----------------------------------------------------------------------------------------------- */

static void free_target(struct target *target) {
    struct scrape_loop *loop = target->loop;
    for (size_t i = 0; i < loop->targets.count; i++)
        if (loop->targets.items[i] == target) {
            loop->targets.items[i] = loop->targets.items[--loop->targets.count];
            break;
        }
    target_destroy(target);
    if (loop->is_stopping && loop->targets.count == 0) loop_stop(loop->loop);
}

/* frees the target when its last batch is back and its timer is closed */
static void close_target(struct target *target) {
    if (target->batches == 0 && target->is_timer_closed) free_target(target);
}

static void on_timer_closed(uv_handle_t *handle) {
    struct target *target = handle->data;
    target->is_timer_closed = true;
    close_target(target);
}

static void begin_close(struct target *target) {
    target->is_closing = true;
    http_request_destroy(target->request);
    target->request = NULL;
    uv_close((uv_handle_t *)&target->timer, on_timer_closed);
}

static void do_add(void *argument) {
    struct target *target = argument;
    struct scrape_loop *loop = target->loop;
    struct err err = {0};
    *vec_push(&loop->targets) = target;
    uv_timer_init(loop_uv(loop->loop), &target->timer);
    target->timer.data = target;
    if (request_create(loop->client, target, body_limit(target), loop->options.user_agent, on_response,
                       &target->request, &err) != 0) {
        LOG(LOG_ERROR, "target cannot be scraped", "target", target->url, "err", err.text);
        begin_close(target);
        return;
    }
    start_schedule(target);
}

static void do_remove(void *argument) {
    struct target *target = argument;
    if (target->is_closing) return;
    int64_t now_ms = clock_wall_ms();
    struct append_batch *batch =
        append_batch_create(target->cache.count + SYNTHETIC_COUNT, false, on_batch_done, target);
    double stale[SYNTHETIC_COUNT];
    for (size_t i = 0; i < SYNTHETIC_COUNT; i++) stale[i] = value_stale();
    batch->time_ms = now_ms;
    body_append_stale(target, batch, now_ms);
    if (target->has_synthetic) add_synthetic(target, batch, now_ms, stale);
    send_batch(target, batch);
    begin_close(target);
}

void scrape_loop_add(struct scrape_loop *loop, struct target *target) {
    CHECK_OBJ(loop, LOOP_MAGIC);
    target->loop = loop;
    loop_post(loop->loop, do_add, target);
}

void scrape_loop_remove(struct scrape_loop *loop, struct target *target) {
    CHECK_OBJ(loop, LOOP_MAGIC);
    loop_post(loop->loop, do_remove, target);
}

static void do_stop(void *argument) {
    struct scrape_loop *loop = argument;
    loop->is_stopping = true;
    for (size_t i = 0; i < loop->targets.count; i++)
        if (!loop->targets.items[i]->is_closing) begin_close(loop->targets.items[i]);
    if (loop->targets.count == 0) loop_stop(loop->loop);
}

static void *run(void *context) {
    struct scrape_loop *loop = context;
    loop_run(loop->loop);
    http_client_destroy(loop->client);
    return NULL;
}

int scrape_loop_create(struct appender *appender, const struct scrape_options *options,
                       const struct scrape_metrics *metrics, uint64_t offset_seed,
                       struct scrape_loop **result, struct err *err) {
    struct scrape_loop *loop = mem_zalloc(sizeof *loop);
    *loop = (struct scrape_loop){.magic = LOOP_MAGIC,
                                 .appender = appender,
                                 .options = *options,
                                 .metrics = *metrics,
                                 .offset_seed = offset_seed};
    int rc = loop_create(&loop->loop, err);
    if (!rc) rc = http_client_create(loop->loop, &loop->client, err);
    if (rc) {
        loop_destroy(loop->loop);
        mem_free(loop);
        return rc;
    }
    thread_start(&loop->thread, "scrape", run, loop);
    *result = loop;
    return 0;
}

void scrape_loop_destroy(struct scrape_loop *loop) {
    if (!loop) return;
    CHECK_OBJ(loop, LOOP_MAGIC);
    loop_post(loop->loop, do_stop, loop);
    thread_join(&loop->thread);
    loop_destroy(loop->loop);
    vec_release(&loop->targets);
    loop->magic = 0;
    mem_free(loop);
}
