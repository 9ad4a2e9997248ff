#include "lib/expose/metric.h"

#include "lib/codec/number.h"
#include "lib/codec/protobuf.h"
#include "lib/expose/expose.h"

#include <math.h>

const char *expose_type_name(enum expose_type type) {
    static const char *const names[] = {
        [EXPOSE_UNKNOWN] = "unknown",     [EXPOSE_COUNTER] = "counter",
        [EXPOSE_GAUGE] = "gauge",         [EXPOSE_SUMMARY] = "summary",
        [EXPOSE_HISTOGRAM] = "histogram", [EXPOSE_GAUGE_HISTOGRAM] = "gaugehistogram",
        [EXPOSE_INFO] = "info",           [EXPOSE_STATESET] = "stateset",
    };
    return names[type];
}

size_t expose_bound_write(double bound, char *out) {
    size_t len = number_write_general(bound, out);
    struct span text = span_of(out, len);
    bool is_float = span_find_byte(text, '.', 0) < len || span_find_byte(text, 'e', 0) < len;
    if (isfinite(bound) && !is_float) {
        out[len++] = '.';
        out[len++] = '0';
    }
    return len;
}

/* a series text as it grows: name{a="b",c="d" */
struct text {
    struct buf out;
    bool is_open, has_items;
};

static void put_quoted(struct buf *out, struct span text) {
    buf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\\' || c == '"') buf_putc(out, '\\');
        if (c == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, c);
    }
    buf_putc(out, '"');
}

static void next_item(struct text *text) {
    if (!text->is_open) buf_putc(&text->out, '{');
    if (text->has_items) buf_putc(&text->out, ',');
    text->is_open = text->has_items = true;
}

static void put_name(struct text *text, struct span name, const char *suffix) {
    struct buf whole;
    if (metric_name_is_legacy(name)) {
        buf_span(&text->out, name);
        buf_puts(&text->out, suffix);
        return;
    }
    buf_init(&whole, EXPOSE_MAX_LINE);
    buf_span(&whole, name);
    buf_puts(&whole, suffix);
    next_item(text);
    put_quoted(&text->out, buf_view(&whole));
    text->out.failed = text->out.failed || whole.failed;
    buf_release(&whole);
}

static void put_label(struct text *text, struct span name, struct span value) {
    next_item(text);
    if (label_name_is_legacy(name))
        buf_span(&text->out, name);
    else
        put_quoted(&text->out, name);
    buf_putc(&text->out, '=');
    put_quoted(&text->out, value);
}

static void put_labels(struct text *text, struct labels labels) {
    for (uint32_t i = 0; i < labels.count; i++)
        if (!span_is(labels.items[i].name, LABEL_NAME))
            put_label(text, labels.items[i].name, labels.items[i].value);
}

/* LabelPair: 1 name, 2 value */
static void put_wire_label(struct text *text, struct span pair) {
    struct cursor message = cursor_of(pair.ptr, pair.len);
    struct protobuf_field field;
    struct span name = {0}, value = {0};
    while (protobuf_next(&message, &field)) {
        if (field.number == 1) name = field.bytes;
        if (field.number == 2) value = field.bytes;
    }
    put_label(text, name, value);
}

static void put_wire_labels(struct text *text, struct span metric) {
    struct cursor message = cursor_of(metric.ptr, metric.len);
    struct protobuf_field field;
    while (protobuf_next(&message, &field))
        if (field.number == 1) put_wire_label(text, field.bytes);
}

static int finish(struct text *text, struct arena *arena, struct span *result, struct err *err) {
    if (text->is_open) buf_putc(&text->out, '}');
    char *copy = text->out.failed ? NULL : arena_strndup(arena, text->out.data, text->out.len);
    int rc = copy ? 0
                  : err_set(err, ERR_LIMIT, "a series of more than %zu bytes, or no memory for it",
                            EXPOSE_MAX_LINE);
    if (copy) *result = span_of(copy, text->out.len);
    buf_release(&text->out);
    return rc;
}

int expose_metric_series(const struct expose_metric *metric, const char *suffix, const char *extra, double at,
                         struct arena *arena, struct span *result, struct err *err) {
    struct text text = {0};
    struct labels labels = {0};
    char bound[NUMBER_MAX_TEXT + 2];
    int rc = metric->is_wire ? 0 : expose_labels(metric->labels, EXPOSE_UNKNOWN, arena, &labels, err);
    if (rc) return rc;
    buf_init(&text.out, EXPOSE_MAX_LINE);
    if (metric->is_wire) {
        put_name(&text, metric->name, suffix);
        put_wire_labels(&text, metric->labels);
    } else {
        put_name(&text, labels_get(labels, SPAN(LABEL_NAME)), suffix);
        put_labels(&text, labels);
    }
    if (extra) put_label(&text, span_from(extra), span_of(bound, expose_bound_write(at, bound)));
    return finish(&text, arena, result, err);
}

int expose_series_text(struct span name, const char *suffix, struct labels labels, struct arena *arena,
                       struct span *result, struct err *err) {
    struct text text = {0};
    buf_init(&text.out, EXPOSE_MAX_LINE);
    put_name(&text, name, suffix);
    put_labels(&text, labels);
    return finish(&text, arena, result, err);
}
