/*
 * write.c - the store in the text format, as its scraper reads it.
 */
#include "lib/codec/number.h"
#include "lib/push/inside.h"

#include <math.h>

static void write_number(double value, struct buf *out) {
    char text[NUMBER_MAX_TEXT];
    buf_append(out, text, number_write_general(value, text));
}

static void write_escaped(struct span text, bool is_quoted, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\\' || (c == '"' && is_quoted))
            buf_putc(out, '\\'), buf_putc(out, c);
        else
            buf_putc(out, c);
    }
}

static void write_label(struct span name, struct span value, char before, struct buf *out) {
    buf_putc(out, before);
    buf_span(out, name);
    buf_puts(out, "=\"");
    write_escaped(value, true, out);
    buf_putc(out, '"');
}

/* extra: another label of that number, or NULL */
static void write_row(struct span name, const char *suffix, struct labels labels, const char *extra,
                      double at, double value, struct buf *out) {
    char before = '{';
    buf_span(out, name);
    buf_puts(out, suffix);
    for (uint32_t i = 0; i < labels.count; i++, before = ',')
        write_label(labels.items[i].name, labels.items[i].value, before, out);
    if (extra) {
        char text[NUMBER_MAX_TEXT];
        write_label(span_from(extra), span_of(text, number_write_general(at, text)), before, out);
        before = ',';
    }
    buf_puts(out, before == ',' ? "} " : " ");
    write_number(value, out);
    buf_putc(out, '\n');
}

static void write_metric(const struct push_family *family, const struct push_metric *metric, bool is_whole,
                         struct buf *out) {
    bool is_histogram = family->type == EXPOSE_HISTOGRAM, has_infinity = !is_whole;
    if (!is_histogram && family->type != EXPOSE_SUMMARY) {
        write_row(family->name, "", metric->labels, NULL, 0, metric->value, out);
        return;
    }
    for (uint32_t i = 0; i < metric->point_count; i++) {
        const struct push_point *point = &metric->points[i];
        has_infinity |= point->at == (double)INFINITY;
        write_row(family->name, is_histogram ? "_bucket" : "", metric->labels,
                  is_histogram ? "le" : "quantile", point->at, point->value, out);
    }
    if (is_histogram && !has_infinity)
        write_row(family->name, "_bucket", metric->labels, "le", (double)INFINITY, metric->count, out);
    write_row(family->name, "_sum", metric->labels, NULL, 0, metric->sum, out);
    write_row(family->name, "_count", metric->labels, NULL, 0, metric->count, out);
}

static void write_head(struct span name, struct span help, const char *type, struct buf *out) {
    if (help.len) {
        buf_puts(out, "# HELP ");
        buf_span(out, name);
        buf_putc(out, ' ');
        write_escaped(help, false, out);
        buf_putc(out, '\n');
    }
    buf_puts(out, "# TYPE ");
    buf_span(out, name);
    buf_putc(out, ' ');
    buf_puts(out, type);
    buf_putc(out, '\n');
}

void push_family_write_head(const struct push_family *family, struct buf *out) {
    const char *type = family->type == EXPOSE_UNKNOWN ? "untyped" : expose_type_name(family->type);
    write_head(family->name, family->help, type, out);
}

void push_family_write(const struct push_family *family, bool is_whole, struct buf *out) {
    for (size_t i = 0; i < family->metrics.count; i++)
        write_metric(family, family->metrics.items[i], is_whole, out);
}

/* ---- what is told of every group ---- */

struct own_family {
    struct buf *out;
    bool is_failure;
};

static void write_own_row(const struct push_group *group, void *context) {
    const struct own_family *own = context;
    struct span name = own->is_failure ? SPAN(PUSH_FAILURE_NAME) : SPAN(PUSH_TIME_NAME);
    double seconds = (double)(own->is_failure ? group->failed_ms : group->pushed_ms) / 1000;
    /* an empty instance, so that the scraper's own is not taken */
    bool has_instance = labels_has(group->labels, SPAN("instance"));
    if (has_instance) {
        write_row(name, "", group->labels, NULL, 0, seconds, own->out);
        return;
    }
    buf_span(own->out, name);
    buf_puts(own->out, "{instance=\"\"");
    for (uint32_t i = 0; i < group->labels.count; i++)
        write_label(group->labels.items[i].name, group->labels.items[i].value, ',', own->out);
    buf_puts(own->out, "} ");
    write_number(seconds, own->out);
    buf_putc(own->out, '\n');
}

static void write_families(const struct push_store *store, struct buf *out) {
    struct push_view view = {0};
    push_view_make(&view, store);
    for (size_t i = 0; i < view.items.count; i++) {
        const struct push_family *family = view.items.items[i];
        bool is_first = i == 0 || !span_equal(family->name, view.items.items[i - 1]->name);
        if (is_first) push_family_write_head(family, out);
        push_family_write(family, true, out);
    }
    push_view_release(&view);
}

void push_store_write(struct push_store *store, int64_t now_ms, struct buf *out) {
    static const struct {
        const char *name, *help;
    } own[] = {{PUSH_TIME_NAME, PUSH_TIME_HELP}, {PUSH_FAILURE_NAME, PUSH_FAILURE_HELP}};
    for (size_t i = 0; i < 2; i++) {
        struct own_family family = {out, i == 1};
        write_head(span_from(own[i].name), span_from(own[i].help), "gauge", out);
        push_store_visit(store, now_ms, write_own_row, &family);
    }
    mutex_lock(&store->lock);
    write_families(store, out);
    mutex_unlock(&store->lock);
}
