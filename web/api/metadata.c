#include "storage/exemplar/metadata.h"
#include "lib/scrape/scrape.h"
#include "promql/parse/parse.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/inside.h"

#include <stdlib.h>
#include <string.h>

/* What targets say of their metrics, in two shapes: by metric name, and by target. */

struct said {
    struct target_info *targets;
    struct metadata_info *items;
    size_t target_count, count;
};

static int collect_said(struct exchange *exchange, struct api *api, struct said *said, struct err *err) {
    *said = (struct said){0};
    if (!api->scrape) return 0;
    return scrape_manager_metadata(api->scrape, exchange_arena(exchange), &said->targets, &said->target_count,
                                   &said->items, &said->count, err);
}

static void write_said(struct json_writer *json, const struct metadata_info *info) {
    json_key(json, "type");
    json_string(json, info->type);
    json_key(json, "help");
    json_string(json, info->help);
    json_key(json, "unit");
    json_string(json, info->unit);
}

/* ---- by metric name ---- */

static int compare_said(const void *a, const void *b) {
    const struct metadata_info *x = a, *y = b;
    int order = span_compare(x->metric, y->metric);
    if (!order) order = span_compare(x->type, y->type);
    if (!order) order = span_compare(x->help, y->help);
    return order ? order : span_compare(x->unit, y->unit);
}

struct by_metric {
    const struct metadata_info *items;
    size_t count;
    int64_t limit, limit_per_metric; /* -1: none */
    struct span metric;              /* empty: all */
};

/* the different entries of the metric at `at`; answers where the next metric begins */
static size_t write_metric(struct json_writer *json, const struct by_metric *all, size_t at) {
    const struct metadata_info *items = all->items;
    size_t i = at;
    int64_t written = 0;
    json_key_span(json, items[at].metric);
    json_array(json);
    for (; i < all->count && span_equal(items[i].metric, items[at].metric); i++) {
        if (i > at && compare_said(&items[i], &items[i - 1]) == 0) continue;
        if (all->limit_per_metric > 0 && written == all->limit_per_metric) continue;
        json_object(json);
        write_said(json, &items[i]);
        json_end_object(json);
        written++;
    }
    json_end_array(json);
    return i;
}

static void write_metrics(struct json_writer *json, const struct by_metric *all) {
    int64_t written = 0;
    json_object(json);
    for (size_t i = 0; i < all->count && (all->limit < 0 || written < all->limit);) {
        if (all->metric.len && !span_equal(all->metric, all->items[i].metric)) {
            i++;
            continue;
        }
        i = write_metric(json, all, i);
        written++;
    }
    json_end_object(json);
}

/* and what the store remembers, of targets that are gone and of senders */
static int add_stored(struct exchange *exchange, struct api *api, struct said *said, struct err *err) {
    struct metric_metadata *stored;
    size_t count;
    if (!api->tsdb) return 0;
    struct arena *arena = exchange_arena(exchange);
    int rc = metadata_list(tsdb_metadata(api->tsdb), arena, &stored, &count, err);
    struct metadata_info *items = rc ? NULL : arena_array(arena, said->count + count + 1, sizeof *items);
    if (rc || !items) return rc ? rc : arena_limit(arena, "metadata", err);
    if (said->count) memcpy(items, said->items, said->count * sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[said->count++] = (struct metadata_info){.metric = stored[i].family,
                                                      .type = stored[i].type,
                                                      .help = stored[i].help,
                                                      .unit = stored[i].unit};
    said->items = items;
    return 0;
}

int api_collect_metadata(struct exchange *exchange, struct api *api, const struct metadata_info **items,
                         size_t *count, struct err *err) {
    struct said said;
    int rc = collect_said(exchange, api, &said, err);
    if (!rc) rc = add_stored(exchange, api, &said, err);
    if (rc) return rc;
    if (said.count) qsort(said.items, said.count, sizeof *said.items, compare_said);
    *items = said.items;
    *count = said.count;
    return 0;
}

void api_metadata(struct exchange *exchange, void *context) {
    struct by_metric all = {.metric = web_request_param(exchange_request(exchange), "metric")};
    struct answer answer;
    struct err err = {0};
    if (!param_number(exchange, "limit", &all.limit) ||
        !param_number(exchange, "limit_per_metric", &all.limit_per_metric))
        return;
    int rc = api_collect_metadata(exchange, api_of(context), &all.items, &all.count, &err);
    if (rc) {
        answer_failure(exchange, rc, err.text);
        return;
    }
    answer_begin(&answer, exchange);
    write_metrics(&answer.json, &all);
    answer_end(&answer);
}

/* ---- by target ---- */

struct wanted {
    struct match match; /* count 0: every target */
    struct span metric;
    int64_t limit;
};

static bool take_wanted(struct exchange *exchange, struct wanted *wanted) {
    const struct web_request *request = exchange_request(exchange);
    struct span selector = web_request_param(request, "match_target");
    const char *why = NULL;
    *wanted = (struct wanted){.metric = web_request_param(request, "metric")};
    if (!param_number(exchange, "limit", &wanted->limit)) return false;
    if (!selector.len || match_parse(selector, exchange_arena(exchange), &wanted->match, &why) == 0)
        return true;
    answer_invalid(exchange, "match_target", why);
    return false;
}

static void write_of_target(struct json_writer *json, const struct said *said, const struct wanted *wanted,
                            size_t i) {
    const struct metadata_info *info = &said->items[i];
    json_object(json);
    json_key(json, "target");
    answer_write_labels(json, &said->targets[info->target].labels);
    if (!wanted->metric.len) {
        json_key(json, "metric");
        json_string(json, info->metric);
    }
    write_said(json, info);
    json_end_object(json);
}

static void write_targets(struct json_writer *json, const struct said *said, const struct wanted *wanted) {
    int64_t written = 0;
    json_array(json);
    for (size_t i = 0; i < said->count && (wanted->limit < 0 || written < wanted->limit); i++) {
        if (wanted->metric.len && !span_equal(wanted->metric, said->items[i].metric)) continue;
        struct labels labels = said->targets[said->items[i].target].labels;
        if (!matchers_match(wanted->match.matchers, wanted->match.count, labels)) continue;
        write_of_target(json, said, wanted, i);
        written++;
    }
    json_end_array(json);
}

void api_target_metadata(struct exchange *exchange, void *context) {
    struct said said;
    struct wanted wanted;
    struct answer answer;
    struct err err = {0};
    if (!take_wanted(exchange, &wanted)) return;
    int rc = collect_said(exchange, api_of(context), &said, &err);
    if (rc) {
        answer_failure(exchange, rc, err.text);
    } else {
        answer_begin(&answer, exchange);
        write_targets(&answer.json, &said, &wanted);
        answer_end(&answer);
    }
    if (wanted.match.expr) expr_release(wanted.match.expr);
}
