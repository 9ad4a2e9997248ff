/* What the engine is doing, what cost it most, and how to stop it. */
#include "lib/base/mem.h"
#include "lib/codec/number.h"
#include "lib/sys/clock.h"
#include "promql/eval/active.h"
#include "promql/eval/engine.h"
#include "web/api/inside.h"

#include <stdlib.h>

#define TOP_SHOWN_DEFAULT 20u

static void write_query(const struct active_query *query, void *context) {
    struct json_writer *json = context;
    json_object(json);
    json_key(json, "id");
    json_int(json, (int64_t)query->id);
    json_key(json, "query");
    json_cstring(json, query->text);
    json_key(json, "client");
    json_cstring(json, query->client);
    json_key(json, "begin");
    json_double(json, (double)query->begin_wall_ms / 1000);
    json_key(json, "durationSeconds");
    json_double(json, (double)(clock_monotonic_ns() - query->begin_ns) * 1e-9);
    json_key(json, "samples");
    json_int(json, (int64_t)atomic_load(&query->samples));
    json_key(json, "start");
    json_double(json, (double)query->start_ms / 1000);
    json_key(json, "end");
    json_double(json, (double)query->end_ms / 1000);
    json_key(json, "stepSeconds");
    json_double(json, (double)query->step_ms / 1000);
    json_end_object(json);
}

void api_active_queries(struct exchange *exchange, void *context) {
    struct answer answer;
    answer_begin(&answer, exchange);
    json_array(&answer.json);
    active_each(engine_active(api_of(context)->context.engine), write_query, &answer.json);
    json_end_array(&answer.json);
    answer_end(&answer);
}

void api_cancel_query(struct exchange *exchange, void *context) {
    struct span text = web_request_param(exchange_request(exchange), "id");
    uint64_t id;
    if (!number_parse_uint(text, &id)) {
        answer_invalid(exchange, "id", "not the number of a query");
        return;
    }
    if (!active_cancel(engine_active(api_of(context)->context.engine), id)) {
        answer_error(exchange, ANSWER_NOT_FOUND, "no query with id %llu is running", (unsigned long long)id);
        return;
    }
    struct answer answer;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "cancelled");
    json_int(&answer.json, (int64_t)id);
    json_end_object(&answer.json);
    answer_end(&answer);
}

/* ---- what cost most ---- */

struct collected {
    struct top_query *items;
    size_t count;
};

static void collect(const struct top_query *query, void *context) {
    struct collected *all = context;
    all->items[all->count++] = *query;
}

static int compare_seconds(const void *a, const void *b) {
    double x = ((const struct top_query *)a)->seconds, y = ((const struct top_query *)b)->seconds;
    return x > y ? -1 : x < y;
}

static int compare_samples(const void *a, const void *b) {
    uint64_t x = ((const struct top_query *)a)->samples, y = ((const struct top_query *)b)->samples;
    return x > y ? -1 : x < y;
}

static int compare_counts(const void *a, const void *b) {
    uint64_t x = ((const struct top_query *)a)->count, y = ((const struct top_query *)b)->count;
    return x > y ? -1 : x < y;
}

static void write_top(struct json_writer *json, const char *name, struct collected *all, size_t shown,
                      int (*compare)(const void *, const void *)) {
    if (all->count) qsort(all->items, all->count, sizeof *all->items, compare);
    json_key(json, name);
    json_array(json);
    for (size_t i = 0; i < all->count && i < shown; i++) {
        const struct top_query *query = &all->items[i];
        json_object(json);
        json_key(json, "query");
        json_cstring(json, query->text);
        json_key(json, "count");
        json_int(json, (int64_t)query->count);
        json_key(json, "seconds");
        json_double(json, query->seconds);
        json_key(json, "samples");
        json_int(json, (int64_t)query->samples);
        json_end_object(json);
    }
    json_end_array(json);
}

void api_top_queries(struct exchange *exchange, void *context) {
    struct collected all = {mem_array(TOP_MAX, sizeof *all.items), 0};
    struct answer answer;
    uint64_t shown;
    if (!param_limit(exchange, &shown)) {
        mem_free(all.items);
        return;
    }
    if (!shown) shown = TOP_SHOWN_DEFAULT;
    top_each(engine_active(api_of(context)->context.engine), collect, &all);
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    write_top(&answer.json, "bySeconds", &all, shown, compare_seconds);
    write_top(&answer.json, "bySamples", &all, shown, compare_samples);
    write_top(&answer.json, "byCount", &all, shown, compare_counts);
    json_end_object(&answer.json);
    answer_end(&answer);
    mem_free(all.items);
}
