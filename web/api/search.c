#include "lib/codec/number.h"
#include "lib/scrape/scrape.h"
#include "lib/sys/clock.h"
#include "web/api/inside.h"
#include "web/api/search_score.h"
#include "web/http/guard.h"

#include <stdlib.h>

/*
 * search/metric_names, label_names, label_values: what somebody who types may mean, as lines of JSON:
 *
 *     {"results":[{"name":"up","score":1},...]}     batch_size of them
 *     {"status":"success","has_more":false}
 */

#define HOUR_MS ((int64_t)60 * 60 * 1000)
#define LIMIT_DEFAULT 100
#define BATCH_DEFAULT 100

enum search_order { BY_NAME, BY_NAME_DOWN, BY_SCORE };

struct hit {
    struct span name;
    double score;
};

struct search {
    struct search_terms terms;
    int64_t mint, maxt;
    enum search_order order;
    bool has_scores, has_metadata;
    size_t limit, batch; /* limit 0: none */
    struct hit *hits;
    size_t count, at;
    bool has_more;
    const struct metadata_info *metadata; /* sorted by metric */
    size_t metadata_count;
};

/* ---- parameters ---- */

/* a parameter as Go would quote it, for a message */
static const char *quoted(struct exchange *exchange, struct span text) {
    struct buf out;
    buf_init(&out, 1024);
    text_write_quoted(span_of(text.ptr, text.len < 100 ? text.len : 100), &out);
    const char *copy = arena_strndup(exchange_arena(exchange), out.data, out.len);
    buf_release(&out);
    return copy ? copy : "\"\"";
}

static bool take_flag(struct exchange *exchange, const char *name, bool otherwise, bool *flag) {
    struct span text = web_request_param(exchange_request(exchange), name);
    *flag = otherwise;
    if (!text.len || bool_parse(text, flag)) return true;
    answer_error(exchange, ANSWER_BAD_DATA, "invalid %s %s: must be boolean", name, quoted(exchange, text));
    return false;
}

static bool take_number(struct exchange *exchange, const char *name, size_t otherwise, size_t *number) {
    struct span text = web_request_param(exchange_request(exchange), name);
    int64_t value = 0;
    if (text.len && (!number_parse_int(text, &value) || value < 0)) {
        answer_error(exchange, ANSWER_BAD_DATA, "invalid %s %s: must be non-negative integer", name,
                     quoted(exchange, text));
        return false;
    }
    *number = value ? (size_t)value : otherwise;
    return true;
}

static bool take_limit(struct exchange *exchange, const struct api *api, size_t *limit) {
    size_t most = api->context.search_limit_max;
    if (!take_number(exchange, "limit", 0, limit)) return false;
    if (most && *limit > most) {
        answer_error(exchange, ANSWER_BAD_DATA, "limit %zu exceeds the maximum of %zu", *limit, most);
        return false;
    }
    if (!*limit) *limit = most && most < LIMIT_DEFAULT ? most : LIMIT_DEFAULT;
    return true;
}

static bool take_likeness(struct exchange *exchange, struct search_terms *terms) {
    const struct web_request *request = exchange_request(exchange);
    struct span name = web_request_param(request, "fuzz_alg");
    struct span threshold = web_request_param(request, "fuzz_threshold");
    int64_t percent = 0;
    if (threshold.len && (!number_parse_int(threshold, &percent) || percent < 0 || percent > 100)) {
        answer_error(exchange, ANSWER_BAD_DATA, "invalid fuzz_threshold %s: must be 0-100",
                     quoted(exchange, threshold));
        return false;
    }
    if (name.len && !span_is(name, "subsequence") && !span_is(name, "jarowinkler")) {
        answer_error(exchange, ANSWER_BAD_DATA,
                     "unsupported fuzz_alg %s: must be one of [subsequence jarowinkler]",
                     quoted(exchange, name));
        return false;
    }
    terms->threshold = (double)percent / 100;
    terms->likeness = span_is(name, "jarowinkler") ? SEARCH_JARO_WINKLER : SEARCH_SUBSEQUENCE;
    return take_flag(exchange, "case_sensitive", true, &terms->is_case_sensitive);
}

static bool take_terms(struct exchange *exchange, struct search_terms *terms) {
    const struct web_request *request = exchange_request(exchange);
    size_t count = 0;
    if (!take_likeness(exchange, terms)) return false;
    for (size_t i = 0; i < request->param_count; i++) count += span_is(request->params[i].name, "search[]");
    terms->items = arena_array(exchange_arena(exchange), count, sizeof *terms->items);
    if (!terms->items) {
        answer_error(exchange, ANSWER_EXECUTION, "no memory for the texts to look for");
        return false;
    }
    for (size_t i = 0; i < request->param_count; i++)
        if (span_is(request->params[i].name, "search[]"))
            search_term_init(&terms->items[terms->count++], request->params[i].value,
                             terms->is_case_sensitive);
    return true;
}

static bool take_order(struct exchange *exchange, const char *what, struct search *search) {
    const struct web_request *request = exchange_request(exchange);
    struct span by = web_request_param(request, "sort_by"),
                direction = web_request_param(request, "sort_dir");
    bool is_score = span_is(by, "score"), is_down = span_is(direction, "dsc");
    const char *why = NULL;
    if (direction.len && !by.len)
        why = "sort_dir is only valid when sort_by is set";
    else if (direction.len && is_score)
        why = "sort_dir is not supported for sort_by=score";
    else if (direction.len && !is_down && !span_is(direction, "asc"))
        why = arena_printf(exchange_arena(exchange), "invalid sort_dir %s: must be \"asc\" or \"dsc\"",
                           quoted(exchange, direction));
    else if (is_score && !search->terms.count)
        why = "sort_by=score requires search[] to be set";
    else if (by.len && !is_score && !span_is(by, "alpha"))
        why = arena_printf(exchange_arena(exchange),
                           "invalid sort_by %s for %s: must be \"alpha\" or \"score\"", quoted(exchange, by),
                           what);
    if (why) answer_error(exchange, ANSWER_BAD_DATA, "%s", why);
    search->order = is_score ? BY_SCORE : is_down ? BY_NAME_DOWN : BY_NAME;
    return !why;
}

static bool take_search(struct exchange *exchange, const struct api *api, const char *what,
                        struct search *search) {
    int64_t now = clock_wall_ms();
    return param_time(exchange, "start", now - HOUR_MS, &search->mint) &&
           param_time(exchange, "end", now, &search->maxt) && take_terms(exchange, &search->terms) &&
           take_flag(exchange, "include_score", false, &search->has_scores) &&
           take_flag(exchange, "include_metadata", false, &search->has_metadata) &&
           take_order(exchange, what, search) && take_limit(exchange, api, &search->limit) &&
           take_number(exchange, "batch_size", BATCH_DEFAULT, &search->batch);
}

/* ---- looking ---- */

static int compare_scores(const void *a, const void *b) {
    const struct hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return span_compare(x->name, y->name);
}

/* texts come sorted by name */
static int look(struct exchange *exchange, const struct span *texts, size_t count, struct search *search,
                struct err *err) {
    struct arena *arena = exchange_arena(exchange);
    search->hits = arena_array(arena, count, sizeof *search->hits);
    if (!search->hits) return arena_limit(arena, "the answer", err);
    for (size_t i = 0; i < count; i++) {
        struct hit hit = {.name = texts[search->order == BY_NAME_DOWN ? count - 1 - i : i]};
        if (i % 256 == 0 && atomic_load_explicit(exchange_cancel(exchange), memory_order_relaxed))
            return err_set(err, ERR_CANCELED, "request was canceled");
        if (search_score(&search->terms, hit.name, &hit.score)) search->hits[search->count++] = hit;
    }
    if (search->order == BY_SCORE && search->count)
        qsort(search->hits, search->count, sizeof *search->hits, compare_scores);
    search->has_more = search->count > search->limit;
    if (search->has_more) search->count = search->limit;
    return 0;
}

/* ---- the answer ---- */

static int compare_metric(const void *name, const void *info) {
    return span_compare(*(const struct span *)name, ((const struct metadata_info *)info)->metric);
}

static void write_optional(struct json_writer *json, const char *key, struct span text) {
    if (!text.len) return;
    json_key(json, key);
    json_string(json, text);
}

static void write_hit(struct json_writer *json, const struct search *search, const struct hit *hit) {
    const struct metadata_info *info = NULL;
    json_object(json);
    json_key(json, "name");
    json_string(json, hit->name);
    if (search->has_scores) {
        json_key(json, "score");
        json_double(json, hit->score);
    }
    if (search->metadata_count)
        info = bsearch(&hit->name, search->metadata, search->metadata_count, sizeof *info, compare_metric);
    if (info) {
        write_optional(json, "type", info->type);
        write_optional(json, "help", info->help);
        write_optional(json, "unit", info->unit);
    }
    json_end_object(json);
}

static void write_batch(struct search *search, struct buf *piece) {
    struct json_writer json;
    json_init(&json, piece);
    json_object(&json);
    json_key(&json, "results");
    json_array(&json);
    for (size_t i = 0; i < search->batch && search->at < search->count; i++)
        write_hit(&json, search, &search->hits[search->at++]);
    json_end_array(&json);
    json_end_object(&json);
    buf_putc(piece, '\n');
}

static bool more_batches(void *state, struct buf *piece) {
    struct search *search = state;
    do write_batch(search, piece);
    while (search->at < search->count && piece->len < REPLY_PIECE_BYTES);
    if (search->at < search->count) return true;
    buf_printf(piece, "{\"status\":\"success\",\"has_more\":%s}\n", search->has_more ? "true" : "false");
    return false;
}

/* names of labels when `name` is empty, else values of that one */
static void answer_search(struct exchange *exchange, struct api *api, struct span name, const char *what) {
    struct search *search = arena_zalloc(exchange_arena(exchange), sizeof *search);
    struct queryable *readable = api_readable(api, exchange);
    const struct access *access = exchange_access(exchange);
    bool may_know_all = !access || !access->matcher_count;
    struct matches matches;
    struct span *texts = NULL;
    struct err err = {0};
    size_t count = 0;
    if (!readable) return;
    if (!search) {
        answer_error(exchange, ANSWER_EXECUTION, "no memory for the request");
        return;
    }
    if (!take_search(exchange, api, what, search) || !param_matches(exchange, true, &matches)) return;
    int rc = api_collect_texts(exchange, readable, name, search->mint, search->maxt, &matches, &texts, &count,
                               &err);
    if (!rc) rc = look(exchange, texts, count, search, &err);
    if (!rc && search->has_metadata && may_know_all && span_is(name, LABEL_NAME))
        rc = api_collect_metadata(exchange, api, &search->metadata, &search->metadata_count, &err);
    matches_release(&matches);
    if (rc)
        answer_failure(exchange, rc, err.text);
    else
        reply_stream(exchange, 200, "application/x-ndjson; charset=utf-8", more_batches, NULL, search);
}

void api_search_metric_names(struct exchange *exchange, void *context) {
    answer_search(exchange, api_of(context), SPAN(LABEL_NAME), "metric_names");
}

void api_search_label_names(struct exchange *exchange, void *context) {
    answer_search(exchange, api_of(context), (struct span){0}, "label_names");
}

void api_search_label_values(struct exchange *exchange, void *context) {
    struct span name = web_request_param(exchange_request(exchange), "label");
    if (name.len)
        answer_search(exchange, api_of(context), name, "label_values");
    else
        answer_error(exchange, ANSWER_BAD_DATA, "missing required parameter \"label\"");
}
