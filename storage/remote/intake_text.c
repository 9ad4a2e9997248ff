/*
 * intake_text.c - a text that targets would show, to rows: a series for each run of lines that name the same.
 */
#include "lib/expose/expose.h"
#include "storage/remote/intake_inside.h"
#include "storage/remote/intake_labels.h"

/* the series of the line before */
struct run {
    struct span text;
    enum expose_type type;     /* decides how le and quantile are written */
    bool is_there, is_refused; /* no series may have its labels: its lines are left out */
};

/* no series may have those of *is_refused */
static int read_labels(struct intake_request *request, const struct run *run, uint32_t line,
                       struct labels *labels, bool *is_refused, struct err *err) {
    struct labels found;
    int rc = expose_labels(run->text, run->type, &request->arena, &found, err);
    if (rc) return err_wrap(err, rc, "line %u", line);
    struct label *items = arena_array(&request->arena, found.count + 1, sizeof *items);
    if (!items) return arena_limit(&request->arena, "labels", err);
    memcpy(items, found.items, found.count * sizeof *items);
    *is_refused = intake_labels_check(items, &found.count, run->text.len, err) != 0;
    if (!*is_refused) *labels = (struct labels){items, found.count};
    return *is_refused ? intake_note(request, err) : 0;
}

/* the series at hand */
static int begin_run(struct intake_request *request, struct run *run, uint32_t line, struct err *err) {
    struct intake_miss miss = {.series = (uint32_t)intake_series_count(request)};
    struct intake_series entry = {run->text.ptr, (uint32_t)run->text.len, (uint32_t)request->batch->count};
    int rc = read_labels(request, run, line, &miss.labels, &run->is_refused, err);
    if (rc || run->is_refused) return rc;
    bool has_room = buf_append(&request->misses, &miss, sizeof miss) &&
                    buf_append(&request->series, &entry, sizeof entry);
    return has_room ? 0 : err_set(err, ERR_LIMIT, "no memory for the series of a request");
}

static int add_line(struct intake_request *request, struct run *run, const struct expose_reader *reader,
                    const struct expose_entry *entry, int64_t now_ms, struct err *err) {
    double value;
    int rc = expose_value(reader, entry->value, &value, err);
    if (rc) return rc;
    if (!run->is_there || run->type != reader->type || !span_equal(run->text, entry->series)) {
        *run = (struct run){.text = entry->series, .type = reader->type, .is_there = true};
        rc = begin_run(request, run, reader->line, err);
        if (rc) return rc;
    }
    request->refused_rows += run->is_refused;
    if (run->is_refused) return 0;
    return intake_add_sample(request, (struct series_ref){0}, value,
                             entry->has_time ? entry->time_ms : now_ms, err);
}

int intake_decode_text(struct intake_request *request, struct span text, const struct intake_form *form,
                       struct err *err) {
    bool is_openmetrics = form->format == INTAKE_OPENMETRICS;
    struct expose_entry entry = {.kind = EXPOSE_HELP};
    struct expose_reader reader;
    struct run run = {0};
    int rc = 0;
    request->batch->keep_late = true;
    expose_reader_init(&reader, is_openmetrics ? EXPOSE_OPENMETRICS : EXPOSE_TEXT, text);
    while (!rc && entry.kind != EXPOSE_END) {
        rc = expose_next(&reader, &entry, err);
        if (!rc && entry.kind == EXPOSE_SERIES)
            rc = add_line(request, &run, &reader, &entry, form->now_ms, err);
    }
    if (!rc && is_openmetrics && !reader.seen_eof)
        rc = err_set(err, ERR_INVALID, "data does not end with # EOF");
    return rc;
}
