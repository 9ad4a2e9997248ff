#include "cmd/backfill.h"

#include "cmd/ask.h"
#include "lib/codec/number.h"
#include "lib/model/sample.h"
#include "promql/eval/engine.h"
#include "promql/rules/manager.h"
#include "storage/tsdb/tsdb.h"

#include <math.h>
#include <stdio.h>

#define STEPS_MAX 1000
#define STEPS_ASKED 60 /* of a server: an answer has at most a million values */
#define PIECE_BYTES ((size_t)1 << 30)

/* a range query of a rule: steps[0] is at first_ms; with has_before one more, the interval before that */
struct piece {
    const struct backfill_source *source;
    const struct rule_set_group *group;
    const struct rule *rule;
    int64_t first_ms, interval_ms, steps;
    bool has_before;
    struct arena arena;
    struct query_result *result;
    struct result_row *rows;
    size_t row_count;
    uint64_t left_out;
    size_t *counts; /* results of each step */
};

/* ---- asking a server ---- */

static int read_metric(struct piece *piece, const struct ynode *metric, struct labels *labels,
                       struct err *err) {
    struct label_builder builder;
    label_builder_init(&builder, &piece->arena, (struct labels){0});
    for (uint32_t i = 0; metric && metric->kind == YNODE_MAP && i < metric->count; i++)
        if (metric->entries[i].value->kind == YNODE_SCALAR)
            label_builder_set(&builder, metric->entries[i].key->text, metric->entries[i].value->text);
    struct labels built;
    int rc = label_builder_finish(&builder, &built, err);
    return rc ? rc : labels_copy(built, &piece->arena, labels, err); /* the answer goes before they do */
}

static int read_row(struct piece *piece, const struct ynode *series, struct result_row *row,
                    struct err *err) {
    const struct ynode *values = ynode_at(series, "values"), *histograms = ynode_at(series, "histograms");
    uint32_t count = values && values->kind == YNODE_LIST ? values->count : 0;
    int64_t *times = arena_array(&piece->arena, count + 1, sizeof *times);
    double *numbers = arena_array(&piece->arena, count + 1, sizeof *numbers), seconds;
    if (!times || !numbers) return arena_limit(&piece->arena, "answer", err);
    for (uint32_t i = 0; i < count; i++) {
        const struct ynode *time = ynode_item(ynode_item(values, i), 0);
        const struct ynode *value = ynode_item(ynode_item(values, i), 1);
        if (!time || !value || time->kind != YNODE_SCALAR || value->kind != YNODE_SCALAR ||
            !number_parse(time->text, &seconds) || !number_parse(value->text, &numbers[i]) ||
            fabs(seconds) > 1e12)
            return err_set(err, ERR_INVALID, "the server's answer is of no known form");
        times[i] = llround(seconds * 1000);
    }
    if (histograms && histograms->kind == YNODE_LIST) piece->left_out += histograms->count;
    *row = (struct result_row){.times_ms = times, .values = numbers, .count = count};
    return read_metric(piece, ynode_at(series, "metric"), &row->labels, err);
}

static int read_answer(struct piece *piece, const struct ynode *data, struct err *err) {
    const struct ynode *list = ynode_at(data, "result");
    int rc = 0;
    if (!span_is(ynode_text_at(data, "resultType"), "matrix") || !list || list->kind != YNODE_LIST)
        return err_set(err, ERR_INVALID, "the server's answer is of no known form");
    piece->rows = arena_array(&piece->arena, list->count + 1, sizeof *piece->rows);
    if (!piece->rows) return arena_limit(&piece->arena, "answer", err);
    for (uint32_t i = 0; i < list->count && !rc; i++)
        rc = read_row(piece, ynode_item(list, i), &piece->rows[piece->row_count++], err);
    return rc;
}

static int ask_server(struct piece *piece, const struct query *query, struct err *err) {
    struct ask ask;
    char text[32];
    ask_init(&ask, piece->source->url, "/api/v1/query_range");
    ask_param(&ask, "query", query->text);
    const struct {
        const char *name;
        int64_t ms;
    } times[] = {{"start", query->start_ms}, {"end", query->end_ms}, {"step", query->step_ms}};
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%.3f", (double)times[i].ms / 1000);
        ask_param(&ask, times[i].name, span_from(text));
    }
    int rc = ask_run(&ask, err);
    if (!rc) rc = read_answer(piece, ask.data, err);
    ask_release(&ask);
    return rc;
}

/* ---- asking the store ---- */

static int ask_store(struct piece *piece, const struct query *query, struct err *err) {
    enum query_failure failure;
    const struct backfill_source *source = piece->source;
    int rc = engine_run(source->engine, tsdb_queryable(source->tsdb), query, &piece->result, &failure, err);
    if (rc) return rc;
    piece->rows = piece->result->rows;
    piece->row_count = piece->result->row_count;
    return 0;
}

static int ask_range(struct piece *piece, struct err *err) {
    struct query query = {.text = piece->rule->expr_text,
                          .expr = piece->rule->expr,
                          .start_ms = piece->first_ms - (piece->has_before ? piece->interval_ms : 0),
                          .end_ms = piece->first_ms + (piece->steps - 1) * piece->interval_ms,
                          .step_ms = piece->interval_ms};
    return piece->source->url ? ask_server(piece, &query, err) : ask_store(piece, &query, err);
}

/* ---- from results to samples ---- */

static int count_results(struct piece *piece, struct err *err) {
    piece->counts = arena_zalloc(&piece->arena, (size_t)piece->steps * sizeof *piece->counts);
    if (!piece->counts) return arena_limit(&piece->arena, "rule", err);
    for (size_t i = 0; i < piece->row_count; i++)
        for (size_t k = 0; k < piece->rows[i].count; k++) {
            int64_t step = (piece->rows[i].times_ms[k] - piece->first_ms) / piece->interval_ms;
            if (piece->rows[i].times_ms[k] >= piece->first_ms && step < piece->steps) piece->counts[step]++;
        }
    return 0;
}

static int output_labels(struct piece *piece, struct labels labels, struct labels *output, struct err *err) {
    const struct rule *rule = piece->rule;
    struct label_builder builder;
    label_builder_init(&builder, &piece->arena, labels);
    label_builder_set(&builder, SPAN(LABEL_NAME), span_from(rule->name));
    for (size_t i = 0; i < rule->label_count; i++)
        label_builder_set(&builder, rule->labels[i].name, rule->labels[i].text);
    return label_builder_finish(&builder, output, err);
}

static int put(struct gather *gather, uint32_t series, int64_t time_ms, const struct result_row *row,
               size_t at, struct err *err) {
    if (row->histograms && row->histograms[at])
        return gather_histogram(gather, series, time_ms, row->histograms[at], err);
    return gather_sample(gather, series, time_ms, row->values[at], err);
}

static int take_row(struct piece *piece, const struct result_row *row, struct gather *gather, uint32_t series,
                    struct err *err) {
    uint64_t limit = piece->group->limit;
    bool was_there = false;
    size_t at = 0;
    int rc = 0;
    for (int64_t k = piece->has_before ? -1 : 0; k < piece->steps && !rc; k++) {
        int64_t time_ms = piece->first_ms + k * piece->interval_ms;
        bool is_there = at < row->count && row->times_ms[at] == time_ms;
        bool is_failed =
            k >= 0 && limit && piece->counts[k] > limit; /* it writes nothing, no markers either */
        if (k >= 0 && !is_failed && is_there) rc = put(gather, series, time_ms, row, at, err);
        if (k >= 0 && !is_failed && !is_there && was_there)
            rc = gather_sample(gather, series, time_ms, value_stale(), err);
        if (!is_failed) was_there = is_there;
        at += is_there;
    }
    return rc;
}

static int take_rows(struct piece *piece, struct gather *gather, struct err *err) {
    size_t known = gather->series.count + piece->row_count;
    bool *taken = arena_zalloc(&piece->arena, known + 1);
    int rc = taken ? count_results(piece, err) : arena_limit(&piece->arena, "rule", err);
    for (size_t i = 0; i < piece->row_count && !rc; i++) {
        struct labels labels;
        uint32_t series = 0;
        rc = output_labels(piece, piece->rows[i].labels, &labels, err);
        if (!rc) rc = gather_series(gather, labels, &series, err);
        if (!rc && taken[series])
            rc = err_set(err, ERR_EXECUTION,
                         "vector contains metrics with the same labelset after applying rule labels");
        if (rc) break;
        taken[series] = true;
        rc = take_row(piece, &piece->rows[i], gather, series, err);
    }
    return rc;
}

int backfill_rule(const struct backfill_source *source, const struct rule_set_group *group,
                  const struct rule *rule, int64_t from_ms, int64_t to_ms, bool is_first,
                  struct gather *gather, uint64_t *left_out, struct err *err) {
    int64_t interval_ms = group->interval_ms;
    int64_t time_ms = rule_group_due(group, from_ms + group->query_offset_ms) - group->query_offset_ms;
    int64_t most = source->url ? STEPS_ASKED : STEPS_MAX;
    int rc = 0;
    for (; time_ms < to_ms && !rc; time_ms += most * interval_ms, is_first = false) {
        int64_t steps = (to_ms - time_ms + interval_ms - 1) / interval_ms;
        struct piece piece = {.source = source,
                              .group = group,
                              .rule = rule,
                              .first_ms = time_ms,
                              .interval_ms = interval_ms,
                              .steps = steps < most ? steps : most,
                              .has_before = !is_first};
        arena_init(&piece.arena, PIECE_BYTES, NULL);
        rc = ask_range(&piece, err);
        if (!rc) rc = take_rows(&piece, gather, err);
        *left_out += piece.left_out;
        query_result_destroy(piece.result);
        arena_release(&piece.arena);
    }
    return rc ? err_wrap(err, rc, "group \"%s\", rule \"%s\"", group->name, rule->name) : 0;
}
