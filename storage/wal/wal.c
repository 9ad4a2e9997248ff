/*
 * The writing side of the log. One segment at a time can be written to; while `file` is not open there is
 * none (the last was full or was given up), and the next write begins one. A segment that was left is never
 * written to again, whatever happened to its successor: a half-begun successor may overrule it (FORMAT.md,
 * rule 4).
 *
 *     unsynced:  | frame | frame | frame of the group being written |     copies of what may have to be
 * written again
 */
#include "storage/wal/wal.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "storage/wal/direct.h"
#include "storage/wal/frame.h"
#include "storage/wal/metrics.h"
#include "storage/wal/replay.h"
#include "storage/wal/segment.h"
#include "storage/wal/syncer.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#define WAL_MAGIC 0x77616c31u
#define PAGE_BYTES ((uint64_t)4096)
#define DIRECT_MAX ((size_t)256 << 10)  /* more than that goes through the cache */
#define KEEP_CAPACITY ((size_t)1 << 20) /* a larger buffer is not kept between writes */

struct wal {
    uint32_t magic;
    struct file_system *fs;
    char *folder;
    struct wal_options options; /* with the defaults filled in */
    struct file file;           /* the segment; not open: none */
    uint64_t number;            /* highest number ever tried */
    uint32_t seed;
    uint64_t end, allocated;        /* end of the last record; end of the file */
    uint64_t synced_end;            /* where the last record ended when the last sync began */
    atomic_uint_least64_t appended; /* see wal_appended */
    uint64_t closed_bytes;          /* all other segments */
    uint64_t next_sequence;
    bool tail_is_synced;
    struct buf unsynced; /* sealed frames */
    uint64_t unsynced_count;
    struct direct direct;  /* to the same file, where that is possible */
    bool end_is_cached;    /* what is in front of `end` went through the cache */
    struct syncer *syncer; /* NULL: none */
    struct {
        bool is_running;
        size_t bytes; /* of `unsynced`, from its beginning */
        uint64_t count;
    } beside;
    struct wal_metrics metrics;
};

static void publish(const struct wal *wal) {
    wal_metrics_segment(&wal->metrics, (double)wal->number, (double)(wal->closed_bytes + wal->allocated));
}

static void forget_unsynced(struct wal *wal) {
    wal->unsynced_count = 0;
    if (wal->unsynced.capacity > KEEP_CAPACITY)
        buf_release(&wal->unsynced);
    else
        buf_reset(&wal->unsynced);
}

/* ---- segments ---- */

/* waits for a sync that runs beside; the first part of `unsynced` is on disk when it went well */
static int settle_beside(struct wal *wal, struct err *err) {
    double seconds;
    if (!wal->beside.is_running) return 0;
    wal->beside.is_running = false;
    int rc = syncer_wait(wal->syncer, &seconds, err);
    wal_metrics_synced(&wal->metrics, seconds);
    if (rc) return rc;
    wal->unsynced_count -= wal->beside.count;
    wal->unsynced.len -= wal->beside.bytes;
    memmove(wal->unsynced.data, wal->unsynced.data + wal->beside.bytes, wal->unsynced.len);
    if (!wal->unsynced.len) forget_unsynced(wal);
    return 0;
}

/* after this the file belongs to the past; what of it is not on disk is in `unsynced` */
static void leave_segment(struct wal *wal) {
    (void)settle_beside(wal, NULL);
    file_close(&wal->file);
    direct_close(&wal->direct);
    wal->closed_bytes += wal->allocated;
    wal->allocated = wal->end = 0;
}

/* a full segment: everything is on disk, the room ahead is given back */
static void close_segment(struct wal *wal) {
    if (file_truncate(&wal->file, wal->end, NULL) == 0)
        wal->allocated = wal->end; /* else zeros stay: harmless */
    leave_segment(wal);
}

static uint64_t room_for(const struct wal *wal, uint64_t end) {
    uint64_t step = wal->options.allocate_bytes, rounded = (end + step - 1) / step * step;
    uint64_t most = wal->options.segment_bytes;
    if (rounded > most) rounded = most;
    return rounded > end ? rounded : end;
}

static int allocate(struct wal *wal, struct file *file, uint64_t end, struct err *err) {
    uint64_t wanted = room_for(wal, end);
    if (wanted > end && file_allocate(file, wanted, NULL) == 0) {
        wal->allocated = wanted;
        return 0;
    }
    int rc = file_allocate(file, end, err); /* the last bytes of a nearly full disk */
    if (!rc) wal->allocated = end;
    return rc;
}

/* records first, synced, then the header, synced: a segment that overrules another is complete */
static int fill_segment(struct wal *wal, struct file *file, const struct segment_header *header,
                        struct err *err) {
    uint8_t block[SEGMENT_RECORDS];
    int rc = allocate(wal, file, SEGMENT_RECORDS + wal->unsynced.len, err);
    if (!rc && wal->unsynced.len) {
        rc = file_write(file, wal->unsynced.data, wal->unsynced.len, SEGMENT_RECORDS, err);
        if (!rc && !wal->options.never_sync) rc = file_sync(file, err);
    }
    segment_header_write(header, block);
    if (!rc) rc = file_write(file, block, sizeof block, 0, err);
    if (!rc) rc = file_sync(file, err);
    return rc ? rc : folder_sync(wal->fs, wal->folder, err);
}

static void seal_unsynced(struct wal *wal, size_t from, uint64_t sequence) {
    while (from < wal->unsynced.len) {
        uint8_t *at = (uint8_t *)wal->unsynced.data + from;
        frame_seal(at, wal->seed, sequence++);
        from += frame_size(frame_draft_length(at));
    }
    ASSERT(sequence == wal->next_sequence);
}

static uint64_t random_id(const struct wal *wal) {
    struct {
        uint64_t number;
        int64_t wall_ms, monotonic_ns;
    } moment = {wal->number, clock_wall_ms(), clock_monotonic_ns()};
    return hash_bytes_keyed(&moment, sizeof moment); /* keyed with this process's random seed */
}

/* Begins the next segment and writes into it, synced, everything in `unsynced`. */
static int begin_segment(struct wal *wal, struct err *err) {
    ASSERT(!file_is_open(&wal->file));
    char path[SEGMENT_PATH_MAX];
    struct file file;
    wal->number++; /* also when this fails: a number is never tried twice */
    struct segment_header header = {random_id(wal), wal->next_sequence - wal->unsynced_count, wal->number};
    int rc = segment_path(wal->folder, wal->number, path, err);
    if (!rc) rc = file_open(wal->fs, path, FILE_CREATE, &file, err);
    if (rc) return rc;
    wal->seed = segment_seed(header.id);
    seal_unsynced(wal, 0, header.first_sequence);
    rc = fill_segment(wal, &file, &header, err);
    if (rc) {
        file_close(&file);
        wal->allocated = 0;
        (void)file_remove(wal->fs, path, NULL); /* left behind it does no harm: the next one overrules it */
        return rc;
    }
    wal->file = file;
    if (!wal->options.never_sync) direct_open(&wal->direct, wal->fs, path);
    wal->end = SEGMENT_RECORDS + wal->unsynced.len;
    wal->end_is_cached = true;
    if (!wal->options.never_sync) forget_unsynced(wal);
    publish(wal);
    return 0;
}

/* ---- writing ---- */

static uint64_t round_up(uint64_t offset, uint64_t unit) {
    return (offset + unit - 1) / unit * unit;
}

/* Past the cache goes what is synced at once and alone: else many groups share a page. */
static bool is_direct(const struct wal *wal, const struct wal_group *group) {
    return group->is_awaited && direct_is_open(&wal->direct) && group->bytes.len <= DIRECT_MAX;
}

/* A page that is on disk is not written again where that costs less room than the group itself takes: less is
 * written, and a page torn by a power cut holds nothing that was acknowledged. Past the cache the same holds
 * of blocks, and a page in the cache is not shared. */
static uint64_t next_begin(const struct wal *wal, const struct wal_group *group) {
    if (is_direct(wal, group)) return round_up(wal->end, wal->end_is_cached ? PAGE_BYTES : wal->direct.block);
    uint64_t page = round_up(wal->end, PAGE_BYTES);
    return wal->end == wal->synced_end && page - wal->end <= group->bytes.len ? page : wal->end;
}

static int make_room(struct wal *wal, const struct wal_group *group, struct err *err) {
    int rc = 0;
    size_t len = group->bytes.len;
    if (wal->unsynced.len && wal->unsynced.len + len > wal->options.unsynced_bytes) rc = wal_sync(wal, err);
    bool is_full = file_is_open(&wal->file) && wal->end > SEGMENT_RECORDS &&
                   next_begin(wal, group) + len > wal->options.segment_bytes;
    if (!rc && is_full) {
        rc = wal_sync(wal, err);
        if (!rc && file_is_open(&wal->file)) close_segment(wal);
    }
    if (!rc && !file_is_open(&wal->file)) rc = begin_segment(wal, err);
    return rc;
}

static int stage(struct wal *wal, struct wal_group *group, struct err *err) {
    size_t from = wal->unsynced.len;
    if (!buf_span(&wal->unsynced, buf_view(&group->bytes))) {
        wal->unsynced.failed = false;
        return err_set(err, ERR_LIMIT, "too many records of the log are waiting for a sync");
    }
    group->first_sequence = wal->next_sequence;
    wal->next_sequence += group->record_count;
    wal->unsynced_count += group->record_count;
    seal_unsynced(wal, from, group->first_sequence);
    return 0;
}

static void unstage(struct wal *wal, const struct wal_group *group) {
    wal->next_sequence -= group->record_count;
    wal->unsynced_count -= group->record_count;
    wal->unsynced.len -= group->bytes.len;
}

static int write_at(struct wal *wal, bool is_past_cache, const void *bytes, size_t len, uint64_t offset,
                    struct err *err) {
    if (!is_past_cache) return file_write(&wal->file, bytes, len, offset, err);
    direct_fill(&wal->direct, bytes, len, offset);
    return direct_write(&wal->direct, err);
}

/* writes the group, which is staged, to the segment's end; after a failure the segment is as before, or left
 */
static int append(struct wal *wal, const struct wal_group *group, struct err *err) {
    size_t len = group->bytes.len;
    bool is_past_cache = is_direct(wal, group);
    uint64_t begin = next_begin(wal, group), end = begin + len;
    if (is_past_cache) end = round_up(end, wal->direct.block); /* with zeros behind the records */
    int rc = end > wal->allocated ? allocate(wal, &wal->file, end, err) : 0;
    if (rc) return rc;
    rc = write_at(wal, is_past_cache, wal->unsynced.data + wal->unsynced.len - len, len, begin, err);
    if (!rc) {
        atomic_fetch_add_explicit(&wal->appended, end - wal->end, memory_order_relaxed);
        wal->end = end;
        wal->end_is_cached = !is_past_cache;
        return 0;
    }
    if (file_truncate(&wal->file, wal->end, NULL) == 0)
        wal->allocated = wal->end;
    else
        leave_segment(wal);
    return rc;
}

/* The group is staged. A full disk passes by itself; any other trouble may be the file's own, so a new one is
 * tried. */
static int write_staged(struct wal *wal, const struct wal_group *group, struct err *err) {
    struct err first;
    int rc = append(wal, group, &first);
    if (rc == ERR_NO_SPACE) return err_set(err, rc, "%s", first.text);
    if (rc) {
        wal_metrics_write_failed(&wal->metrics);
        LOG(LOG_ERROR, "a write to the log failed, going on in a new segment", "error", first.text);
        if (file_is_open(&wal->file)) leave_segment(wal);
        rc = begin_segment(wal, err);
    }
    return rc;
}

int wal_write(struct wal *wal, struct wal_group *group, struct err *err) {
    CHECK_OBJ(wal, WAL_MAGIC);
    ASSERT(group->frame == SIZE_MAX); /* no record is open */
    group->first_sequence = wal->next_sequence;
    if (!group->record_count) return 0;
    int rc = make_room(wal, group, err);
    if (!rc) rc = stage(wal, group, err);
    if (!rc) {
        rc = write_staged(wal, group, err);
        if (rc) unstage(wal, group);
    }
    if (wal->options.never_sync) forget_unsynced(wal);
    if (rc) wal_metrics_write_failed(&wal->metrics);
    publish(wal);
    return rc ? err_wrap(err, rc, "write-ahead log") : 0;
}

static int sync_here(struct wal *wal, struct err *err) {
    int64_t begin_ns = clock_monotonic_ns();
    wal->synced_end = wal->end;
    int rc = file_sync(&wal->file, err);
    wal_metrics_synced(&wal->metrics, (double)(clock_monotonic_ns() - begin_ns) * 1e-9);
    if (!rc) forget_unsynced(wal);
    return rc;
}

int wal_sync(struct wal *wal, struct err *err) {
    CHECK_OBJ(wal, WAL_MAGIC);
    struct err first;
    int failed = settle_beside(wal, &first);
    if (wal->options.never_sync || !wal->unsynced_count) return 0;
    if (file_is_open(&wal->file)) {
        if (!failed) failed = sync_here(wal, &first);
        if (!failed) return 0;
        /* logged here, because the caller hears of it only when the new segment fails too */
        LOG(LOG_ERROR, "a sync of the log failed, its records are written again", "error", first.text);
        leave_segment(wal);
    }
    int rc = begin_segment(wal, err);
    return rc ? err_wrap(err, rc, "write-ahead log") : 0;
}

void wal_sync_beside(struct wal *wal, void (*notify)(void *context), void *context) {
    CHECK_OBJ(wal, WAL_MAGIC);
    ASSERT(!wal->beside.is_running);
    syncer_destroy(wal->syncer);
    wal->syncer = notify && !wal->options.never_sync ? syncer_create(notify, context) : NULL;
}

bool wal_sync_begin(struct wal *wal) {
    CHECK_OBJ(wal, WAL_MAGIC);
    ASSERT(!wal->beside.is_running);
    if (!wal->syncer || !wal->unsynced_count || !file_is_open(&wal->file)) return false;
    wal->synced_end = wal->end;
    wal->beside.is_running = true;
    wal->beside.bytes = wal->unsynced.len;
    wal->beside.count = wal->unsynced_count;
    syncer_start(wal->syncer, &wal->file);
    return true;
}

int wal_sync_end(struct wal *wal, uint64_t until, struct err *err) {
    CHECK_OBJ(wal, WAL_MAGIC);
    struct err first;
    int rc = wal->beside.is_running ? settle_beside(wal, &first) : 0;
    if (!rc && until < wal->next_sequence - wal->unsynced_count) return 0;
    if (rc) {
        LOG(LOG_ERROR, "a sync of the log failed, its records are written again", "error", first.text);
        leave_segment(wal);
    }
    return wal_sync(wal, err);
}

bool wal_has_unsynced(const struct wal *wal) {
    return wal->unsynced_count > 0;
}

bool wal_tail_is_synced(const struct wal *wal) {
    return wal->tail_is_synced;
}

uint64_t wal_next_sequence(const struct wal *wal) {
    return wal->next_sequence;
}

uint64_t wal_segment(const struct wal *wal) {
    return wal->number;
}

/* ---- old segments ---- */

/* ERR_CORRUPT: not a good segment */
static int read_header(const struct wal *wal, uint64_t number, struct segment_header *header, uint64_t *size,
                       struct err *err) {
    char path[SEGMENT_PATH_MAX];
    uint8_t block[SEGMENT_RECORDS];
    struct file file;
    enum segment_state state;
    int copies_bad, rc = segment_path(wal->folder, number, path, err);
    if (!rc) rc = file_open(wal->fs, path, FILE_READ, &file, err);
    if (rc) return rc;
    rc = file_size(&file, size, err);
    if (!rc) rc = file_read(&file, block, sizeof block, 0, err);
    if (!rc) rc = segment_header_read(block, &state, header, &copies_bad, err);
    if (!rc && state != SEGMENT_GOOD) rc = err_set(err, ERR_CORRUPT, "\"%s\" is damaged", path);
    file_close(&file);
    return rc;
}

static int remove_segment(struct wal *wal, uint64_t number, struct err *err) {
    char path[SEGMENT_PATH_MAX];
    struct segment_header header;
    uint64_t size = 0;
    (void)read_header(wal, number, &header, &size, NULL);
    int rc = segment_path(wal->folder, number, path, err);
    if (!rc) rc = file_remove(wal->fs, path, err);
    if (!rc) wal->closed_bytes -= size < wal->closed_bytes ? size : wal->closed_bytes;
    return rc;
}

/* By rule 4 nothing behind the sequence is in a segment before the last one that begins there or before. */
int wal_truncate(struct wal *wal, uint64_t sequence, struct err *err) {
    CHECK_OBJ(wal, WAL_MAGIC);
    struct segment_numbers numbers = {0};
    struct segment_header header;
    uint64_t size, keep_from = 0;
    int rc = segment_list(wal->fs, wal->folder, &numbers, err);
    for (size_t i = numbers.list.count; !rc && i-- > 0 && !keep_from;) {
        bool is_good = read_header(wal, numbers.list.items[i], &header, &size, NULL) == 0;
        if (is_good && header.first_sequence <= sequence + 1) keep_from = numbers.list.items[i];
    }
    for (size_t i = 0; !rc && i < numbers.list.count && numbers.list.items[i] < keep_from; i++)
        rc = remove_segment(wal, numbers.list.items[i], err);
    vec_release(&numbers.list);
    publish(wal);
    return rc;
}

uint64_t wal_appended(const struct wal *wal) {
    return atomic_load_explicit(&wal->appended, memory_order_relaxed);
}

/* ---- life ---- */

/* The last segment of the run before: what was read from it is put on disk (the run may have ended before its
 * sync), and the room behind its last record is given back, which a full disk may need for the next segment.
 * Samples that are acknowledged from now on may hang on its series records. */
static bool settle_tail(struct wal *wal, const struct wal_report *report) {
    char path[SEGMENT_PATH_MAX];
    struct file file;
    struct err err = {0};
    uint64_t size = 0, wanted = report->tail_end > SEGMENT_RECORDS ? report->tail_end : 0;
    if (!wanted || wal->options.never_sync) return true;
    int rc = segment_path(wal->folder, report->tail_segment, path, &err);
    if (!rc) rc = file_open(wal->fs, path, FILE_WRITE, &file, &err);
    if (!rc) {
        if (file_size(&file, &size, NULL) == 0 && size > wanted && file_truncate(&file, wanted, NULL) == 0)
            wal->closed_bytes -= size - wanted;
        rc = file_sync(&file, &err);
        file_close(&file);
    }
    if (rc) LOG(LOG_WARN, "the log's last segment cannot be synced", "error", err.text);
    return rc == 0;
}

/* One without a record goes; but it overrules those before it until the next one does. */
static void remove_empty_tail(struct wal *wal, const struct wal_report *report) {
    char path[SEGMENT_PATH_MAX];
    if (!report->tail_segment || report->tail_end > SEGMENT_RECORDS) return;
    if (segment_path(wal->folder, report->tail_segment, path, NULL) == 0)
        (void)file_remove(wal->fs, path, NULL);
}

/* the folder's own name is on disk too */
static int make_folder(struct file_system *fs, const char *folder, struct err *err) {
    int rc = folder_make(fs, folder, err);
    const char *slash = strrchr(folder, '/');
    char *parent =
        slash ? mem_strndup(folder, slash == folder ? 1 : (size_t)(slash - folder)) : mem_strdup(".");
    if (!rc) rc = folder_sync(fs, parent, err);
    mem_free(parent);
    return rc;
}

static void set_defaults(struct wal_options *options) {
    if (!options->segment_bytes) options->segment_bytes = (uint64_t)64 << 20;
    if (!options->allocate_bytes) options->allocate_bytes = (uint64_t)8 << 20;
    if (!options->unsynced_bytes) options->unsynced_bytes = (size_t)16 << 20;
}

static void destroy(struct wal *wal) {
    (void)settle_beside(wal, NULL);
    syncer_destroy(wal->syncer);
    file_close(&wal->file);
    direct_release(&wal->direct);
    buf_release(&wal->unsynced);
    mem_free(wal->folder);
    wal->magic = 0;
    mem_free(wal);
}

int wal_open(struct file_system *fs, const char *folder, const struct wal_options *options,
             const struct wal_report *report, struct wal **result, struct err *err) {
    int rc = make_folder(fs, folder, err);
    if (rc) return rc;
    struct wal *wal = mem_zalloc(sizeof *wal);
    wal->magic = WAL_MAGIC;
    wal->fs = fs;
    wal->folder = mem_strdup(folder);
    if (options) wal->options = *options;
    set_defaults(&wal->options);
    wal->number = report->last_segment;
    wal->closed_bytes = report->file_bytes;
    atomic_init(&wal->appended, report->payload_bytes);
    wal->next_sequence = report->last_sequence + 1;
    buf_init(&wal->unsynced, WAL_MAX_GROUP + wal->options.unsynced_bytes);
    wal_metrics_init(&wal->metrics, wal->options.registry);
    wal_metrics_corruptions(&wal->metrics, (double)report->damaged_stretches);
    wal->tail_is_synced = settle_tail(wal, report);
    rc = begin_segment(wal, err);
    if (rc && rc != ERR_NO_SPACE) { /* with a full disk there is still much to read, and room may come */
        destroy(wal);
        return rc;
    }
    if (!rc) remove_empty_tail(wal, report);
    *result = wal;
    return 0;
}

int wal_close(struct wal *wal, struct err *err) {
    if (!wal) return 0;
    int rc = wal_sync(wal, err);
    if (!rc && file_is_open(&wal->file)) close_segment(wal);
    destroy(wal);
    return rc;
}
