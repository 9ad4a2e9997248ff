#include "lib/scrape/scrape_loop.h"

#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/instrument/instrument.h"
#include "lib/model/duration.h"
#include "lib/model/sample.h"
#include "lib/scrape/agenda.h"
#include "lib/scrape/body.h"
#include "lib/scrape/failure_log.h"
#include "lib/scrape/request.h"
#include "lib/scrape/usage.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"
#include "lib/sys/timer.h"

#include <string.h>

#define LOOP_MAGIC 0x73636c70u
/* A scrape that began so late at most and uses up its interval has timed out at the next tick, which is its
 * target's then. One that began later costs that tick: a server that does not keep up asks less. */
#define TICK_SLACK_MS 1
#define RETURNED_SAMPLES_MAX 16384 /* in batches that wait to be looked at */

struct batch_list {
    VEC(struct append_batch *) batches;
};

struct scrape_loop {
    uint32_t magic;
    struct loop *loop;
    struct thread thread;
    struct appender *appender;
    struct http_client *client;
    struct scrape_options options;
    struct scrape_metrics metrics;
    struct failure_logs *failures; /* the manager's */
    uint64_t offset_seed;
    VEC(struct target *) targets; /* the loop's thread only, as is what follows */
    struct agenda agenda;         /* when they are due, on the monotonic clock */
    struct loop_timer *timer;     /* for the next of them */
    bool is_stopping;
    struct mutex lock;          /* guards all below */
    struct batch_list returned; /* batches that the store has done */
    size_t returned_samples;
    size_t closing; /* targets that wait for theirs */
};

/* ---- results
 * ------------------------------------------------------------------------------------------------------ */

static void close_target(struct target *target);

/* a zero where a series began, before its sample: after a start of ours it may be there already, or be too
 * late */
static bool is_zero_of_start(const struct append_batch *batch, size_t i) {
    return batch->times_ms && i + 1 < batch->count && batch->values[i] == 0 &&
           batch->refs[i].slot == batch->refs[i + 1].slot &&
           batch->refs[i].generation == batch->refs[i + 1].generation;
}

static bool all_stored(const struct append_batch *batch) {
    unsigned any = 0;
    for (size_t i = 0; i < batch->count; i++) any |= batch->results[i];
    return any == APPEND_STORED;
}

static void count_results(const struct scrape_loop *loop, const struct append_batch *batch) {
    size_t counts[APPEND_TOO_OLD + 1] = {0};
    if (all_stored(batch)) return; /* as nearly always */
    for (size_t i = 0; i < batch->count; i++) counts[batch->results[i]]++;
    for (size_t i = 0; loop->options.limits.adds_zeros && i < batch->count; i++)
        counts[batch->results[i]] -= is_zero_of_start(batch, i);
    if (!loop->metrics.registry) return;
    counter_add(loop->metrics.duplicate, (double)counts[APPEND_DUPLICATE]);
    counter_add(loop->metrics.out_of_order, (double)counts[APPEND_OUT_OF_ORDER]);
    counter_add(loop->metrics.out_of_bounds, (double)counts[APPEND_OUT_OF_BOUNDS]);
}

static void take_back(struct append_batch *batch) {
    struct target *target = batch->context;
    target->batches--;
    if (batch->rc)
        LOG(LOG_WARN, "scraped samples could not be stored", "target", target->shown_url, "reason",
            err_name(batch->rc));
    else if (batch->results)
        count_results(target->loop, batch);
    append_batch_destroy(batch);
    if (target->is_closing) close_target(target);
}

static void take_back_all(void *argument) {
    struct scrape_loop *loop = argument;
    mutex_lock(&loop->lock);
    struct batch_list returned = loop->returned;
    loop->returned = (struct batch_list){0};
    loop->returned_samples = 0;
    mutex_unlock(&loop->lock);
    for (size_t i = 0; i < returned.batches.count; i++) take_back(returned.batches.items[i]);
    vec_release(&returned.batches);
}

/* On the store's thread. Waking the loop costs more than what it does then: so batches lie until the next
 * scrape begins, or they are many, or a target that wants to go waits for them. */
static void on_batch_done(struct append_batch *batch) {
    struct scrape_loop *loop = ((struct target *)batch->context)->loop;
    append_batch_let_go(batch); /* it may lie here for long, and series that leave would wait for it */
    mutex_lock(&loop->lock);
    *vec_push(&loop->returned.batches) = batch;
    loop->returned_samples += batch->count;
    bool wakes = loop->closing || loop->returned_samples > RETURNED_SAMPLES_MAX;
    if (loop->returned_samples > RETURNED_SAMPLES_MAX) loop->returned_samples = 0; /* wake once for these */
    mutex_unlock(&loop->lock);
    if (wakes) loop_post(loop->loop, take_back_all, loop);
}

/* Series may have left since these references were good, from a target that is asked seldom. */
static void confirm_refs(struct target *target, uint64_t announced) {
    struct cache *cache = &target->cache;
    if (target->announced == announced) return;
    target->announced = announced;
    struct series_ref *refs = mem_array(cache->count + 1, sizeof *refs);
    for (size_t i = 0; i < cache->count; i++) refs[i] = cache->entries[i].ref;
    appender_confirm(target->loop->appender, refs, cache->count);
    for (size_t i = 0; i < cache->count; i++)
        if (cache->entries[i].ref.generation && !refs[i].generation)
            cache_resolve(cache, (uint32_t)i, (struct series_ref){0});
    mem_free(refs);
    target->has_synthetic = false;
    target_settle(target);
}

/* one that holds the series it will use */
static struct append_batch *begin_batch(struct target *target, int64_t time_ms) {
    struct append_batch *batch =
        append_batch_create(target->cache.count + SYNTHETIC_COUNT, false, on_batch_done, target);
    batch->time_ms = time_ms;
    append_batch_hold(batch, target->loop->appender);
    confirm_refs(target, batch->hold.announced);
    return batch;
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
        LOG(LOG_WARN, "up cannot be stored", "target", target->shown_url, "err", err.text);
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

/* how many lines of samples are too many whatever is in them; 0: no limit */
static size_t most_lines(const struct target *target) {
    size_t of_job = (size_t)target->job->sample_limit, of_all = target->loop->options.limits.samples;
    if (of_job && !target->job->metric_relabel_configs.count) return of_job;
    return of_all && of_job > of_all ? of_job : of_all;
}

/* A page that is over the limit by its mere lines is refused before it costs memory and time. Lines are
 * counted only where they can be so many. */
static int check_lines(const struct target *target, enum expose_format format, struct span body,
                       struct body_counts *counts, struct err *err) {
    static const size_t shortest = sizeof "a 1\n" - 1;
    size_t limit = most_lines(target), count = 0;
    bool is_text = format == EXPOSE_TEXT || format == EXPOSE_OPENMETRICS;
    if (!is_text || !limit || body.len / shortest <= limit) return 0;
    for (size_t at = 0; at < body.len; at = span_find_byte(body, '\n', at) + 1)
        count += body.ptr[at] != '#' && body.ptr[at] != '\n';
    if (count <= limit) return 0;
    *counts = (struct body_counts){.scraped = count, .over = BODY_OVER_SAMPLES};
    return err_set(err, ERR_LIMIT, "sample limit exceeded: more than %zu samples", limit);
}

static void tell_failure(const struct target *target, const struct err *err) {
    const struct scrape_config *job = target->job;
    LOG(LOG_DEBUG, "scrape failed", "scrape_pool", job->job_name, "target", target->shown_url, "err",
        err->text);
    if (job->scrape_failure_log_file)
        failure_logs_write(target->loop->failures, job->scrape_failure_log_file, job->job_name,
                           target->shown_url, err->text);
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
    size_t hits = target->cache.hits < counts->scraped ? target->cache.hits : counts->scraped;
    counter_add(metrics->predicted, (double)hits);
    counter_add(metrics->unpredicted, (double)(counts->scraped - hits));
    if (counts->over == BODY_OVER_SAMPLES) counter_inc(metrics->exceeded_samples);
    if (counts->over == BODY_OVER_LABELS) counter_inc(metrics->exceeded_labels);
    if (counts->over == BODY_OVER_BUCKETS) counter_inc(metrics->exceeded_buckets);
    if (counts->over == BODY_OVER_SERIES) counter_inc(usage->exceeded);
    if (counts->over_series) counter_add(usage->refused, (double)counts->over_series);
}

/* The last part of every scrape: what it came to goes into the batch and the target's state. */
static void finish_scrape(struct target *target, struct append_batch *batch, int rc, const struct err *err,
                          const struct body_counts *counts, double body_bytes) {
    double seconds = (double)(clock_monotonic_ns() - target->start_ns) * 1e-9;
    if (rc) {
        /* nothing of a failed scrape is stored; what was there before has ended */
        append_batch_clear(batch);
        body_append_stale(target, batch, batch->time_ms);
        tell_failure(target, err);
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

static int64_t scrape_time(const struct target *target) {
    return aligned_time(target, target->start_wall_ms);
}

static void on_response(struct http_request *request, const struct http_response *response, void *context) {
    struct target *target = context;
    struct scrape_loop *loop = target->loop;
    struct err err = {0};
    struct body_counts counts = {0};
    enum expose_format format = EXPOSE_TEXT;
    (void)request;
    if (target->is_closing) return;
    struct append_batch *batch = begin_batch(target, scrape_time(target));
    int rc = judge_response(target, response, &format, &err);
    if (!rc) rc = check_lines(target, format, response->body, &counts, &err);
    bool is_over_body = response->rc == ERR_LIMIT;
    if (!rc)
        rc = body_append(target, loop->appender, format, response->body, &loop->options.limits,
                         batch->time_ms, &batch, &counts, &err);
    if (is_over_body && loop->metrics.registry) counter_inc(loop->metrics.exceeded_body);
    count_limits(target, &counts);
    finish_scrape(target, batch, rc, &err, &counts, is_over_body ? -1 : rc ? 0 : (double)response->body.len);
}

/* without a request: this process says it all */
static void scrape_source(struct target *target, const struct scrape_source *source) {
    struct http_response response = {.status = 200, .content_type = source->content_type};
    struct buf body;
    buf_init(&body, body_limit(target));
    source->write(source->context, &body);
    response.body = buf_view(&body);
    if (body.failed) response.rc = err_set(&response.err, ERR_LIMIT, "body size limit exceeded");
    on_response(NULL, &response, target);
    buf_release(&body);
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

static void observe_interval(struct target *target) {
    const struct scrape_metrics *metrics = &target->loop->metrics;
    if (metrics->registry && !target->intervals) {
        struct buf text;
        buf_init(&text, 64);
        duration_write(target->interval_ms, &text);
        target->intervals = registry_summary(metrics->registry, "prometheus_target_interval_length_seconds",
                                             "Actual intervals between scrapes.",
                                             (const char *[]){"interval", buf_text(&text), NULL});
        buf_release(&text);
    }
    if (target->intervals && target->last_start_ns)
        summary_observe(target->intervals, (double)(target->start_ns - target->last_start_ns) * 1e-9);
    target->last_start_ns = target->start_ns;
}

/* made when it is needed first; one that cannot be made is tried again at the next tick */
static int make_request(struct target *target, struct err *err) {
    struct scrape_loop *loop = target->loop;
    return target->request ? 0
                           : request_create(loop->client, target, body_limit(target),
                                            loop->options.user_agent, on_response, &target->request, err);
}

static void start_scrape(struct target *target) {
    struct err err = {0};
    if (target->request) {
        http_request_end_late(target->request, target->due_ms + TICK_SLACK_MS);
        if (http_request_is_running(target->request)) return; /* still: this tick is left out */
    }
    target->start_ns = clock_monotonic_ns();
    target->start_wall_ms = clock_wall_ms();
    observe_interval(target);
    const struct scrape_source *source = target->loop->options.source;
    int rc = is_forced_to_fail(target, &err) ? ERR_LIMIT : source ? 0 : make_request(target, &err);
    if (rc)
        finish_scrape(target, begin_batch(target, scrape_time(target)), rc, &err, &(struct body_counts){0},
                      0);
    else if (source)
        scrape_source(target, source);
    else
        http_request_start(target->request);
}

static void set_timer(struct scrape_loop *loop) {
    int64_t next_ms = agenda_next_ms(&loop->agenda);
    if (next_ms != INT64_MAX) loop_timer_set(loop->timer, next_ms - clock_monotonic_ms());
}

/* The next tick; those that are past already are left out. */
static int64_t next_tick(struct target *target, int64_t now_ms) {
    do target->due_ms += target->interval_ms;
    while (target->due_ms <= now_ms);
    return target->due_ms;
}

static void on_due(void *context) {
    struct scrape_loop *loop = context;
    int64_t now_ms = clock_monotonic_ms();
    take_back_all(loop);
    for (struct target *target; (target = agenda_due(&loop->agenda, now_ms));) {
        start_scrape(target);
        agenda_move_first(&loop->agenda, next_tick(target, now_ms));
    }
    set_timer(loop);
}

static void schedule(struct target *target) {
    struct scrape_loop *loop = target->loop;
    agenda_add(&loop->agenda, target, next_tick(target, clock_monotonic_ms()));
    set_timer(loop);
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
    mutex_lock(&loop->lock);
    loop->closing--;
    mutex_unlock(&loop->lock);
    if (loop->is_stopping && loop->targets.count == 0) loop_stop(loop->loop);
}

/* frees the target when its last batch is back and nobody is at it any more */
static void close_target(struct target *target) {
    if (target->batches == 0 && target->is_left) free_target(target);
}

static void leave(void *argument) {
    struct target *target = argument;
    target->is_left = true;
    close_target(target);
}

static void begin_close(struct target *target) {
    struct scrape_loop *loop = target->loop;
    target->is_closing = true;
    mutex_lock(&loop->lock);
    loop->closing++;
    mutex_unlock(&loop->lock);
    loop_post(loop->loop, take_back_all, loop); /* those that are there already */
    http_request_destroy(target->request);
    target->request = NULL;
    agenda_remove(&loop->agenda, target);
    loop_post(loop->loop, leave, target);
}

static void remove_target(struct target *target) {
    if (target->is_closing) return;
    int64_t now_ms = clock_wall_ms();
    bool has_synthetic = target->has_synthetic;
    struct append_batch *batch = begin_batch(target, now_ms);
    double stale[SYNTHETIC_COUNT];
    for (size_t i = 0; i < SYNTHETIC_COUNT; i++) stale[i] = value_stale();
    body_append_stale(target, batch, now_ms);
    if (has_synthetic) add_synthetic(target, batch, now_ms, stale);
    send_batch(target, batch);
    begin_close(target);
}

static void do_remove(void *argument) {
    remove_target(argument);
}

/* what was learned of the series, and when they are due; what was asked is asked again */
static void take_over(struct target *target, struct target *before) {
    target->cache = before->cache;
    before->cache = (struct cache){0};
    memcpy(target->synthetic, before->synthetic, sizeof target->synthetic);
    target->has_synthetic = before->has_synthetic;
    target->taken = before->taken;
    before->taken = 0;
    target->anchor_wall_ms = before->anchor_wall_ms;
    target->due_ms = before->due_ms - before->interval_ms; /* schedule adds one */
    target->last_start_ns = before->last_start_ns;
    target->metadata_hash = before->metadata_hash;
    mutex_lock(&before->lock);
    mutex_lock(&target->lock);
    target->state = before->state;
    before->state = (struct target_state){0};
    mutex_unlock(&target->lock);
    mutex_unlock(&before->lock);
    bool is_running = before->request && http_request_is_running(before->request);
    if (is_running && !make_request(target, NULL)) {
        target->start_ns = before->start_ns;
        target->start_wall_ms = before->start_wall_ms;
        http_request_start(target->request);
    }
    schedule(target);
}

static void do_add(void *argument) {
    struct target *target = argument, *before = target->predecessor;
    target->predecessor = NULL;
    *vec_push(&target->loop->targets) = target;
    if (before && !before->is_closing) {
        take_over(target, before);
        begin_close(before);
    } else {
        start_schedule(target);
    }
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
    loop_timer_destroy(loop->timer);
    http_client_destroy(loop->client);
    return NULL;
}

int scrape_loop_create(struct appender *appender, const struct scrape_options *options,
                       const struct scrape_metrics *metrics, struct failure_logs *failures,
                       uint64_t offset_seed, struct scrape_loop **result, struct err *err) {
    struct scrape_loop *loop = mem_zalloc(sizeof *loop);
    *loop = (struct scrape_loop){.magic = LOOP_MAGIC,
                                 .appender = appender,
                                 .options = *options,
                                 .metrics = *metrics,
                                 .failures = failures,
                                 .offset_seed = offset_seed};
    mutex_init(&loop->lock);
    int rc = loop_create(&loop->loop, err);
    if (!rc) rc = http_client_create(loop->loop, &loop->client, err);
    if (rc) {
        loop_destroy(loop->loop);
        mutex_release(&loop->lock);
        mem_free(loop);
        return rc;
    }
    loop->timer = loop_timer_create(loop->loop, on_due, loop);
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
    agenda_release(&loop->agenda);
    vec_release(&loop->returned.batches);
    mutex_release(&loop->lock);
    loop->magic = 0;
    mem_free(loop);
}
