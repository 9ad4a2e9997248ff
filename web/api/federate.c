#include "lib/config/config.h"
#include "lib/instrument/instrument.h"
#include "lib/model/queryable.h"
#include "lib/model/sample.h"
#include "lib/sys/clock.h"
#include "promql/eval/engine.h"
#include "web/api/exposition.h"
#include "web/api/inside.h"

#include <stdlib.h>

/*
 * /federate: the newest sample of each series that matches, for another server to scrape. What is older than
 * the lookback or has ended is left out.
 */

#define SAMPLES_OF_A_FAMILY ((size_t)256) /* at once: a family is one message in protobuf */

struct federation {
    struct exposition exposition;
    struct exposed_sample *samples;
    size_t count, capacity, at;
    struct labels external;
};

static bool is_canceled(struct exchange *exchange) {
    return atomic_load_explicit(exchange_cancel(exchange), memory_order_relaxed);
}

/* ---- the newest samples ---- */

static int take_newest(struct series_set *set, size_t i, int64_t mint, int64_t maxt, struct columns *columns,
                       struct arena *arena, struct federation *all, struct err *err) {
    struct exposed_sample *sample = &all->samples[all->count];
    columns_reset(columns);
    int rc = series_set_read_newest(set, i, mint, maxt, columns, err);
    if (rc && rc != ERR_CORRUPT) return rc; /* what can be read of a damaged one is there */
    if (!columns->count) return 0;
    size_t last = columns->count - 1;
    const struct histogram *histogram = columns_histogram(columns, last);
    if (value_is_stale(columns->values[last])) return 0;
    if (histogram && all->exposition.form != EXPOSITION_PROTOBUF) return 0;
    *sample = (struct exposed_sample){.time_ms = columns->times_ms[last], .value = columns->values[last]};
    if (histogram && !(sample->histogram = histogram_copy(histogram, arena)))
        return arena_limit(arena, "the answer", err);
    rc = series_set_labels(set, i, arena, &sample->labels, err);
    if (!rc && labels_has(sample->labels, SPAN(LABEL_NAME))) all->count++;
    return rc;
}

static int reserve(struct federation *all, size_t more, struct arena *arena, struct err *err) {
    if (all->count + more <= all->capacity) return 0;
    struct exposed_sample *samples = arena_array(arena, all->count + more, sizeof *samples);
    if (!samples) return arena_limit(arena, "the answer", err);
    if (all->count) memcpy(samples, all->samples, all->count * sizeof *samples);
    all->samples = samples;
    all->capacity = all->count + more;
    return 0;
}

static int take_set(struct exchange *exchange, struct series_set *set, int64_t mint, int64_t maxt,
                    struct federation *all, struct err *err) {
    struct arena *arena = exchange_arena(exchange);
    struct columns columns;
    columns_init(&columns, arena->budget);
    int rc = reserve(all, set->count, arena, err);
    for (size_t i = 0; i < set->count && !rc; i++) {
        if (i % 1024 == 0 && is_canceled(exchange)) rc = err_set(err, ERR_CANCELED, "request was canceled");
        if (!rc) rc = take_newest(set, i, mint, maxt, &columns, arena, all, err);
    }
    columns_release(&columns);
    return rc;
}

static int collect(struct exchange *exchange, struct api *api, struct queryable *readable,
                   const struct matches *matches, struct federation *all, struct err *err) {
    int64_t now = clock_wall_ms(), mint = now - engine_options_of(api->context.engine)->lookback_ms;
    struct queryable *store = queryable_begin(readable);
    int rc = 0;
    for (size_t i = 0; i < matches->count && !rc; i++) {
        struct series_set *set = NULL;
        rc = queryable_select(store, matches->items[i].matchers, matches->items[i].count, mint, now,
                              exchange_arena(exchange)->budget, &set, err);
        if (!rc) rc = take_set(exchange, set, mint, now, all, err);
        if (!rc && atomic_load(&set->warning) && api->federation_warnings)
            counter_inc(api->federation_warnings);
        series_set_close(set);
    }
    queryable_end(store);
    return rc;
}

/* by name, then by the other labels */
static int compare_samples(const void *a, const void *b) {
    const struct exposed_sample *x = a, *y = b;
    int order =
        span_compare(labels_get(x->labels, SPAN(LABEL_NAME)), labels_get(y->labels, SPAN(LABEL_NAME)));
    return order ? order : labels_compare(x->labels, y->labels);
}

/* each series once, though several selectors may have found it */
static void sort_samples(struct federation *all) {
    size_t kept = 0;
    if (all->count) qsort(all->samples, all->count, sizeof *all->samples, compare_samples);
    for (size_t i = 0; i < all->count; i++)
        if (!kept || compare_samples(&all->samples[kept - 1], &all->samples[i]))
            all->samples[kept++] = all->samples[i];
    all->count = kept;
}

/* the external labels, and an empty instance, so that the scraper does not put its own in that place */
static int take_external(struct api *api, struct arena *arena, struct labels *external, struct err *err) {
    const struct api_context *own = &api->context;
    struct config *config = own->current_config ? own->current_config(own->context) : NULL;
    struct labels configured = config ? config->global.external_labels : (struct labels){0};
    struct label *items = arena_array(arena, configured.count + 1, sizeof *items);
    int rc = items ? labels_copy(configured, arena, external, err) : arena_limit(arena, "labels", err);
    if (!rc && !labels_has(configured, SPAN("instance"))) {
        uint32_t before = 0;
        while (before < external->count && span_compare(external->items[before].name, SPAN("instance")) < 0)
            before++;
        memcpy(items, external->items, before * sizeof *items);
        items[before] = (struct label){SPAN("instance"), SPAN("")};
        memcpy(items + before + 1, external->items + before, (external->count - before) * sizeof *items);
        *external = (struct labels){items, external->count + 1};
    }
    config_unref(config);
    return rc;
}

/* ---- the answer ---- */

static bool more_families(void *state, struct buf *piece) {
    struct federation *all = state;
    while (all->at < all->count && piece->len < REPLY_PIECE_BYTES) {
        const struct exposed_sample *first = &all->samples[all->at];
        bool is_first = all->at == 0 || !exposition_same_family(first - 1, first);
        size_t count = 1;
        while (count < SAMPLES_OF_A_FAMILY && all->at + count < all->count &&
               exposition_same_family(first, first + count))
            count++;
        exposition_write(&all->exposition, first, count, all->external, is_first, piece);
        all->at += count;
    }
    return all->at < all->count;
}

/* every match[]; false after replying, in plain text as scrapers expect */
static bool take_matches(struct exchange *exchange, struct matches *matches) {
    const struct web_request *request = exchange_request(exchange);
    struct arena *arena = exchange_arena(exchange);
    *matches = (struct matches){0};
    matches->items = arena_array(arena, request->param_count + 1, sizeof *matches->items);
    const char *why = matches->items ? NULL : "no memory for the selectors";
    if (request->has_bad_params) why = "error parsing form values: invalid URL escape";
    for (size_t i = 0; i < request->param_count && !why; i++)
        if (span_is(request->params[i].name, "match[]") &&
            match_parse(request->params[i].value, arena, &matches->items[matches->count], &why) == 0)
            matches->count++;
    if (!why) return true;
    matches_release(matches);
    answer_plain(exchange, 400, why);
    return false;
}

void api_federate(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct arena *arena = exchange_arena(exchange);
    struct federation *all = arena_zalloc(arena, sizeof *all);
    struct queryable *readable = api_readable(api, exchange);
    struct matches matches;
    struct err err = {0};
    if (!readable || !take_matches(exchange, &matches)) return;
    int rc = all ? 0 : arena_limit(arena, "the answer", &err);
    if (!rc) {
        all->exposition = exposition_choose(web_request_header(exchange_request(exchange), "Accept"));
        rc = take_external(api, arena, &all->external, &err);
    }
    if (!rc) rc = collect(exchange, api, readable, &matches, all, &err);
    matches_release(&matches);
    if (rc) {
        if (api->federation_errors) counter_inc(api->federation_errors);
        answer_plain(exchange, 500, err.text);
        return;
    }
    sort_samples(all);
    reply_stream(exchange, 200, exposition_content_type(&all->exposition), more_families, NULL, all);
}
