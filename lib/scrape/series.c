#include "lib/scrape/series.h"

#include "lib/relabel/relabel.h"

#include <string.h>

#define QUOTED_RUNES 50
#define QUOTED_MAX ((size_t)64 << 10)

/* exported_ until the name is free, among the labels of the target, too, that are still to come */
static int move_aside(struct label_builder *builder, struct labels own, struct span name, struct span value,
                      struct err *err) {
    do {
        char *longer = arena_alloc(builder->arena, name.len + 9);
        if (!longer) return arena_limit(builder->arena, "new series of a scrape", err);
        memcpy(longer, "exported_", 9);
        memcpy(longer + 9, name.ptr, name.len);
        name = span_of(longer, name.len + 9);
    } while (label_builder_get(builder, name).len || labels_get(own, name).len);
    label_builder_set(builder, name, value);
    return 0;
}

static size_t skip_blanks(struct span text, size_t i) {
    while (i < text.len && (text.ptr[i] == ' ' || text.ptr[i] == '\t')) i++;
    return i;
}

/* Does the series say name=""? Such a label is no label, but with honor_labels it takes the target's away.
 * Inside of a value a quote is escaped, so what looks like this can only be a label. */
static bool is_exposed_empty(struct span series, struct span name) {
    for (size_t i = 1; i + name.len + 3 <= series.len; i++) {
        if (!strchr("{, \t", series.ptr[i - 1]) || memcmp(series.ptr + i, name.ptr, name.len) != 0) continue;
        size_t at = skip_blanks(series, i + name.len);
        if (at == series.len || series.ptr[at] != '=') continue;
        at = skip_blanks(series, at + 1);
        if (at + 2 <= series.len && memcmp(series.ptr + at, "\"\"", 2) == 0) return true;
    }
    return false;
}

/* The target's labels win over the exposed ones, which are renamed; with honor_labels the exposed ones win,
 * also when they are empty. */
static int join_labels(const struct target *target, struct span text, struct labels exposed,
                       struct label_builder *builder, struct err *err) {
    for (uint32_t i = 0; i < target->labels.count; i++) {
        const struct label *own = &target->labels.items[i];
        struct span there = labels_get(exposed, own->name);
        if (target->job->honor_labels && (there.len || is_exposed_empty(text, own->name))) continue;
        label_builder_set(builder, own->name, own->value);
        int rc = there.len ? move_aside(builder, target->labels, own->name, there, err) : 0;
        if (rc) return rc;
    }
    return 0;
}

/* the first characters of a text, as many as upstream's messages show */
static struct span beginning(struct span text) {
    size_t runes = 0, i = 0;
    for (; i < text.len; i++)
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80 && runes++ == QUOTED_RUNES) break;
    return span_of(text.ptr, i);
}

static int value_too_long(struct span metric, const struct label *label, size_t max, struct err *err) {
    struct buf quoted;
    buf_init(&quoted, QUOTED_MAX);
    text_write_quoted(beginning(label->value), &quoted);
    int rc = err_set(err, ERR_LIMIT,
                     "label_value_length_limit exceeded (metric: %.*s, label name: %.*s, value: %s, length: "
                     "%zu, limit: %zu)",
                     SPAN_ARG(beginning(metric)), SPAN_ARG(beginning(label->name)), buf_text(&quoted),
                     label->value.len, max);
    buf_release(&quoted);
    return rc;
}

/* the job's limit, or else the server's; 0: none */
static size_t limit_of(uint64_t of_job, size_t of_server) {
    return of_job ? (size_t)of_job : of_server;
}

static int check_limits(const struct scrape_config *job, const struct scrape_limits *limits,
                        struct labels labels, struct err *err) {
    size_t count_max = limit_of(job->label_limit, limits->labels), bytes = 0;
    size_t name_max = limit_of(job->label_name_length_limit, limits->label_name_bytes);
    size_t value_max = limit_of(job->label_value_length_limit, limits->label_value_bytes);
    struct span metric = labels_get(labels, SPAN(LABEL_NAME));
    if (count_max && labels.count > count_max)
        return err_set(err, ERR_LIMIT,
                       "label_limit exceeded (metric: %.*s, number of labels: %u, limit: %zu)",
                       SPAN_ARG(beginning(metric)), labels.count, count_max);
    for (uint32_t i = 0; i < labels.count; i++) {
        const struct label *label = &labels.items[i];
        bytes += label->name.len + label->value.len;
        if (name_max && label->name.len > name_max)
            return err_set(
                err, ERR_LIMIT,
                "label_name_length_limit exceeded (metric: %.*s, label name: %.*s, length: %zu, limit: %zu)",
                SPAN_ARG(beginning(metric)), SPAN_ARG(beginning(label->name)), label->name.len, name_max);
        if (value_max && label->value.len > value_max) return value_too_long(metric, label, value_max, err);
    }
    if (limits->label_bytes && bytes > limits->label_bytes)
        return err_set(err, ERR_LIMIT,
                       "labels exceed --scrape.max-label-bytes (metric: %.*s, length: %zu, limit: %zu)",
                       SPAN_ARG(beginning(metric)), bytes, limits->label_bytes);
    return 0;
}

static int check_names(const struct target *target, struct labels labels, struct err *err) {
    if (!labels_has(labels, SPAN(LABEL_NAME)))
        return err_set(err, ERR_INVALID, "missing metric name (__name__ label)");
    if (labels_are_valid(labels, target->is_legacy)) return 0;
    struct buf text;
    buf_init(&text, QUOTED_MAX);
    labels_write(labels, &text);
    int rc = err_set(err, ERR_INVALID, "invalid metric name or label names: %s", buf_text(&text));
    buf_release(&text);
    return rc;
}

int series_labels(const struct target *target, const struct scrape_limits *limits, struct span text,
                  struct labels exposed, struct arena *arena, struct labels *labels, enum series_fault *fault,
                  struct err *err) {
    struct label_builder builder;
    struct labels all = {0};
    bool kept = true;
    label_builder_init(&builder, arena, exposed);
    *fault = SERIES_BAD;
    int rc = join_labels(target, text, exposed, &builder, err);
    if (!rc) rc = relabel_run(target->metric_rules, &builder, &kept, err);
    if (!rc && kept) rc = label_builder_finish(&builder, &all, err);
    if (!rc && all.count) rc = check_names(target, all, err);
    if (rc) return rc;
    *fault = SERIES_OVER_LABEL_LIMITS;
    rc = check_limits(target->job, limits, all, err);
    if (rc) return rc;
    *fault = SERIES_FINE;
    *labels = all;
    return 0;
}
