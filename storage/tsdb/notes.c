/*
 * notes.c - exemplars and metadata on their way: with a batch into the log, from the log and the snapshot
 * into memory.
 *
 *     judge    before the log: what is known already is taken out of the batch, rows become labels
 *     log      a record of each kind, when something is left
 *     apply    into storage/exemplar
 */
#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "storage/exemplar/record.h"
#include "storage/head/frames.h"
#include "storage/tsdb/inside.h"
#include "storage/wal/record.h"
#include "storage/wal/wal.h"

#define SECTION_MAX ((size_t)256 << 20) /* of a snapshot */

/* ---- with a batch ---- */

/* the labels of the exemplar's series; false: its row's series is gone */
static bool find_series(struct tsdb *tsdb, struct append_batch *batch, struct batch_exemplar *item) {
    uint64_t number;
    bool is_logged;
    if (item->series.count) return true;
    if (item->row >= batch->count || !head_number(tsdb->head, batch->refs[item->row], &number, &is_logged))
        return false;
    uint32_t slot = batch->refs[item->row].slot;
    struct label *labels = arena_array(&batch->arena, head_label_count(tsdb->head, slot), sizeof *labels);
    if (labels) item->series = head_labels(tsdb->head, slot, labels);
    return labels != NULL;
}

void tsdb_judge_notes(struct tsdb *tsdb, struct append_batch *batch) {
    size_t kept = 0;
    for (size_t i = 0; i < batch->exemplar_count; i++) {
        struct batch_exemplar *item = &batch->exemplars[i];
        if (!find_series(tsdb, batch, item)) continue;
        if (exemplars_judge(tsdb->exemplars, item->series, &item->exemplar) == EXEMPLAR_STORED)
            batch->exemplars[kept++] = *item;
    }
    batch->exemplar_count = kept;
    kept = 0;
    for (size_t i = 0; i < batch->metadata_count; i++)
        if (!metadata_has(tsdb->metadata, &batch->metadata[i])) batch->metadata[kept++] = batch->metadata[i];
    batch->metadata_count = kept;
}

static int too_large(struct err *err) {
    return err_set(err, ERR_LIMIT, "a batch has more exemplars or metadata than a record of the log holds");
}

int tsdb_log_notes(const struct append_batch *batch, struct wal_group *group, struct err *err) {
    int rc = 0;
    if (batch->exemplar_count) {
        struct buf *out = wal_group_begin(group, RECORD_EXEMPLARS);
        for (size_t i = 0; !rc && i < batch->exemplar_count; i++)
            if (!exemplar_write(out, batch->exemplars[i].series, &batch->exemplars[i].exemplar))
                rc = too_large(err);
        if (!rc) rc = wal_group_end(group, err);
    }
    if (!rc && batch->metadata_count) {
        struct buf *out = wal_group_begin(group, RECORD_METADATA);
        for (size_t i = 0; !rc && i < batch->metadata_count; i++)
            if (!metadata_write(out, &batch->metadata[i])) rc = too_large(err);
        if (!rc) rc = wal_group_end(group, err);
    }
    return rc;
}

void tsdb_apply_notes(struct tsdb *tsdb, const struct append_batch *batch) {
    for (size_t i = 0; i < batch->exemplar_count; i++)
        exemplars_add(tsdb->exemplars, batch->exemplars[i].series, &batch->exemplars[i].exemplar);
    for (size_t i = 0; i < batch->metadata_count; i++) metadata_set(tsdb->metadata, &batch->metadata[i]);
}

/* ---- back ---- */

int tsdb_read_exemplars(struct tsdb *tsdb, const void *payload, size_t len, struct err *err) {
    struct cursor cursor = cursor_of(payload, len);
    struct arena arena;
    struct labels series;
    struct exemplar exemplar;
    arena_init(&arena, SECTION_MAX, NULL);
    int rc;
    while ((rc = exemplar_read(&cursor, &arena, &series, &exemplar, err)) == 1) {
        exemplars_add(tsdb->exemplars, series, &exemplar);
        arena_release(&arena);
    }
    arena_release(&arena);
    return rc;
}

int tsdb_read_metadata(struct tsdb *tsdb, const void *payload, size_t len, struct err *err) {
    struct cursor cursor = cursor_of(payload, len);
    struct metric_metadata item;
    int rc;
    while ((rc = metadata_read(&cursor, &item, err)) == 1) metadata_set(tsdb->metadata, &item);
    return rc;
}

/* ---- the snapshot's last two sections: u64 length, records ---- */

static bool put_exemplar(void *context, struct labels series, const struct exemplar *exemplar) {
    return exemplar_write(context, series, exemplar);
}

static void save_section(struct frames_out *out, const struct buf *section) {
    frames_write_u64(out, section->len);
    frames_write(out, section->data, section->len);
}

int tsdb_save_notes(struct tsdb *tsdb, struct frames_out *out, struct err *err) {
    struct buf section;
    struct arena arena;
    struct metric_metadata *items;
    size_t count;
    buf_init(&section, SECTION_MAX);
    exemplars_each(tsdb->exemplars, put_exemplar, &section);
    save_section(out, &section);
    buf_reset(&section);
    arena_init(&arena, SIZE_MAX, NULL);
    int rc = metadata_list(tsdb->metadata, &arena, &items, &count, err);
    for (size_t i = 0; !rc && i < count && metadata_write(&section, &items[i]); i++) continue;
    if (!rc) save_section(out, &section);
    arena_release(&arena);
    buf_release(&section);
    return rc;
}

static int load_section(struct tsdb *tsdb, struct frames_in *in,
                        int (*read)(struct tsdb *tsdb, const void *payload, size_t len, struct err *err)) {
    struct err err;
    uint64_t len = frames_read_u64(in);
    if (in->rc) return in->rc;
    if (len > SECTION_MAX || len > frames_left(in)) return frames_bad(in, "exemplars or metadata");
    uint8_t *bytes = mem_alloc((size_t)len + 1);
    if (frames_read(in, bytes, (size_t)len) && read(tsdb, bytes, (size_t)len, &err))
        frames_bad(in, "exemplars or metadata");
    mem_free(bytes);
    return in->rc;
}

int tsdb_load_notes(struct tsdb *tsdb, struct frames_in *in) {
    int rc = load_section(tsdb, in, tsdb_read_exemplars);
    return rc ? rc : load_section(tsdb, in, tsdb_read_metadata);
}

/* ---- for others ---- */

void tsdb_set_max_exemplars(struct tsdb *tsdb, size_t max) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    exemplars_set_max(tsdb->exemplars, max);
}

struct exemplars *tsdb_exemplars(struct tsdb *tsdb) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    return tsdb->exemplars;
}

struct metadata *tsdb_metadata(struct tsdb *tsdb) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    return tsdb->metadata;
}
