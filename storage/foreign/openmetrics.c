#include "lib/expose/expose.h"
#include "storage/foreign/import.h"

#define MAX_FILE ((size_t)8 << 30)

static int take_line(struct gather *gather, struct arena *arena, const struct expose_reader *reader,
                     const struct expose_entry *entry, struct err *err) {
    struct labels labels;
    double value;
    uint32_t series;
    if (!entry->has_time)
        return err_set(err, ERR_INVALID, "line %u: expected timestamp for series %.*s, got none",
                       reader->line, (int)(entry->series.len < 128 ? entry->series.len : 128),
                       entry->series.ptr);
    int rc = expose_value(reader, entry->value, &value, err);
    if (!rc) rc = expose_labels(entry->series, reader->type, arena, &labels, err);
    if (!rc) rc = gather_series(gather, labels, &series, err);
    return rc ? rc : gather_sample(gather, series, entry->time_ms, value, err);
}

static int take_text(struct gather *gather, struct span text, struct err *err) {
    struct expose_reader reader;
    struct expose_entry entry = {.kind = EXPOSE_HELP};
    struct arena arena;
    int rc = 0;
    arena_init(&arena, 4 * EXPOSE_MAX_LINE, NULL);
    expose_reader_init(&reader, EXPOSE_OPENMETRICS, text);
    while (!rc && entry.kind != EXPOSE_END) {
        rc = expose_next(&reader, &entry, err);
        if (!rc && entry.kind == EXPOSE_SERIES) {
            rc = take_line(gather, &arena, &reader, &entry, err);
            arena_release(&arena);
        }
    }
    arena_release(&arena);
    if (!rc && !reader.seen_eof) rc = err_set(err, ERR_INVALID, "data does not end with # EOF");
    return rc;
}

int foreign_openmetrics(struct file_system *fs, const char *path, size_t max_bytes,
                        struct foreign_target *target, struct err *err) {
    struct buf text;
    struct gather gather;
    buf_init(&text, MAX_FILE);
    gather_init(&gather, max_bytes);
    int rc = file_read_all(fs, path, &text, err);
    if (!rc) rc = take_text(&gather, buf_view(&text), err);
    if (!rc) rc = gather_write(&gather, INT64_MIN, INT64_MAX, target, err);
    gather_release(&gather);
    buf_release(&text);
    return rc;
}
