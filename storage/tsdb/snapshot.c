/*
 * snapshot.c - the head on disk, so that a start replays only the log's tail.
 *
 *     <data>/head_snapshots/00000000000f4240      named by the last sequence of the log that it surely holds
 *
 *     made:    note the sequence -> save -> chunk files and log on disk -> sync, rename, sync the folder
 *              -> snapshots but the newest two go, and the log's segments before the older one
 *     loaded:  the newest; when it is damaged, the one before and the log since then: nothing is lost by it
 */
#include "storage/head/snapshot.h"
#include "lib/base/bits.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"
#include "lib/sys/clock.h"
#include "storage/tsdb/inside.h"
#include "storage/tsdb/tail.h"
#include "storage/wal/wal.h"
#include "storage/wal/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 16u
#define MAGIC 0x504e536c75726566u /* "ferulSNP" */
#define VERSION 3u
#define DEFAULT_DUE_BYTES ((uint64_t)96 << 20) /* some 70 million samples to replay */

static int snapshot_path(const struct tsdb *tsdb, uint64_t sequence, const char *suffix,
                         char path[TSDB_PATH_MAX], struct err *err) {
    char name[64];
    (void)snprintf(name, sizeof name, "head_snapshots/%016" PRIx64 "%s", sequence, suffix);
    return tsdb_path(tsdb, name, path, err);
}

/* ---- listing ---- */

struct listed {
    VEC(uint64_t) sequences;
    VEC(char *) leftovers; /* of a snapshot that was not finished */
};

static void note_name(const char *name, void *context) {
    struct listed *listed = context;
    size_t digits = strspn(name, "0123456789abcdef");
    if (digits == 16 && !name[16]) *vec_push(&listed->sequences) = strtoull(name, NULL, 16);
    if (digits == 16 && strcmp(name + 16, ".tmp") == 0) *vec_push(&listed->leftovers) = mem_strdup(name);
}

static int newest_first(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left > right ? -1 : left < right;
}

static int list_snapshots(struct tsdb *tsdb, struct listed *listed, struct err *err) {
    char path[TSDB_PATH_MAX];
    int rc = tsdb_path(tsdb, "head_snapshots", path, err);
    if (!rc) rc = folder_make(tsdb->fs, path, err);
    if (!rc) rc = folder_list(tsdb->fs, path, note_name, listed, err);
    if (!rc && listed->sequences.count)
        qsort(listed->sequences.items, listed->sequences.count, sizeof *listed->sequences.items,
              newest_first);
    return rc;
}

static void listed_release(struct listed *listed) {
    for (size_t i = 0; i < listed->leftovers.count; i++) mem_free(listed->leftovers.items[i]);
    vec_release(&listed->leftovers);
    vec_release(&listed->sequences);
}

static void remove_named(struct tsdb *tsdb, const char *path) {
    struct err err;
    int rc = file_remove(tsdb->fs, path, &err);
    tsdb_count_attempt(tsdb, EVENT_SNAPSHOT_REMOVAL, rc);
    if (rc) LOG(LOG_WARN, "old snapshot not removed", "err", err.text);
}

static void remove_leftovers(struct tsdb *tsdb, const struct listed *listed) {
    for (size_t i = 0; i < listed->leftovers.count; i++) {
        char path[TSDB_PATH_MAX], name[64];
        (void)snprintf(name, sizeof name, "head_snapshots/%s", listed->leftovers.items[i]);
        if (tsdb_path(tsdb, name, path, NULL) == 0) remove_named(tsdb, path);
    }
}

static void remove_snapshots(struct tsdb *tsdb, const struct listed *listed, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        char path[TSDB_PATH_MAX];
        if (snapshot_path(tsdb, listed->sequences.items[i], "", path, NULL) == 0) remove_named(tsdb, path);
    }
}

/* ---- loading ---- */

static int check_header(struct file *file, struct err *err) {
    uint8_t header[HEADER_BYTES];
    int rc = file_read(file, header, sizeof header, 0, err);
    if (rc) return rc;
    if (load_u64(header) != MAGIC || load_u32(header + 12) != crc32c(0, header, 12))
        return err_set(err, ERR_CORRUPT, "\"%s\" has a damaged header", file->path);
    if (load_u32(header + 8) != VERSION)
        return err_set(err, ERR_UNSUPPORTED, "\"%s\" has version %u, which this program does not know",
                       file->path, load_u32(header + 8));
    return 0;
}

static int make_head(struct tsdb *tsdb, struct err *err) {
    char chunks[TSDB_PATH_MAX];
    int rc = tsdb_path(tsdb, "chunks_head", chunks, err);
    struct head_options options = {tsdb->fs, chunks, tsdb->max_series, tsdb->memory};
    if (!rc) rc = head_create(&options, &tsdb->head, err);
    if (rc) return rc;
    head_close(tsdb->head, tsdb->head_begin);
    head_set_mint(tsdb->head, tsdb->head_begin);
    return 0;
}

/* the head is there afterwards, or as before */
static int load(struct tsdb *tsdb, uint64_t sequence, struct err *err) {
    char path[TSDB_PATH_MAX];
    struct file file;
    struct frames_in in;
    int rc = snapshot_path(tsdb, sequence, "", path, err);
    if (!rc) rc = file_open(tsdb->fs, path, FILE_READ, &file, err);
    if (rc) return rc;
    rc = check_header(&file, err);
    if (!rc) rc = make_head(tsdb, err);
    if (!rc) {
        rc = frames_in_init(&in, &file, err);
        in.offset = HEADER_BYTES;
        if (!rc) {
            (void)head_restore(tsdb->head, &in);
            if (!in.rc) (void)tsdb_load_notes(tsdb, &in);
            rc = frames_in_end(&in, err);
            tsdb->snapshots.bytes = in.size;
        }
        frames_in_release(&in);
        if (rc) {
            head_destroy(tsdb->head);
            tsdb->head = NULL;
        }
    }
    file_close(&file);
    return rc;
}

static int load_newest(struct tsdb *tsdb, const struct listed *listed, uint64_t *sequence, struct err *err) {
    for (size_t i = 0; i < listed->sequences.count; i++) {
        int rc = load(tsdb, listed->sequences.items[i], err);
        if (rc == ERR_UNSUPPORTED) return rc;
        if (rc) {
            tsdb->damage++;
            LOG(LOG_ERROR, "a snapshot of the head cannot be used", "err", err->text);
            continue;
        }
        *sequence = listed->sequences.items[i];
        remove_snapshots(tsdb, listed, 0, i); /* what is logged from now on follows this one */
        for (; i < listed->sequences.count && tsdb->snapshots.count < SNAPSHOTS_KEPT; i++)
            tsdb->snapshots.sequences[tsdb->snapshots.count++] = listed->sequences.items[i];
        return 0;
    }
    if (listed->sequences.count)
        LOG(LOG_ERROR, "no snapshot of the head can be used: what only they held is lost");
    return make_head(tsdb, err);
}

int tsdb_load_head(struct tsdb *tsdb, uint64_t *sequence, struct err *err) {
    struct listed listed = {0};
    *sequence = 0;
    int rc = list_snapshots(tsdb, &listed, err);
    if (!rc) rc = load_newest(tsdb, &listed, sequence, err);
    if (!rc) remove_leftovers(tsdb, &listed);
    listed_release(&listed);
    return rc;
}

/* ---- making ---- */

struct begin {
    struct tsdb *tsdb;
    uint64_t sequence, appended;
    struct head_moment moment; /* of the same place in the log */
};

static void note_begin(void *context) {
    struct begin *begin = context;
    begin->sequence = begin->tsdb->log.applied;
    batch_keys_retire(&begin->tsdb->log.keys); /* what comes leans on nothing that the snapshot covers */
    begin->appended = wal_appended(begin->tsdb->wal);
    begin->moment = head_enter(begin->tsdb->head);
}

static int save(struct tsdb *tsdb, struct file *file, struct err *err) {
    uint8_t header[HEADER_BYTES];
    struct frames_out out;
    store_u64(header, MAGIC);
    store_u32(header + 8, VERSION);
    store_u32(header + 12, crc32c(0, header, 12));
    int rc = file_write(file, header, sizeof header, 0, err);
    if (rc) return rc;
    frames_out_init(&out, file);
    out.offset = HEADER_BYTES;
    rc = head_save(tsdb->head, &out, err);
    if (!rc) rc = tsdb_save_notes(tsdb, &out, err);
    if (!rc) rc = frames_out_end(&out, err);
    if (!rc) tsdb->snapshots.bytes = out.offset;
    frames_out_release(&out);
    return rc;
}

struct flush {
    struct tsdb *tsdb;
    bool is_flushed;
};

static void flush_chunks(void *context) {
    struct flush *flush = context;
    flush->is_flushed = head_flush_chunks(flush->tsdb->head);
}

/* what the snapshot leans on: chunk files, and the log of everything it may hold beyond its sequence */
static int sync_rest(struct tsdb *tsdb, struct err *err) {
    struct flush flush = {.tsdb = tsdb};
    tsdb_on_applier(tsdb, flush_chunks, &flush);
    if (!flush.is_flushed) return err_set(err, ERR_NO_SPACE, "full chunks cannot be written to their file");
    int rc = head_sync_chunks(tsdb->head, err);
    return rc ? rc : wal_writer_flush(tsdb->writer, err);
}

static int write_snapshot(struct tsdb *tsdb, uint64_t sequence, struct err *err) {
    char path[TSDB_PATH_MAX], temporary[TSDB_PATH_MAX], folder[TSDB_PATH_MAX];
    struct file file;
    int rc = snapshot_path(tsdb, sequence, "", path, err);
    if (!rc) rc = snapshot_path(tsdb, sequence, ".tmp", temporary, err);
    if (!rc) rc = tsdb_path(tsdb, "head_snapshots", folder, err);
    if (!rc) rc = file_open(tsdb->fs, temporary, FILE_WRITE, &file, err);
    if (rc) return rc;
    rc = file_truncate(&file, 0, err);
    if (!rc) rc = save(tsdb, &file, err);
    if (!rc) rc = sync_rest(tsdb, err);
    if (!rc) rc = file_sync(&file, err);
    file_close(&file);
    /* what the snapshot holds is not replayed, so it must be known what of it is still to be sent */
    if (!rc) rc = tails_save(tsdb, true, err);
    if (!rc) rc = file_rename(tsdb->fs, temporary, path, err);
    if (!rc) return folder_sync(tsdb->fs, folder, err);
    (void)file_remove(tsdb->fs, temporary, NULL);
    return rc;
}

struct cut {
    struct tsdb *tsdb;
    uint64_t sequence;
};

static void cut_log(void *context) {
    struct cut *cut = context;
    struct err err;
    int rc = wal_truncate(cut->tsdb->wal, cut->sequence, &err);
    tsdb_count_attempt(cut->tsdb, EVENT_LOG_TRUNCATION, rc);
    if (rc) LOG(LOG_WARN, "old segments of the log not removed", "err", err.text);
}

/* The older of the two is still good for a start, so the log since then stays. */
static void remove_old(struct tsdb *tsdb) {
    struct listed listed = {0};
    struct err err;
    if (list_snapshots(tsdb, &listed, &err) == 0)
        remove_snapshots(tsdb, &listed, SNAPSHOTS_KEPT, listed.sequences.count);
    listed_release(&listed);
    if (tsdb->snapshots.count < SNAPSHOTS_KEPT) return;
    struct cut cut = {tsdb, tsdb->snapshots.sequences[SNAPSHOTS_KEPT - 1]};
    tsdb_on_applier(tsdb, cut_log, &cut);
}

static void note_made(struct tsdb *tsdb, const struct begin *begin) {
    struct tsdb_snapshots *known = &tsdb->snapshots;
    if (known->count < SNAPSHOTS_KEPT) known->count++;
    memmove(known->sequences + 1, known->sequences, (known->count - 1) * sizeof *known->sequences);
    known->sequences[0] = begin->sequence;
    known->appended = begin->appended;
}

bool tsdb_snapshot_is_due(const struct tsdb *tsdb) {
    uint64_t due = tsdb->snapshot_bytes ? tsdb->snapshot_bytes : DEFAULT_DUE_BYTES;
    if (due < tsdb->snapshots.bytes)
        due = tsdb->snapshots.bytes; /* never more is written than the log itself */
    return wal_appended(tsdb->wal) - tsdb->snapshots.appended >= due;
}

/* again: also when the log has nothing new */
static int make_snapshot(struct tsdb *tsdb, bool again, struct err *err) {
    struct begin begin = {.tsdb = tsdb};
    int64_t started_ms = clock_monotonic_ms();
    tsdb_on_applier(tsdb, note_begin, &begin);
    bool is_new = !tsdb->snapshots.count || tsdb->snapshots.sequences[0] != begin.sequence;
    if (!is_new && !again) {
        head_leave(tsdb->head, &begin.moment);
        return 0;
    }
    int rc = tsdb_flush_late(tsdb, &begin.moment, err);
    if (!rc) rc = write_snapshot(tsdb, begin.sequence, err);
    tsdb_count_attempt(tsdb, EVENT_SNAPSHOT, rc);
    if (rc) return err_wrap(err, rc, "snapshot of the head");
    if (is_new) note_made(tsdb, &begin);
    remove_old(tsdb);
    LOG(LOG_INFO, "snapshot of the head made", "duration",
        log_text("%lldms", (long long)(clock_monotonic_ms() - started_ms)));
    return 0;
}

int tsdb_snapshot(struct tsdb *tsdb, struct err *err) {
    return make_snapshot(tsdb, false, err);
}

int tsdb_snapshot_alone(struct tsdb *tsdb, struct err *err) {
    char path[TSDB_PATH_MAX];
    int rc = make_snapshot(tsdb, true, err);
    while (!rc && tsdb->snapshots.count > 1) {
        tsdb->snapshots.count--;
        rc = snapshot_path(tsdb, tsdb->snapshots.sequences[tsdb->snapshots.count], "", path, err);
        if (!rc) remove_named(tsdb, path);
    }
    struct cut cut = {tsdb, tsdb->snapshots.sequences[0]};
    if (!rc) tsdb_on_applier(tsdb, cut_log, &cut);
    return rc;
}
