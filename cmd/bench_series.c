#include "cmd/bench_series.h"

#include "lib/base/mem.h"
#include "lib/expose/expose.h"
#include "lib/sys/file.h"

#include <stdio.h>

#define MAX_FILE ((size_t)1 << 30)
#define ARENA_BYTES (4 * EXPOSE_MAX_LINE)

static struct bench_group *add_group(struct bench_series *series) {
    struct bench_group *group = mem_zalloc(sizeof *group);
    *vec_push(&series->groups) = group;
    return group;
}

/* the text of a series becomes one the appender knows; instance empty: as it stands */
static int make_known(struct appender *appender, struct span text, struct span instance,
                      struct series_ref *ref, struct err *err) {
    struct arena arena;
    struct labels labels;
    struct label_builder builder;
    arena_init(&arena, ARENA_BYTES, NULL);
    int rc = expose_labels(text, EXPOSE_UNKNOWN, &arena, &labels, err);
    if (!rc && instance.len) {
        label_builder_init(&builder, &arena, labels);
        label_builder_set(&builder, SPAN("job"), SPAN("bench"));
        label_builder_set(&builder, SPAN("instance"), instance);
        rc = label_builder_finish(&builder, &labels, err);
    }
    if (!rc) rc = appender_resolve(appender, &labels, 1, ref, NULL, err);
    arena_release(&arena);
    return rc;
}

static int generate(struct bench_series *series, size_t max_series, struct appender *appender,
                    struct err *err) {
    int rc = 0;
    for (size_t target = 0; series->count < max_series && !rc; target++) {
        struct bench_group *group = add_group(series);
        size_t left = max_series - series->count;
        char instance[64];
        int len = snprintf(instance, sizeof instance, "host-%zu:9100", target);
        data_target_init(&group->generated, target, left < BENCH_GROUP ? left : BENCH_GROUP, 1);
        for (; group->count < group->generated.series_count && !rc; group->count++) {
            const struct data_line *line = &group->generated.lines[group->count];
            rc = make_known(
                appender,
                span_of(buf_text(&group->generated.text) + line->text_at, line->end - line->text_at),
                span_of(instance, (size_t)len), &group->refs[group->count], err);
        }
        series->count += group->count;
    }
    return rc;
}

static int take_line(struct bench_series *series, const struct expose_reader *reader,
                     const struct expose_entry *entry, struct appender *appender, struct err *err) {
    struct bench_group *group =
        series->count % BENCH_GROUP ? series->groups.items[series->groups.count - 1] : add_group(series);
    int rc = expose_value(reader, entry->value, &group->values[group->count], err);
    if (!rc) rc = make_known(appender, entry->series, (struct span){0}, &group->refs[group->count], err);
    if (rc) return rc;
    group->count++;
    series->count++;
    return 0;
}

static int read_text(struct bench_series *series, struct span text, size_t max_series,
                     struct appender *appender, struct err *err) {
    struct expose_reader reader;
    struct expose_entry entry = {.kind = EXPOSE_HELP};
    int rc = 0;
    expose_reader_init(&reader, EXPOSE_TEXT, text);
    while (!rc && entry.kind != EXPOSE_END && series->count < max_series) {
        rc = expose_next(&reader, &entry, err);
        if (!rc && entry.kind == EXPOSE_SERIES) rc = take_line(series, &reader, &entry, appender, err);
    }
    return rc;
}

static int read_file(struct bench_series *series, const char *path, size_t max_series,
                     struct appender *appender, struct err *err) {
    struct buf text;
    buf_init(&text, MAX_FILE);
    int rc = file_read_all(file_system_real(), path, &text, err);
    if (!rc) rc = read_text(series, buf_view(&text), max_series, appender, err);
    if (!rc && !series->count) rc = err_set(err, ERR_INVALID, "no series");
    buf_release(&text);
    return rc ? err_wrap(err, rc, "reading \"%s\"", path) : 0;
}

int bench_series_open(struct bench_series *series, const char *path, size_t max_series,
                      struct appender *appender, struct err *err) {
    *series = (struct bench_series){0};
    return path ? read_file(series, path, max_series, appender, err)
                : generate(series, max_series, appender, err);
}

void bench_series_close(struct bench_series *series) {
    for (size_t i = 0; i < series->groups.count; i++) {
        struct bench_group *group = series->groups.items[i];
        if (group->generated.lines) data_target_release(&group->generated);
        mem_free(group);
    }
    vec_release(&series->groups);
}

double bench_series_value(const struct bench_group *group, size_t index, size_t scrape, int64_t tick) {
    if (!group->generated.lines) return group->values[index] + (double)scrape;
    return data_value_double(data_value(&group->generated.lines[index], tick));
}
