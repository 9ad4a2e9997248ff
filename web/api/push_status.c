/*
 * push_status.c - /api/v1/metrics: the groups that were pushed, as the Pushgateway shows them.
 *
 *     [{"labels":{"job":"a"},"last_push_successful":true,
 *       "x":{"time_stamp":"...","type":"GAUGE","help":"...","metrics":[{"labels":{...},"value":"1"}]}, ...}]
 *
 * Keys stand in the order of their names, as Go writes maps.
 */
#include "lib/push/store.h"

#include "lib/base/mem.h"
#include "lib/codec/number.h"
#include "lib/sys/clock.h"
#include "web/api/inside.h"

#include <stdlib.h>

static void write_number(struct json_writer *json, double value) {
    char text[NUMBER_MAX_TEXT];
    json_string(json, span_of(text, number_write_general(value, text)));
}

/* the labels as an object; with the instance that every metric of a group has */
static void write_labels(struct json_writer *json, struct labels labels, bool adds_instance) {
    bool needs_instance = adds_instance && !labels_has(labels, SPAN("instance"));
    json_object(json);
    for (uint32_t i = 0; i < labels.count; i++) {
        if (needs_instance && span_compare(labels.items[i].name, SPAN("instance")) > 0) {
            json_key(json, "instance");
            json_cstring(json, "");
            needs_instance = false;
        }
        json_key_span(json, labels.items[i].name);
        json_string(json, labels.items[i].value);
    }
    if (needs_instance) {
        json_key(json, "instance");
        json_cstring(json, "");
    }
    json_end_object(json);
}

/* ---- metrics ---- */

struct point_text {
    char at[NUMBER_MAX_TEXT];
    size_t len;
    double value;
};

static int by_text(const void *a, const void *b) {
    const struct point_text *x = a, *y = b;
    return span_compare(span_of(x->at, x->len), span_of(y->at, y->len));
}

/* buckets or quantiles */
static void write_points(struct json_writer *json, const char *name, const struct push_metric *metric) {
    struct point_text *texts = mem_array(metric->point_count + (size_t)1, sizeof *texts);
    for (uint32_t i = 0; i < metric->point_count; i++) {
        texts[i].len = number_write_general(metric->points[i].at, texts[i].at);
        texts[i].value = metric->points[i].value;
    }
    qsort(texts, metric->point_count, sizeof *texts, by_text);
    json_key(json, name);
    json_object(json);
    for (uint32_t i = 0; i < metric->point_count; i++) {
        json_key_span(json, span_of(texts[i].at, texts[i].len));
        write_number(json, texts[i].value);
    }
    json_end_object(json);
    mem_free(texts);
}

static void write_field(struct json_writer *json, const char *name, double value) {
    json_key(json, name);
    write_number(json, value);
}

static void write_metric(struct json_writer *json, enum expose_type type, const struct push_metric *metric) {
    json_object(json);
    if (type == EXPOSE_HISTOGRAM) write_points(json, "buckets", metric);
    if (type == EXPOSE_HISTOGRAM || type == EXPOSE_SUMMARY) write_field(json, "count", metric->count);
    json_key(json, "labels");
    write_labels(json, metric->labels, false);
    if (type == EXPOSE_SUMMARY) write_points(json, "quantiles", metric);
    if (type == EXPOSE_HISTOGRAM || type == EXPOSE_SUMMARY)
        write_field(json, "sum", metric->sum);
    else
        write_field(json, "value", metric->value);
    json_end_object(json);
}

static void open_family(struct json_writer *json, int64_t time_ms, const char *type, struct span help) {
    json_object(json);
    json_key(json, "time_stamp");
    answer_write_time(json, time_ms);
    json_key(json, "type");
    json_cstring(json, type);
    if (help.len) {
        json_key(json, "help");
        json_string(json, help);
    }
    json_key(json, "metrics");
    json_array(json);
}

static void close_family(struct json_writer *json) {
    json_end_array(json);
    json_end_object(json);
}

static void write_family(struct json_writer *json, const struct push_family *family) {
    static const char *const types[] = {[EXPOSE_UNKNOWN] = "UNTYPED",
                                        [EXPOSE_COUNTER] = "COUNTER",
                                        [EXPOSE_GAUGE] = "GAUGE",
                                        [EXPOSE_SUMMARY] = "SUMMARY",
                                        [EXPOSE_HISTOGRAM] = "HISTOGRAM"};
    open_family(json, family->time_ms, types[family->type], family->help);
    for (size_t i = 0; i < family->metrics.count; i++)
        write_metric(json, family->type, family->metrics.items[i]);
    close_family(json);
}

/* ---- groups ---- */

/* what a group has besides its families */
static void write_group_labels(struct json_writer *json, const struct push_group *group) {
    write_labels(json, group->labels, false);
}

static void write_success(struct json_writer *json, const struct push_group *group) {
    json_bool(json, group->pushed_ms > group->failed_ms);
}

static void write_own(struct json_writer *json, const struct push_group *group, int64_t value_ms,
                      const char *help) {
    open_family(json, value_ms ? value_ms : group->created_ms, "GAUGE", span_from(help));
    json_object(json);
    json_key(json, "labels");
    write_labels(json, group->labels, true);
    write_field(json, "value", (double)value_ms / 1000);
    json_end_object(json);
    close_family(json);
}

static void write_failure(struct json_writer *json, const struct push_group *group) {
    write_own(json, group, group->failed_ms, PUSH_FAILURE_HELP);
}

static void write_time(struct json_writer *json, const struct push_group *group) {
    write_own(json, group, group->pushed_ms, PUSH_TIME_HELP);
}

static const struct own_key {
    const char *name;
    void (*write)(struct json_writer *json, const struct push_group *group);
} own_keys[] = {{"labels", write_group_labels},
                {"last_push_successful", write_success},
                {PUSH_FAILURE_NAME, write_failure},
                {PUSH_TIME_NAME, write_time}};

#define OWN_KEYS (sizeof own_keys / sizeof *own_keys)

/* families are sorted as the own keys are; of two of one name the family is shown */
static void write_group(const struct push_group *group, void *context) {
    struct json_writer *json = context;
    size_t own = 0, i = 0;
    json_object(json);
    while (own < OWN_KEYS || i < group->families.count) {
        const struct push_family *family = i < group->families.count ? group->families.items[i] : NULL;
        int order = !family           ? 1
                    : own == OWN_KEYS ? -1
                                      : span_compare(family->name, span_from(own_keys[own].name));
        if (order <= 0) {
            json_key_span(json, family->name);
            write_family(json, family);
            i++;
        } else {
            json_key(json, own_keys[own].name);
            own_keys[own].write(json, group);
        }
        own += order >= 0;
    }
    json_end_object(json);
}

void api_push_metrics(struct exchange *exchange, void *context) {
    struct push_store *store = api_push_store(exchange, api_of(context));
    struct answer answer;
    if (!store) return;
    answer_begin(&answer, exchange);
    json_array(&answer.json);
    push_store_visit(store, clock_wall_ms(), write_group, &answer.json);
    json_end_array(&answer.json);
    answer_end(&answer);
}
