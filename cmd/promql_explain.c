/*
 * promql_explain.c - `server promql explain EXPR`: runs a query and says what each part of it did.
 *
 *     query                        0 series       0 samples     12.0 kB   0.010 ms
 *       aggregation  sum(rate..    1 series       0 samples      0.0 kB   0.011 ms
 *
 * Of a running server (--url), or of a data folder that no server is using (--storage.tsdb.path). Times are
 * of each part without those below it, with all below in brackets.
 */
#include "cmd/ask.h"
#include "cmd/promql.h"
#include "lib/codec/json.h"
#include "lib/codec/json_read.h"
#include "lib/codec/number.h"
#include "lib/sys/clock.h"
#include "promql/eval/engine.h"
#include "promql/eval/plan.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/params.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLAN_BYTES ((size_t)256 << 20)
#define TEXT_SHOWN 60u

struct wish {
    const char *text, *url, *path, *time, *start, *end, *step;
};

static int usage(void) {
    fprintf(stderr, "usage: server promql explain --url URL|--storage.tsdb.path DIR [--time T]\n"
                    "           [--start T --end T --step D] EXPR\n");
    return 1;
}

static bool read_wish(int argc, char **argv, struct wish *wish) {
    const struct {
        const char *name, **value;
    } options[] = {{"--url", &wish->url},   {"--storage.tsdb.path", &wish->path},
                   {"--time", &wish->time}, {"--start", &wish->start},
                   {"--end", &wish->end},   {"--step", &wish->step}};
    for (int i = 2; i < argc; i++) {
        bool is_option = false;
        for (size_t k = 0; k < sizeof options / sizeof *options && !is_option; k++)
            is_option = ask_option(options[k].name, argc, argv, &i, options[k].value);
        if (is_option) continue;
        if (wish->text) return false;
        wish->text = argv[i];
    }
    bool is_range = wish->start && wish->end && wish->step;
    bool is_instant = !wish->start && !wish->end && !wish->step;
    return wish->text && !wish->url != !wish->path && (is_range || is_instant);
}

static double number_at(const struct ynode *node, const char *name) {
    double number = 0;
    (void)number_parse(ynode_text_at(node, name), &number);
    return number;
}

static void print_plan(const struct ynode *node, int depth) {
    struct span text = ynode_text_at(node, "expr"), kind = ynode_text_at(node, "node");
    const struct ynode *children = ynode_at(node, "children"), *child;
    int shown = (int)(text.len < TEXT_SHOWN ? text.len : TEXT_SHOWN);
    printf("%*s%.*s  %.*s%s\n%*s%.0f series, %.0f samples, %.1f kB, %.3f ms (%.3f ms)\n", 2 * depth, "",
           SPAN_ARG(kind), shown, text.ptr, text.len > TEXT_SHOWN ? "..." : "", 2 * depth + 4, "",
           number_at(node, "series"), number_at(node, "samples"), number_at(node, "bytes") / 1000,
           number_at(node, "ownSeconds") * 1000, number_at(node, "seconds") * 1000);
    for (uint32_t i = 0; (child = ynode_item(children, i)); i++) print_plan(child, depth + 1);
}

static int ask_server(const struct wish *wish, struct err *err) {
    const struct {
        const char *name, *value;
    } params[] = {{"query", wish->text}, {"time", wish->time}, {"start", wish->start},
                  {"end", wish->end},    {"step", wish->step}, {"explain", "true"}};
    struct ask ask;
    ask_init(&ask, wish->url, wish->start ? "/api/v1/query_range" : "/api/v1/query");
    for (size_t i = 0; i < sizeof params / sizeof *params; i++)
        if (params[i].value) ask_param(&ask, params[i].name, span_from(params[i].value));
    int rc = ask_run(&ask, err);
    const struct ynode *plan = rc ? NULL : ynode_at(ask.data, "explain");
    if (plan)
        print_plan(plan, 0);
    else if (!rc)
        rc = err_set(err, ERR_UNSUPPORTED, "this server tells no plans");
    ask_release(&ask);
    return rc;
}

/* the same tree as a server's answer has */
static int print_result(const struct query_result *result, struct span text, struct err *err) {
    struct json_writer json;
    struct arena arena;
    struct buf out;
    const struct ynode *plan;
    struct ymark where;
    buf_init(&out, PLAN_BYTES);
    arena_init(&arena, PLAN_BYTES, NULL);
    json_init(&json, &out);
    plan_write(&json, result->plan, text);
    int rc = json_read(buf_view(&out), &arena, &plan, &where, err);
    if (!rc) print_plan(plan, 0);
    arena_release(&arena);
    buf_release(&out);
    return rc;
}

static int times_of(const struct wish *wish, struct query *query, struct err *err) {
    int rc = 0;
    query->start_ms = clock_wall_ms();
    if (wish->time) rc = time_parse(span_from(wish->time), &query->start_ms, err);
    query->end_ms = query->start_ms;
    if (rc || !wish->start) return rc;
    rc = time_parse(span_from(wish->start), &query->start_ms, err);
    if (!rc) rc = time_parse(span_from(wish->end), &query->end_ms, err);
    if (!rc) rc = api_duration_parse(span_from(wish->step), &query->step_ms, err);
    if (!rc && (query->step_ms <= 0 || query->end_ms < query->start_ms))
        rc = err_set(err, ERR_INVALID, "the range or its step is empty");
    return rc;
}

static int ask_folder(const struct wish *wish, struct err *err) {
    struct tsdb_options options = {.path = wish->path, .no_maintenance = true};
    struct engine_options engine_options = {.parse = {.experimental_functions = true,
                                                      .extended_range_selectors = true,
                                                      .binop_fill_modifiers = true}};
    struct query query = {.text = span_from(wish->text), .wants_plan = true};
    struct query_result *result = NULL;
    enum query_failure failure;
    struct tsdb *tsdb = NULL;
    if (access(wish->path, R_OK)) return err_set(err, ERR_NOT_FOUND, "no data folder \"%s\"", wish->path);
    int rc = times_of(wish, &query, err);
    if (!rc) rc = tsdb_open(&options, NULL, &tsdb, err);
    if (rc) return rc;
    struct engine *engine = engine_create(&engine_options, NULL);
    rc = engine_run(engine, tsdb_queryable(tsdb), &query, &result, &failure, err);
    if (!rc) rc = print_result(result, query.text, err);
    query_result_destroy(result);
    engine_destroy(engine);
    tsdb_close(tsdb);
    return rc;
}

int cmd_promql_explain(int argc, char **argv) {
    struct wish wish = {0};
    struct err err = {0};
    if (!read_wish(argc, argv, &wish)) return usage();
    if ((wish.url ? ask_server : ask_folder)(&wish, &err) == 0) return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}
