#include "lib/codec/number.h"
#include "lib/codec/regex.h"
#include "lib/expose/expose.h"
#include "lib/instrument/instrument.h"
#include "web/api/inside.h"

#include <math.h>
#include <stdio.h>

/*
 * The server's own metrics as JSON, in the words of io.prometheus.client.MetricFamily:
 *
 *     [{"name":"a_total","help":"...","type":"COUNTER","metric":[{"label":[{"name":..,"value":..}],"counter":{"value":1}}]}]
 *
 * They are read back from the text that /metrics shows, so that both say the same.
 */

#define EXPOSITION_MAX ((size_t)64 << 20)

struct row {
    struct span name;     /* with _bucket, _sum, _count */
    struct labels labels; /* without __name__ and the label below */
    struct span edge;     /* value of le or quantile */
    double value;
};

struct family {
    struct span name, type, help;
    struct row *rows;
    size_t count, capacity;
};

struct reading {
    struct exchange *exchange;
    struct json_writer *json;
    struct regex *wanted; /* NULL: all */
    struct family family;
};

/* a number as protocol buffers write it in JSON */
static void write_number(struct json_writer *json, const char *key, double value) {
    json_key(json, key);
    if (isnan(value))
        json_cstring(json, "NaN");
    else if (isinf(value))
        json_cstring(json, value > 0 ? "Infinity" : "-Infinity");
    else
        json_double(json, value);
}

static void write_count(struct json_writer *json, const char *key, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.0f", value);
    json_key(json, key);
    json_cstring(json, text);
}

static void write_labels(struct json_writer *json, struct labels labels) {
    if (!labels.count) return;
    json_key(json, "label");
    json_array(json);
    for (uint32_t i = 0; i < labels.count; i++) {
        json_object(json);
        json_key(json, "name");
        json_string(json, labels.items[i].name);
        json_key(json, "value");
        json_string(json, labels.items[i].value);
        json_end_object(json);
    }
    json_end_array(json);
}

static double edge_of(const struct row *row) {
    double edge = NAN;
    (void)number_parse(row->edge, &edge);
    return edge;
}

/* the rows of one histogram or summary: sum and count, then those with an edge */
static void write_parts(struct json_writer *json, const struct row *rows, size_t count, bool is_histogram) {
    const char *list = is_histogram ? "bucket" : "quantile";
    size_t edges = 0;
    json_key(json, is_histogram ? "histogram" : "summary");
    json_object(json);
    for (size_t i = 0; i < count; i++) {
        if (span_ends_with(rows[i].name, SPAN("_count"))) write_count(json, "sampleCount", rows[i].value);
        if (span_ends_with(rows[i].name, SPAN("_sum"))) write_number(json, "sampleSum", rows[i].value);
        edges += rows[i].edge.len > 0;
    }
    if (edges) {
        json_key(json, list);
        json_array(json);
    }
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].edge.len) continue;
        json_object(json);
        write_number(json, is_histogram ? "upperBound" : "quantile", edge_of(&rows[i]));
        if (is_histogram)
            write_count(json, "cumulativeCount", rows[i].value);
        else
            write_number(json, "value", rows[i].value);
        json_end_object(json);
    }
    if (edges) json_end_array(json);
    json_end_object(json);
}

/* rows of one set of labels stand together; answers how many there are */
static size_t write_metric(struct json_writer *json, const struct family *family, size_t at) {
    const struct row *rows = family->rows + at;
    bool is_histogram = span_is(family->type, "histogram"), is_summary = span_is(family->type, "summary");
    size_t count = 1;
    while ((is_histogram || is_summary) && at + count < family->count &&
           labels_equal(rows[0].labels, rows[count].labels))
        count++;
    json_object(json);
    write_labels(json, rows[0].labels);
    if (is_histogram || is_summary) {
        write_parts(json, rows, count, is_histogram);
    } else {
        json_key(json, span_is(family->type, "counter") ? "counter" : "gauge");
        json_object(json);
        write_number(json, "value", rows[0].value);
        json_end_object(json);
    }
    json_end_object(json);
    return count;
}

static void end_family(struct reading *reading) {
    struct json_writer *json = reading->json;
    struct family *family = &reading->family;
    if (family->count && (!reading->wanted || regex_matches(reading->wanted, family->name))) {
        char type[16];
        snprintf(type, sizeof type, "%.*s", SPAN_ARG(family->type));
        for (char *c = type; *c; c++) *c &= ~0x20; /* upper case */
        json_object(json);
        json_key(json, "name");
        json_string(json, family->name);
        json_key(json, "help");
        json_string(json, family->help);
        json_key(json, "type");
        json_cstring(json, type);
        json_key(json, "metric");
        json_array(json);
        for (size_t i = 0; i < family->count;) i += write_metric(json, family, i);
        json_end_array(json);
        json_end_object(json);
    }
    family->count = 0;
}

static int add_row(struct reading *reading, const struct expose_reader *reader,
                   const struct expose_entry *entry, struct err *err) {
    struct arena *arena = exchange_arena(reading->exchange);
    struct family *family = &reading->family;
    struct label_builder builder;
    struct labels labels;
    if (family->count == family->capacity) {
        size_t more = family->capacity ? 2 * family->capacity : 64;
        struct row *rows = arena_array(arena, more, sizeof *rows);
        if (!rows) return arena_limit(arena, "the answer", err);
        if (family->count) memcpy(rows, family->rows, family->count * sizeof *rows);
        family->rows = rows;
        family->capacity = more;
    }
    struct row *row = &family->rows[family->count];
    int rc = expose_labels(entry->series, EXPOSE_UNKNOWN, arena, &labels, err);
    if (!rc) rc = expose_value(reader, entry->value, &row->value, err);
    if (rc) return rc;
    struct span edge = span_is(family->type, "histogram") ? SPAN("le") : SPAN("quantile");
    row->name = labels_get(labels, SPAN(LABEL_NAME));
    row->edge = labels_get(labels, edge);
    label_builder_init(&builder, arena, labels);
    label_builder_set(&builder, SPAN(LABEL_NAME), SPAN(""));
    label_builder_set(&builder, edge, SPAN(""));
    family->count++;
    return label_builder_finish(&builder, &row->labels, err);
}

static int write_families(struct reading *reading, struct span text, struct err *err) {
    struct arena *arena = exchange_arena(reading->exchange);
    struct family *family = &reading->family;
    struct expose_reader reader;
    struct expose_entry entry;
    int rc;
    expose_reader_init(&reader, EXPOSE_TEXT, text);
    while (!(rc = expose_next(&reader, &entry, err)) && entry.kind != EXPOSE_END) {
        if (entry.kind == EXPOSE_SERIES) {
            rc = add_row(reading, &reader, &entry, err);
        } else {
            if (!span_equal(entry.metric, family->name)) end_family(reading);
            family->name = entry.metric;
            if (entry.kind == EXPOSE_TYPE) family->type = entry.text;
            if (entry.kind == EXPOSE_HELP)
                rc = expose_help(entry.text, EXPOSE_TEXT, arena, &family->help, err);
        }
        if (rc) return rc;
    }
    if (!rc) end_family(reading);
    return rc;
}

void api_self_metrics(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct span pattern = web_request_param(exchange_request(exchange), "metric_name_pattern");
    struct answer answer;
    struct reading reading = {.exchange = exchange, .json = &answer.json};
    struct err err = {0};
    struct buf text;
    if (pattern.len && regex_create(&reading.wanted, pattern, &err)) {
        answer_invalid(exchange, "metric_name_pattern", err.text);
        return;
    }
    buf_init(&text, EXPOSITION_MAX);
    if (api->context.registry) registry_write(api->context.registry, &text);
    answer_begin(&answer, exchange);
    json_array(&answer.json);
    int rc = text.failed ? err_set(&err, ERR_LIMIT, "too many metrics")
                         : write_families(&reading, buf_view(&text), &err);
    if (rc) {
        buf_release(&answer.body);
        answer_failure(exchange, rc, err.text);
    } else {
        json_end_array(&answer.json);
        answer_end(&answer);
    }
    buf_release(&text);
    regex_destroy(reading.wanted);
}
