#include "cmd/rule_test.h"

#include "cmd/promql_test_histogram.h"
#include "lib/base/mem.h"
#include "lib/codec/regex.h"
#include "lib/model/duration.h"
#include "promql/eval/engine.h"
#include "promql/rules/group.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * As promtool does it: all input is there before the first evaluation; groups are evaluated every
 * evaluation_interval; alerts of a time are those of the last evaluation at or before it.
 */

struct run {
    const struct test_file *file;
    const struct test_group *test;
    const struct rule_test_options *options;
    struct buf *why;
    struct arena arena;
    struct tsdb *store;
    struct engine *engine;
    struct rule_env env;
    struct rule_set *set;
    struct rule_group **groups;
    int64_t start_ms;
};

bool rule_test_is_wanted(const struct rule_test_options *options, const struct test_group *test) {
    struct span captures[1];
    return !options->names ||
           regex_find(options->names, span_from(test->name ? test->name : ""), 0, captures, 1);
}

/* ---- data ---- */

static void on_done(struct append_batch *batch) {
    (void)batch; /* the store is in memory: done before append returns, its maker destroys it */
}

static int append_series(struct run *r, const struct test_series *series, struct err *err) {
    struct series_ref ref;
    int rc = appender_resolve(tsdb_appender(r->store), &series->labels, 1, &ref, NULL, err);
    if (rc) return rc;
    struct append_batch *batch = append_batch_create(series->count + 1, true, on_done, NULL);
    for (size_t k = 0; k < series->count && !rc; k++) {
        int64_t time_ms = r->start_ms + (int64_t)k * r->test->interval_ms;
        const struct test_value *value = &series->values[k];
        if (value->kind == TEST_VALUE_FLOAT) append_batch_add(batch, ref, value->number, time_ms);
        if (value->kind == TEST_VALUE_HISTOGRAM)
            rc = append_batch_add_histogram(batch, ref, value->histogram.value, time_ms, err);
    }
    if (!rc && batch->count) appender_append(tsdb_appender(r->store), batch);
    if (!rc) rc = batch->rc;
    append_batch_destroy(batch);
    return rc;
}

static int load_input(struct run *r, struct err *err) {
    for (size_t i = 0; i < r->test->input_series.count; i++) {
        const struct test_input *input = &r->test->input_series.items[i];
        struct test_series series = {0};
        char *line = arena_printf(&r->arena, "%s %s", input->series, input->values ? input->values : "");
        if (!line) return arena_limit(&r->arena, "test", err);
        int rc = promql_test_series(span_trim(span_from(line)), &r->arena, &series, err);
        if (!rc) rc = append_series(r, &series, err);
        if (rc) return err_wrap(err, rc, "input series \"%s\"", input->series);
    }
    return 0;
}

/* ---- groups ---- */

static size_t order_of(const struct run *r, const struct rule_group *group) {
    const struct strings *order = &r->file->group_eval_order;
    for (size_t i = 0; i < order->count; i++)
        if (strcmp(order->items[i], group->config->name) == 0) return i;
    return order->count;
}

static int make_groups(struct run *r, struct err *err) {
    static struct config_errors errors;
    struct rule_set_options options = {.interval_ms = r->test->interval_ms,
                                       .external_labels = r->test->external_labels,
                                       .external_url = r->test->external_url,
                                       .ignores_unknown = r->options->ignores_unknown};
    if (rule_set_load(&r->file->rule_files, &options, &r->set, &errors)) {
        struct buf line;
        buf_init(&line, 1 << 16);
        config_error_write(&errors.items[0], &line);
        err_set(err, ERR_INVALID, "%s", buf_text(&line));
        buf_release(&line);
        return ERR_INVALID;
    }
    r->groups = mem_array(r->set->group_count + 1, sizeof *r->groups);
    for (size_t i = 0; i < r->set->group_count; i++) {
        struct rule_group *group = rule_group_create(&r->env, r->set, &r->set->groups[i]);
        size_t at = i;
        for (size_t k = 0; k < group->config->rule_count; k++) group->rules[k].alerts.is_restored = true;
        for (; at > 0 && order_of(r, r->groups[at - 1]) > order_of(r, group); at--)
            r->groups[at] = r->groups[at - 1];
        r->groups[at] = group;
    }
    return 0;
}

static void eval_groups(struct run *r, int64_t time_ms) {
    for (size_t i = 0; i < r->set->group_count; i++) {
        struct rule_group *group = r->groups[i];
        rule_group_eval(group, time_ms);
        for (size_t k = 0; k < group->config->rule_count; k++)
            if (group->rules[k].last_error[0])
                buf_printf(r->why, "    rule: %s, time: %llds, err: %s\n", group->rules[k].rule->name,
                           (long long)(time_ms - r->start_ms) / 1000, group->rules[k].last_error);
    }
}

/* ---- comparing texts ---- */

struct lines {
    struct buf text; /* sorted lines */
    VEC(char *) items;
};

static void lines_init(struct lines *lines) {
    *lines = (struct lines){0};
    buf_init(&lines->text, 4 << 20);
}

static void lines_release(struct lines *lines) {
    for (size_t i = 0; i < lines->items.count; i++) mem_free(lines->items.items[i]);
    vec_release(&lines->items);
    buf_release(&lines->text);
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_sort(struct lines *lines) {
    if (lines->items.count) qsort(lines->items.items, lines->items.count, sizeof(char *), compare_lines);
    for (size_t i = 0; i < lines->items.count; i++)
        buf_printf(&lines->text, "            %s\n", lines->items.items[i]);
    if (!lines->items.count) buf_puts(&lines->text, "            []\n");
}

static void lines_take(struct lines *lines, struct buf *line) {
    *vec_push(&lines->items) = mem_strndup(line->data ? line->data : "", line->len);
    buf_release(line);
}

static bool has_line(const struct lines *lines, const char *line) {
    for (size_t i = 0; i < lines->items.count; i++)
        if (strcmp(lines->items.items[i], line) == 0) return true;
    return false;
}

static void write_difference(struct run *r, const struct lines *expected, const struct lines *got) {
    for (size_t i = 0; i < expected->items.count; i++)
        buf_printf(r->why, "          %c %s\n", has_line(got, expected->items.items[i]) ? ' ' : '-',
                   expected->items.items[i]);
    for (size_t i = 0; i < got->items.count; i++)
        if (!has_line(expected, got->items.items[i]))
            buf_printf(r->why, "          + %s\n", got->items.items[i]);
}

static void complain(struct run *r, const char *what, const char *subject, int64_t eval_ms,
                     struct lines *expected, struct lines *got) {
    struct buf time;
    buf_init(&time, 64);
    duration_write(eval_ms, &time);
    if (r->test->name) buf_printf(r->why, "    name: %s,\n", r->test->name);
    buf_printf(r->why, "    %s: %s, time: %s,\n", what, subject, buf_text(&time));
    if (r->options->diff)
        write_difference(r, expected, got);
    else
        buf_printf(r->why, "        exp:\n%s        got:\n%s", buf_text(&expected->text),
                   buf_text(&got->text));
    buf_release(&time);
}

/* ---- alerts ---- */

static void add_alert(struct lines *lines, struct labels labels, struct labels annotations) {
    struct buf line;
    buf_init(&line, 1 << 20);
    buf_puts(&line, "Labels:");
    labels_write(labels, &line);
    buf_puts(&line, " Annotations:");
    labels_write(annotations, &line);
    lines_take(lines, &line);
}

static void add_expected(struct run *r, struct lines *lines, const struct test_alerts *test) {
    for (size_t i = 0; i < test->exp_alerts.count; i++) {
        const struct test_alert *alert = &test->exp_alerts.items[i];
        struct label_builder builder;
        struct labels labels = {0};
        label_builder_init(&builder, &r->arena, alert->exp_labels);
        label_builder_set(&builder, SPAN("alertname"), span_from(test->alertname));
        (void)label_builder_finish(&builder, &labels, NULL); /* the arena is far larger than a file */
        add_alert(lines, labels, alert->exp_annotations);
    }
}

static void add_firing(struct run *r, struct lines *lines, const char *name) {
    for (size_t i = 0; i < r->set->group_count; i++)
        for (size_t k = 0; k < r->groups[i]->config->rule_count; k++) {
            const struct rule_state *state = &r->groups[i]->rules[k];
            if (!state->rule->is_alert || strcmp(state->rule->name, name) != 0) continue;
            for (size_t a = 0; a < state->alerts.items.count; a++) {
                const struct alert *alert = state->alerts.items.items[a];
                if (alert->state == ALERT_FIRING) add_alert(lines, alert->labels, alert->annotations);
            }
        }
}

static void check_alerts(struct run *r, const struct test_alerts *test) {
    struct lines expected, got;
    lines_init(&expected);
    lines_init(&got);
    add_expected(r, &expected, test);
    add_firing(r, &got, test->alertname);
    lines_sort(&expected);
    lines_sort(&got);
    if (!span_equal(buf_view(&expected.text), buf_view(&got.text)))
        complain(r, "alertname", test->alertname, test->eval_time_ms, &expected, &got);
    lines_release(&expected);
    lines_release(&got);
}

/* those whose time is at or after this evaluation and before the next */
static void check_alerts_at(struct run *r, int64_t since_start_ms) {
    for (size_t i = 0; i < r->test->alert_rule_test.count; i++) {
        const struct test_alerts *test = &r->test->alert_rule_test.items[i];
        if (test->eval_time_ms >= since_start_ms &&
            test->eval_time_ms < since_start_ms + r->file->evaluation_interval_ms)
            check_alerts(r, test);
    }
}

/* ---- expressions ---- */

static int read_sample(struct run *r, const struct test_sample *sample, struct test_series *series,
                       struct err *err) {
    const char *labels = sample->labels && *sample->labels ? sample->labels : "{}";
    char *line = arena_printf(&r->arena, "%s %s", labels, sample->histogram ? sample->histogram : "0");
    *series = (struct test_series){0};
    if (!line) return arena_limit(&r->arena, "test", err);
    int rc = promql_test_series(span_from(line), &r->arena, series, err);
    if (!rc && series->count != 1) rc = err_set(err, ERR_INVALID, "one value was expected");
    if (rc) return err_wrap(err, rc, "exp_samples: %s", line);
    if (!sample->histogram) series->values[0].number = sample->value;
    return 0;
}

static int read_samples(struct run *r, const struct test_expr *test, struct test_series **samples,
                        struct err *err) {
    int rc = 0;
    *samples = arena_array(&r->arena, test->exp_samples.count + 1, sizeof **samples);
    if (!*samples) return arena_limit(&r->arena, "test", err);
    for (size_t i = 0; i < test->exp_samples.count && !rc; i++)
        rc = read_sample(r, &test->exp_samples.items[i], &(*samples)[i], err);
    return rc;
}

static void add_value(struct lines *lines, struct labels labels, double value,
                      const struct histogram *histogram) {
    struct buf line;
    buf_init(&line, 1 << 20);
    labels_write(labels, &line);
    buf_putc(&line, ' ');
    if (histogram)
        promql_test_histogram_show(&line, histogram);
    else if (isnan(value))
        buf_puts(&line, "nan");
    else
        buf_printf(&line, "%.17g", value);
    lines_take(lines, &line);
}

/* floats differ at most by their last bit, when the file asks for that */
static bool agrees(struct run *r, const struct test_value *wanted, double value,
                   const struct histogram *histogram) {
    if (histogram || wanted->kind == TEST_VALUE_HISTOGRAM)
        return histogram && wanted->kind == TEST_VALUE_HISTOGRAM &&
               promql_test_histogram_agrees(&wanted->histogram, histogram, &r->arena);
    return r->file->fuzzy_compare &&
           (nextafter(value, INFINITY) == wanted->number || nextafter(value, -INFINITY) == wanted->number);
}

/* what agrees with the sample expected of its labels is written as that, so that lines are equal */
static void add_got(struct run *r, struct lines *got, const struct test_expr *test,
                    const struct test_series *samples, struct labels labels, double value,
                    const struct histogram *histogram) {
    for (size_t i = 0; i < test->exp_samples.count; i++) {
        const struct test_value *wanted = &samples[i].values[0];
        if (!labels_equal(samples[i].labels, labels) || !agrees(r, wanted, value, histogram)) continue;
        value = wanted->number;
        histogram = wanted->histogram.value;
        break;
    }
    add_value(got, labels, value, histogram);
}

static int ask(struct run *r, const struct test_expr *test, const struct test_series *samples,
               struct lines *got, struct err *err) {
    int64_t time_ms = r->start_ms + test->eval_time_ms;
    struct query query = {.text = span_from(test->expr), .start_ms = time_ms, .end_ms = time_ms};
    struct query_result *result;
    enum query_failure failure;
    int rc = engine_run(r->engine, tsdb_queryable(r->store), &query, &result, &failure, err);
    if (rc) return rc;
    if (result->type == VALUE_SCALAR)
        add_got(r, got, test, samples, (struct labels){0}, result->scalar, NULL);
    for (size_t i = 0; result->type == VALUE_VECTOR && i < result->row_count; i++) {
        const struct result_row *row = &result->rows[i];
        add_got(r, got, test, samples, row->labels, row->values[0],
                row->histograms ? row->histograms[0] : NULL);
    }
    query_result_destroy(result);
    return 0;
}

static void check_expr(struct run *r, const struct test_expr *test) {
    struct lines expected, got;
    struct test_series *samples = NULL;
    struct err err = {0};
    lines_init(&expected);
    lines_init(&got);
    int rc = read_samples(r, test, &samples, &err);
    for (size_t i = 0; i < test->exp_samples.count && !rc; i++) {
        const struct test_value *value = &samples[i].values[0];
        add_value(&expected, samples[i].labels, value->number,
                  value->kind == TEST_VALUE_HISTOGRAM ? value->histogram.value : NULL);
    }
    if (!rc) rc = ask(r, test, samples, &got, &err);
    lines_sort(&expected);
    lines_sort(&got);
    if (rc)
        buf_printf(r->why, "    expr: \"%s\", err: %s\n", test->expr, err.text);
    else if (!span_equal(buf_view(&expected.text), buf_view(&got.text)))
        complain(r, "expr", test->expr, test->eval_time_ms, &expected, &got);
    lines_release(&expected);
    lines_release(&got);
}

/* ---- the whole ---- */

static int64_t last_time(const struct test_group *test) {
    int64_t last_ms = 0;
    for (size_t i = 0; i < test->alert_rule_test.count; i++)
        if (test->alert_rule_test.items[i].eval_time_ms > last_ms)
            last_ms = test->alert_rule_test.items[i].eval_time_ms;
    for (size_t i = 0; i < test->promql_expr_test.count; i++)
        if (test->promql_expr_test.items[i].eval_time_ms > last_ms)
            last_ms = test->promql_expr_test.items[i].eval_time_ms;
    return last_ms;
}

static int prepare(struct run *r, struct err *err) {
    struct tsdb_options store = {.take_any_time = true};
    struct engine_options engine = {.default_step_ms = r->file->evaluation_interval_ms};
    r->engine = engine_create(&engine, NULL);
    int rc = tsdb_open(&store, NULL, &r->store, err);
    if (!rc && r->test->start_timestamp)
        rc = time_parse(span_from(r->test->start_timestamp), &r->start_ms, err);
    if (rc) return rc;
    r->env = (struct rule_env){
        .engine = r->engine, .queryable = tsdb_queryable(r->store), .appender = tsdb_appender(r->store)};
    rc = load_input(r, err);
    return rc ? rc : make_groups(r, err);
}

void rule_test_run(const struct test_file *file, const struct test_group *test,
                   const struct rule_test_options *options, struct buf *why) {
    struct run r = {.file = file, .test = test, .options = options, .why = why};
    struct err err = {0};
    arena_init(&r.arena, (size_t)1 << 30, NULL);
    if (prepare(&r, &err)) {
        buf_printf(why, "    %s\n", err.text);
    } else {
        int64_t last_ms = last_time(test);
        for (int64_t at = 0; at <= last_ms; at += file->evaluation_interval_ms) {
            eval_groups(&r, r.start_ms + at);
            check_alerts_at(&r, at);
        }
        for (size_t i = 0; i < test->promql_expr_test.count; i++)
            check_expr(&r, &test->promql_expr_test.items[i]);
    }
    for (size_t i = 0; r.groups && i < r.set->group_count; i++) rule_group_unref(r.groups[i]);
    mem_free(r.groups);
    rule_set_unref(r.set);
    engine_destroy(r.engine);
    tsdb_close(r.store);
    arena_release(&r.arena);
}
