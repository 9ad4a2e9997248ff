#include "lib/instrument/family.h"

#include "lib/base/mem.h"
#include "lib/codec/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void write_number(struct buf *out, double value) {
    if (!buf_reserve(out, NUMBER_MAX_TEXT)) return;
    out->len += number_write_general(value, out->data + out->len);
}

/* name{labels,extra="bound"} value; extra may be NULL */
static void write_sample(struct buf *out, const char *name, const char *suffix, const char *labels,
                         const char *extra, double bound, double value) {
    buf_puts(out, name);
    buf_puts(out, suffix);
    if (*labels || extra) {
        buf_putc(out, '{');
        buf_puts(out, labels);
        if (extra) {
            if (*labels) buf_putc(out, ',');
            buf_puts(out, extra);
            buf_puts(out, "=\"");
            write_number(out, bound);
            buf_putc(out, '"');
        }
        buf_putc(out, '}');
    }
    buf_putc(out, ' ');
    write_number(out, value);
    buf_putc(out, '\n');
}

/* The count is the sum of the buckets read here, so it agrees with them whatever other threads do. */
static void write_histogram(const struct family *family, const struct child *child, struct buf *out) {
    const struct histogram *histogram = &child->histogram;
    uint64_t count = 0;
    for (size_t i = 0; i <= histogram->bound_count; i++) {
        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        double bound = i < histogram->bound_count ? histogram->bounds[i] : INFINITY;
        write_sample(out, family->name, "_bucket", child->labels, "le", bound, (double)count);
    }
    write_sample(out, family->name, "_sum", child->labels, NULL, 0, atomic_load(&histogram->sum));
    write_sample(out, family->name, "_count", child->labels, NULL, 0, (double)count);
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void write_summary(const struct family *family, struct child *child, struct buf *out) {
    static const double quantiles[] = {0.01, 0.05, 0.5, 0.9, 0.99};
    struct summary *summary = &child->summary;
    double window[SUMMARY_WINDOW];
    pthread_mutex_lock(&summary->lock);
    uint64_t count = summary->count;
    double sum = summary->sum;
    memcpy(window, summary->window, sizeof window);
    pthread_mutex_unlock(&summary->lock);
    size_t kept = count < SUMMARY_WINDOW ? (size_t)count : SUMMARY_WINDOW;
    qsort(window, kept, sizeof *window, compare_doubles);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double value = kept ? window[(size_t)(quantiles[i] * (double)(kept - 1) + 0.5)] : NAN;
        write_sample(out, family->name, "", child->labels, "quantile", quantiles[i], value);
    }
    write_sample(out, family->name, "_sum", child->labels, NULL, 0, sum);
    write_sample(out, family->name, "_count", child->labels, NULL, 0, (double)count);
}

static void write_child(const struct family *family, struct child *child, struct buf *out) {
    switch (family->type) {
    case METRIC_COUNTER:
        write_sample(out, family->name, "", child->labels, NULL, 0, counter_value(&child->counter));
        break;
    case METRIC_GAUGE:
        write_sample(out, family->name, "", child->labels, NULL, 0, gauge_value(&child->gauge));
        break;
    case METRIC_HISTOGRAM: write_histogram(family, child, out); break;
    case METRIC_SUMMARY: write_summary(family, child, out); break;
    }
}

void family_write(const struct family *family, struct buf *out) {
    static const char *const types[] = {"counter", "gauge", "histogram", "summary"};
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
               types[family->type]);
    for (struct child *child = family->children; child; child = child->next) write_child(family, child, out);
}

static void child_destroy(const struct family *family, struct child *child) {
    if (family->type == METRIC_HISTOGRAM) mem_free(child->histogram.buckets);
    if (family->type == METRIC_SUMMARY) pthread_mutex_destroy(&child->summary.lock);
    mem_free(child->labels);
    mem_free(child);
}

void family_remove(struct family *family, const char *labels) {
    struct child **place = &family->children;
    while (*place && strcmp((*place)->labels, labels) != 0) place = &(*place)->next;
    struct child *child = *place;
    if (!child) return;
    *place = child->next;
    child_destroy(family, child);
}

void family_destroy(struct family *family) {
    for (struct child *child = family->children; child;) {
        struct child *next = child->next;
        child_destroy(family, child);
        child = next;
    }
    mem_free(family->name);
    mem_free(family->help);
    mem_free(family->bounds);
    mem_free(family);
}
