#include "promql/eval/stats.h"

#include "lib/codec/json.h"
#include "promql/eval/range.h"
#include "promql/eval/row.h"

static void add(struct eval *ev, size_t step, uint64_t count) {
    struct query_state *query = ev->query;
    if (ev->is_inner) step = query->counted_steps - 1;
    if (step < query->counted_steps)
        atomic_fetch_add_explicit(&query->step_samples[step], count, memory_order_relaxed);
}

void stats_samples(struct eval *ev, size_t step, uint64_t count) {
    if (ev->query->step_samples) add(ev, step, count);
}

void stats_steps(struct eval *ev, const uint64_t *present) {
    for (size_t i = 0; i < ev->steps && ev->query->step_samples; i++)
        if (bit_get(present, i)) add(ev, i, 1);
}

void stats_windows(struct eval *ev, const struct columns *samples, bool fixed, int64_t first_end_ms,
                   int64_t range_ms) {
    struct seeker low = {0}, high = {0};
    if (!ev->query->step_samples) return;
    for (size_t i = 0; i < ev->steps; i++) {
        int64_t end_ms = fixed ? first_end_ms : first_end_ms + (int64_t)i * ev->step_ms;
        size_t to = seek(&high, samples->times_ms, samples->count, end_ms);
        size_t from = seek(&low, samples->times_ms, samples->count, end_ms - range_ms);
        if (to > from) add(ev, i, to - from);
    }
}

static void write_seconds(struct json_writer *json, const char *key, int64_t ns) {
    json_key(json, key);
    json_double(json, (double)ns * 1e-9);
}

static void write_steps(struct json_writer *json, const char *key, const struct query_stats *stats) {
    json_key(json, key);
    json_array(json);
    for (size_t i = 0; i < stats->step_count; i++) {
        json_array(json);
        json_time_ms(json, stats->start_ms + (int64_t)i * stats->step_ms);
        json_int(json, (int64_t)stats->step_samples[i]);
        json_end_array(json);
    }
    json_end_array(json);
}

static void write_count(struct json_writer *json, const char *key, uint64_t count) {
    json_key(json, key);
    json_int(json, (int64_t)count);
}

void query_stats_write(struct json_writer *json, const struct query_stats *stats, bool per_step) {
    uint64_t total = 0;
    for (size_t i = 0; i < stats->step_count; i++) total += stats->step_samples[i];
    json_object(json);
    json_key(json, "timings");
    json_object(json);
    write_seconds(json, "evalTotalTime", stats->prepare_ns + stats->eval_ns + stats->sort_ns);
    write_seconds(json, "resultSortTime", stats->sort_ns);
    write_seconds(json, "queryPreparationTime", stats->prepare_ns);
    write_seconds(json, "innerEvalTime", stats->eval_ns);
    write_seconds(json, "execQueueTime", 0); /* a query that waits is not one yet */
    write_seconds(json, "execTotalTime", stats->prepare_ns + stats->eval_ns + stats->sort_ns);
    json_end_object(json);
    json_key(json, "samples");
    json_object(json);
    if (per_step && stats->step_count) write_steps(json, "totalQueryableSamplesPerStep", stats);
    write_count(json, "totalQueryableSamples", total);
    write_count(json, "samplesRead", stats->samples_read);
    write_count(json, "peakSamples", stats->peak_samples);
    json_end_object(json);
    json_end_object(json);
}
