#include "storage/foreign/import.h"

#include "lib/base/hash.h"
#include "storage/foreign/chunk.h"
#include "storage/foreign/chunks.h"
#include "storage/foreign/folder.h"
#include "storage/foreign/wal.h"

struct reference {
    uint64_t number; /* of the series, in the log */
    uint32_t series; /* in rows */
};

struct head {
    struct gather rows, late;
    VEC(struct reference) references;
    struct map by_number;
    VEC(struct foreign_deletion) deletions; /* series: in rows */
    bool is_late;                           /* the log being read is of out-of-order rows */
    int64_t mint;                           /* rows before are in blocks already */
    uint64_t unknown;                       /* rows of series nobody told of */
    struct columns chunk;
};

static bool same_number(uint32_t index, const void *key, const void *context) {
    const struct head *head = context;
    return head->references.items[index].number == *(const uint64_t *)key;
}

static uint64_t hash_number(uint64_t number) {
    return hash_bytes_keyed(&number, sizeof number);
}

/* false: no such series */
static bool find_series(const struct head *head, uint64_t number, uint32_t *series) {
    uint32_t found = map_find(&head->by_number, hash_number(number), &number, same_number, head);
    if (found == MAP_NONE) return false;
    *series = head->references.items[found].series;
    return true;
}

static int take_series(void *context, uint64_t number, struct labels labels, struct err *err) {
    struct head *head = context;
    uint32_t series;
    int rc = gather_series(&head->rows, labels, &series, err);
    if (rc) return rc;
    uint32_t found = map_find(&head->by_number, hash_number(number), &number, same_number, head);
    if (found != MAP_NONE) {
        head->references.items[found].series = series;
        return 0;
    }
    *vec_push(&head->references) = (struct reference){number, series};
    map_insert(&head->by_number, hash_number(number), (uint32_t)head->references.count - 1);
    return 0;
}

/* where a row goes; *gather is NULL when nowhere */
static int place(struct head *head, uint64_t number, int64_t time, struct gather **gather, uint32_t *series,
                 struct err *err) {
    *gather = NULL;
    if (!find_series(head, number, series)) {
        head->unknown++;
        return 0;
    }
    if (head->is_late) {
        *gather = &head->late;
        return gather_series(&head->late, head->rows.series.items[*series].labels, series, err);
    }
    if (time >= head->mint) *gather = &head->rows;
    return 0;
}

static int take_sample(void *context, uint64_t number, int64_t time, double value, struct err *err) {
    struct gather *gather;
    uint32_t series;
    int rc = place(context, number, time, &gather, &series, err);
    return rc || !gather ? rc : gather_sample(gather, series, time, value, err);
}

static int take_histogram(void *context, uint64_t number, int64_t time, const struct histogram *histogram,
                          struct err *err) {
    struct gather *gather;
    uint32_t series;
    int rc = place(context, number, time, &gather, &series, err);
    return rc || !gather ? rc : gather_histogram(gather, series, time, histogram, err);
}

static int take_deletion(void *context, uint64_t number, int64_t mint, int64_t maxt, struct err *err) {
    struct head *head = context;
    uint32_t series;
    (void)err;
    if (find_series(head, number, &series))
        *vec_push(&head->deletions) = (struct foreign_deletion){series, mint, maxt};
    return 0;
}

static int take_record(struct span record, void *context, struct err *err) {
    static const struct foreign_record_sink sink = {take_series, take_sample, take_histogram, take_deletion};
    return foreign_record_read(record, &sink, context, err);
}

static int take_chunk(const struct foreign_head_chunk *chunk, void *context, struct err *err) {
    struct head *head = context;
    columns_reset(&head->chunk);
    int rc = foreign_chunk_read(chunk->encoding, chunk->data, &head->chunk, err);
    bool was_late = head->is_late;
    head->is_late = chunk->is_out_of_order;
    for (size_t i = 0; i < head->chunk.count && !rc; i++) {
        const struct histogram *histogram = columns_histogram(&head->chunk, i);
        int64_t time = head->chunk.times_ms[i];
        rc = histogram ? take_histogram(head, chunk->series, time, histogram, err)
                       : take_sample(head, chunk->series, time, head->chunk.values[i], err);
    }
    head->is_late = was_late;
    return rc;
}

/* ---- the parts of the folder ---- */

static void warn(const struct foreign_import_options *options, struct foreign_target *target,
                 const char *text) {
    target->counts.warnings++;
    if (options->warn) options->warn(text, options->context);
}

static int read_log(const struct foreign_import_options *options, struct foreign_target *target,
                    struct head *head, const char *folder, uint64_t first, struct err *err) {
    struct err damage = {0};
    int rc = foreign_wal_read(target->fs, folder, first, take_record, head, &damage, err);
    if (damage.code) warn(options, target, damage.text);
    return rc;
}

static int read_logs(const struct foreign_import_options *options, struct foreign_target *target,
                     struct head *head, struct err *err) {
    struct source_numbers checkpoints = {0};
    struct buf path;
    uint64_t first = 0;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/wal", options->source);
    int rc = source_list(target->fs, buf_text(&path), "checkpoint.", 8, &checkpoints, err);
    if (!rc && checkpoints.list.count) {
        uint64_t last = checkpoints.list.items[checkpoints.list.count - 1];
        first = last + 1;
        buf_printf(&path, "/checkpoint.%08llu", (unsigned long long)last);
        rc = read_log(options, target, head, buf_text(&path), 0, err);
    }
    buf_reset(&path);
    buf_printf(&path, "%s/wal", options->source);
    if (!rc) rc = read_log(options, target, head, buf_text(&path), first, err);
    buf_reset(&path);
    buf_printf(&path, "%s/wbl", options->source);
    head->is_late = true;
    if (!rc) rc = read_log(options, target, head, buf_text(&path), 0, err);
    head->is_late = false;
    vec_release(&checkpoints.list);
    buf_release(&path);
    return rc;
}

static int read_head_chunks(const struct foreign_import_options *options, struct foreign_target *target,
                            struct head *head, struct err *err) {
    struct buf path;
    struct err damage = {0};
    uint64_t damaged = 0;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/chunks_head", options->source);
    int rc = foreign_head_chunks_read(target->fs, buf_text(&path), take_chunk, head, &damaged, &damage, err);
    if (damaged) warn(options, target, damage.text);
    buf_release(&path);
    return rc;
}

static void delete_rows(struct head *head) {
    for (size_t i = 0; i < head->deletions.count; i++) {
        const struct foreign_deletion *deletion = &head->deletions.items[i];
        struct gather_series *series = &head->rows.series.items[deletion->series];
        columns_delete(&series->columns, deletion->mint, deletion->maxt);
        uint32_t late = gather_find(&head->late, series->labels);
        if (late != MAP_NONE)
            columns_delete(&head->late.series.items[late].columns, deletion->mint, deletion->maxt);
    }
}

static int import_head(const struct foreign_import_options *options, int64_t mint,
                       struct foreign_target *target, struct err *err) {
    struct head head = {.mint = mint};
    gather_init(&head.rows, options->max_bytes);
    gather_init(&head.late, options->max_bytes);
    columns_init(&head.chunk, NULL);
    int rc = read_logs(options, target, &head, err);
    if (!rc) rc = read_head_chunks(options, target, &head, err);
    if (!rc) {
        delete_rows(&head);
        rc = gather_write(&head.rows, mint, INT64_MAX, target, err);
    }
    if (!rc) rc = gather_write(&head.late, INT64_MIN, INT64_MAX, target, err);
    if (!rc && head.unknown) warn(options, target, "the log has samples of series it does not name");
    columns_release(&head.chunk);
    gather_release(&head.rows);
    gather_release(&head.late);
    vec_release(&head.references);
    vec_release(&head.deletions);
    map_release(&head.by_number);
    return rc;
}

static void ignore_name(const char *name, void *context) {
    (void)name, (void)context;
}

static bool has_log(struct file_system *fs, const char *source) {
    struct buf path;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/wal", source);
    int rc = folder_list(fs, buf_text(&path), ignore_name, NULL, NULL);
    buf_release(&path);
    return rc == 0;
}

int foreign_import(const struct foreign_import_options *options, struct foreign_target *target,
                   struct err *err) {
    struct foreign_blocks blocks = {0};
    int64_t mint = INT64_MIN;
    int rc = foreign_blocks_list(target->fs, options->source, &blocks, err);
    if (rc) return rc;
    if (!blocks.list.count && !has_log(target->fs, options->source))
        return err_set(err, ERR_NOT_FOUND, "\"%s\" has neither a Prometheus block nor wal/", options->source);
    for (size_t i = 0; i < blocks.list.count && !rc; i++) {
        const struct foreign_block *block = &blocks.list.items[i];
        rc = foreign_block_import(options->source, block, target, err);
        if (!block->is_out_of_order && block->maxt > mint) mint = block->maxt;
    }
    if (!rc) rc = import_head(options, mint, target, err);
    vec_release(&blocks.list);
    return rc;
}
