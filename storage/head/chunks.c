#include "storage/head/chunks.h"

#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/codec/crc32c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_BYTES ((size_t)256 << 10)
#define PENDING_MAX ((size_t)4 << 20)
#define FILE_BITS 28
#define FILE_MAX ((uint64_t)1 << FILE_BITS)
#define FILE_MAGIC 0x31434846u /* "FHC1" */
#define FILE_VERSION 4u
#define FILE_OLDEST 3u /* without CHUNK_EVEN */
#define PATH_BYTES 4096
#define HEADER_BYTES ((uint64_t)8)
#define RECORD_BYTES (CHUNK_RECORD_MAX - CHUNK_MAX_BYTES)
#define RECORD_USUAL 320u /* most are whole in so much */

#define WHERE_MASK (((uint64_t)1 << 48) - 1)
#define WHERE_IN_FILE ((uint64_t)1 << 63)
#define SECONDS_MAX 0x7fffu

struct heap_chunk {
    uint32_t len;
    uint8_t encoding, count;
    uint8_t bytes[];
};

static uint64_t place_of(uint32_t number, uint64_t offset) {
    return (uint64_t)(number % CHUNK_FILES) << FILE_BITS | offset;
}

static struct chunk_file *file_of(struct chunk_store *store, uint64_t place) {
    return &store->files[place >> FILE_BITS];
}

static struct chunk_file *current(struct chunk_store *store) {
    return &store->files[store->number % CHUNK_FILES];
}

struct old_files {
    VEC(uint32_t) numbers;
};

/* six digits or more and nothing else: a file of ours */
static void note_old(const char *name, void *context) {
    struct old_files *old = context;
    size_t len = strlen(name);
    uint64_t number = 0;
    if (len < 6 || len > 9 || strspn(name, "0123456789") != len) return;
    for (const char *digit = name; *digit; digit++) number = number * 10 + (uint64_t)(*digit - '0');
    *vec_push(&old->numbers) = (uint32_t)number;
}

static int file_path(const struct chunk_store *store, uint32_t number, char path[PATH_BYTES],
                     struct err *err) {
    if (snprintf(path, PATH_BYTES, "%s/%06u", store->folder, number) >= PATH_BYTES)
        return err_set(err, ERR_LIMIT, "path of the head chunks is too long");
    return 0;
}

/* a file that cannot be opened, or is no file of ours, is as one that is not there */
static void open_old(struct chunk_store *store, uint32_t number) {
    char path[PATH_BYTES];
    uint8_t header[HEADER_BYTES];
    uint64_t size;
    struct file file;
    struct err err;
    struct chunk_file *to = &store->files[number % CHUNK_FILES];
    int rc = file_path(store, number, path, &err);
    if (!rc) rc = file_open(store->fs, path, FILE_WRITE, &file, &err);
    if (rc) {
        LOG(LOG_WARN, "old head chunk file not opened", "err", err.text);
        return;
    }
    rc = file_size(&file, &size, &err);
    if (!rc) rc = file_read(&file, header, sizeof header, 0, &err);
    uint32_t version = rc || load_u32(header) != FILE_MAGIC ? 0 : load_u32(header + 4);
    if (version < FILE_OLDEST || version > FILE_VERSION || file_is_open(&to->file)) {
        LOG(LOG_WARN, "old head chunk file is not of this version", "path", path);
        file_close(&file);
        return;
    }
    *to = (struct chunk_file){.file = file, .maxt = INT64_MIN};
    store->number = number;
    store->offset = size;
}

static int compare_numbers(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

/* new chunks go into a file of their own, behind the highest */
static int open_all_old(struct chunk_store *store, struct err *err) {
    struct old_files old = {0};
    int rc = folder_list(store->fs, store->folder, note_old, &old, err);
    if (old.numbers.count) {
        qsort(old.numbers.items, old.numbers.count, sizeof *old.numbers.items, compare_numbers);
        for (size_t i = 0; !rc && i < old.numbers.count; i++) open_old(store, old.numbers.items[i]);
        store->number = old.numbers.items[old.numbers.count - 1] + 1;
        store->offset = HEADER_BYTES;
    }
    vec_release(&old.numbers);
    return rc;
}

int chunk_store_init(struct chunk_store *store, struct file_system *fs, const char *folder, struct err *err) {
    *store = (struct chunk_store){.fs = fs, .number = 1, .offset = HEADER_BYTES, .file_max_bytes = FILE_MAX};
    mutex_init(&store->lock);
    windows_init(&store->windows);
    buf_init(&store->pending, PENDING_MAX);
    for (size_t i = 0; i < CHUNK_FILES; i++) store->files[i].maxt = INT64_MIN;
    if (!folder) return 0;
    int rc = folder_make(fs, folder, err);
    if (rc) return rc;
    store->folder = mem_strdup(folder);
    rc = open_all_old(store, err);
    atomic_store(&store->flushed, place_of(store->number, store->offset));
    return rc;
}

void chunk_store_release(struct chunk_store *store) {
    for (uint32_t i = 0; store->folder && i < CHUNK_FILES; i++) file_close(&store->files[i].file);
    mem_free((void *)store->folder);
    windows_release(&store->windows);
    buf_release(&store->pending);
    mutex_release(&store->lock);
}

static uint64_t seconds_between(int64_t mint, int64_t maxt) {
    uint64_t seconds = ((uint64_t)maxt - (uint64_t)mint) / 1000 + 1;
    return seconds < SECONDS_MAX ? seconds : SECONDS_MAX;
}

int64_t chunk_ref_mint(struct chunk_ref ref) {
    int64_t seconds = (int64_t)(ref.where >> 48 & SECONDS_MAX), mint;
    if (seconds == SECONDS_MAX || __builtin_sub_overflow(ref.maxt, seconds * 1000, &mint)) return INT64_MIN;
    return mint;
}

static struct chunk_ref ref_make(const struct chunk_info *info, uint64_t where) {
    ASSERT((where & WHERE_MASK) == (where & ~WHERE_IN_FILE));
    return (struct chunk_ref){where | seconds_between(info->mint, info->maxt) << 48, info->maxt};
}

static struct heap_chunk *heap_of(struct chunk_ref ref) {
    return (struct heap_chunk *)(uintptr_t)(ref.where & WHERE_MASK); /* user addresses have 47 bits */
}

static struct chunk_ref add_to_heap(struct chunk_store *store, const struct chunk_info *info,
                                    const uint8_t *bytes) {
    struct heap_chunk *chunk = mem_alloc(sizeof *chunk + info->len);
    chunk->len = info->len;
    chunk->encoding = info->encoding;
    chunk->count = info->count;
    memcpy(chunk->bytes, bytes, info->len);
    atomic_fetch_add_explicit(&store->heap_chunks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->heap_bytes, sizeof *chunk + info->len, memory_order_relaxed);
    return ref_make(info, (uintptr_t)chunk);
}

void chunk_store_drop(struct chunk_store *store, struct chunk_ref ref) {
    if (ref.where & WHERE_IN_FILE) return;
    struct heap_chunk *chunk = heap_of(ref);
    atomic_fetch_sub_explicit(&store->heap_chunks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&store->heap_bytes, sizeof *chunk + chunk->len, memory_order_relaxed);
    mem_free(chunk);
}

static int file_make(struct chunk_store *store, struct err *err) {
    char path[PATH_BYTES];
    struct file file;
    int rc = file_path(store, store->number, path, err);
    if (!rc) rc = file_open(store->fs, path, FILE_WRITE, &file, err);
    if (rc) return rc;
    uint8_t header[HEADER_BYTES];
    store_u32(header, FILE_MAGIC);
    store_u32(header + 4, FILE_VERSION);
    rc = file_write(&file, header, sizeof header, 0, err);
    if (rc) {
        file_close(&file);
        return rc;
    }
    current(store)->file = file;
    return 0;
}

static int write_pending(struct chunk_store *store, struct err *err) {
    struct chunk_file *to = current(store);
    if (!file_is_open(&to->file)) {
        int rc = file_make(store, err);
        if (rc) return rc;
    }
    /* only this thread changes pending, so reading it needs no lock */
    int rc = file_write(&to->file, store->pending.data, store->pending.len, store->offset, err);
    if (rc) return rc;
    mutex_lock(&store->lock);
    to->is_dirty = true;
    store->offset += store->pending.len;
    atomic_store_explicit(&store->flushed, place_of(store->number, store->offset), memory_order_release);
    buf_reset(&store->pending);
    mutex_unlock(&store->lock);
    return 0;
}

bool chunk_store_flush_all(struct chunk_store *store) {
    struct err err;
    int rc = store->pending.len ? write_pending(store, &err) : 0;
    if (rc && !store->is_failing)
        LOG(LOG_ERROR, "head chunks stay in memory: their file cannot be written", "err", err.text);
    if (!rc && store->is_failing) LOG(LOG_INFO, "head chunks are written to their files again");
    store->is_failing = rc != 0;
    return rc == 0;
}

void chunk_store_flush(struct chunk_store *store) {
    if (store->pending.len >= FLUSH_BYTES) chunk_store_flush_all(store);
}

/* where the next record goes; false when no file takes it */
static bool make_room(struct chunk_store *store, size_t bytes) {
    if (!store->folder || store->pending.len + bytes > PENDING_MAX) return false;
    if (store->offset + store->pending.len + bytes <= store->file_max_bytes) return true;
    if (!chunk_store_flush_all(store) || file_is_open(&store->files[(store->number + 1) % CHUNK_FILES].file))
        return false;
    mutex_lock(&store->lock);
    store->number++;
    store->offset = HEADER_BYTES;
    atomic_store_explicit(&store->flushed, place_of(store->number, store->offset), memory_order_release);
    current(store)->maxt = INT64_MIN;
    mutex_unlock(&store->lock);
    return true;
}

/* lengths are written in these units; the last is filled with zeros */
static size_t unit_of(uint8_t encoding) {
    return encoding == CHUNK_HISTOGRAM ? 64 : 1;
}

static size_t record_bytes(const struct chunk_info *info) {
    size_t unit = unit_of(info->encoding);
    return RECORD_BYTES + (info->len + unit - 1) / unit * unit;
}

static void record_write(uint8_t *record, const struct chunk_info *info, const uint8_t *bytes) {
    size_t len = record_bytes(info) - RECORD_BYTES;
    uint16_t units = (uint16_t)(len / unit_of(info->encoding));
    store_u64(record + 4, info->number);
    record[12] = info->encoding;
    record[13] = info->count;
    memcpy(record + 14, &units, 2);
    memcpy(record + RECORD_BYTES, bytes, info->len);
    memset(record + RECORD_BYTES + info->len, 0, len - info->len);
    store_u32(record, crc32c(0, record + 4, RECORD_BYTES - 4 + len));
}

struct chunk_ref chunk_store_add(struct chunk_store *store, const struct chunk_info *info,
                                 const uint8_t *bytes) {
    size_t len = record_bytes(info);
    if (!make_room(store, len)) return add_to_heap(store, info, bytes);
    uint64_t offset = store->offset + store->pending.len;
    mutex_lock(&store->lock);
    bool fits = buf_reserve(&store->pending, len);
    ASSERT(fits); /* make_room has looked */
    record_write((uint8_t *)store->pending.data + store->pending.len, info, bytes);
    store->pending.len += len;
    if (info->maxt > current(store)->maxt) current(store)->maxt = info->maxt;
    mutex_unlock(&store->lock);
    return ref_make(info, WHERE_IN_FILE | place_of(store->number, offset));
}

/* behind what is in the file being written; places in other files are never */
static bool is_behind(uint64_t place, uint64_t flushed) {
    return place >> FILE_BITS == flushed >> FILE_BITS && place >= flushed;
}

/* up to `want` bytes; false: it has meanwhile been written to its file */
static bool copy_pending(struct chunk_store *store, uint64_t place, uint8_t *record, size_t want,
                         size_t *len) {
    mutex_lock(&store->lock);
    bool is_pending = is_behind(place, atomic_load_explicit(&store->flushed, memory_order_relaxed));
    if (is_pending) {
        uint64_t at = (place & (FILE_MAX - 1)) - store->offset;
        ASSERT(at < store->pending.len);
        *len = store->pending.len - at < want ? store->pending.len - at : want;
        memcpy(record, store->pending.data + at, *len);
    }
    mutex_unlock(&store->lock);
    return is_pending;
}

/* as much as there is, up to `want` */
static int read_file(const struct file *file, uint8_t *record, uint64_t offset, size_t want, size_t *got,
                     struct err *err) {
    size_t done = 0, more;
    do {
        int rc = file_read_some(file, record + done, want - done, offset + done, &more, err);
        if (rc) return rc;
        done += more;
    } while (more && done < want);
    *got = done;
    return 0;
}

/* the first `want` bytes of a record, or fewer where the file ends */
static int read_some(struct chunk_store *store, uint64_t place, size_t want, struct chunk_copy *copy,
                     struct err *err) {
    vec_reserve(&copy->record, want);
    uint64_t flushed = atomic_load_explicit(&store->flushed, memory_order_acquire);
    if (is_behind(place, flushed)) {
        if (copy_pending(store, place, copy->record.items, want, &copy->record.count)) return 0;
        flushed = atomic_load_explicit(&store->flushed, memory_order_acquire);
    }
    const struct file *file = &file_of(store, place)->file;
    uint64_t offset = place & (FILE_MAX - 1);
    if (want > CHUNK_RECORD_MAX)
        return read_file(file, copy->record.items, offset, want, &copy->record.count, err);
    bool is_current = place >> FILE_BITS == flushed >> FILE_BITS;
    return windows_read(&store->windows, file, place, offset,
                        is_current ? flushed & (FILE_MAX - 1) : FILE_MAX, copy->record.items, want,
                        &copy->record.count, err);
}

/* of the whole record as its header says it; 0: makes no sense */
static size_t said_bytes(const struct chunk_copy *copy) {
    uint16_t units;
    if (copy->record.count < RECORD_BYTES) return 0;
    memcpy(&units, copy->record.items + 14, 2);
    uint8_t encoding = copy->record.items[12];
    size_t len = units * unit_of(encoding);
    return encoding != CHUNK_HISTOGRAM && len > CHUNK_MAX_BYTES ? 0 : RECORD_BYTES + len;
}

static bool is_whole(const struct chunk_copy *copy, size_t len, uint64_t number) {
    const uint8_t *record = copy->record.items;
    return len && copy->record.count >= len && crc32c(0, record + 4, len - 4) == load_u32(record) &&
           load_u64(record + 4) == number && record[13] <= CHUNK_SAMPLES;
}

/* a whole record into copy; a window that holds a bad one is given up */
static int fetch(struct chunk_store *store, uint64_t place, uint64_t number, struct chunk_copy *copy,
                 size_t *len, struct err *err) {
    int rc = read_some(store, place, RECORD_USUAL, copy, err);
    *len = rc ? 0 : said_bytes(copy);
    if (*len > copy->record.count) rc = read_some(store, place, *len, copy, err);
    if (!rc && !is_whole(copy, *len, number)) windows_forget(&store->windows);
    return rc;
}

static int read_record(struct chunk_store *store, uint64_t place, uint64_t number, struct chunk_copy *copy,
                       struct err *err) {
    size_t len;
    int rc = fetch(store, place, number, copy, &len, err);
    if (rc) return rc;
    const struct file *file = &file_of(store, place)->file;
    if (!is_whole(copy, len, number)) {
        atomic_fetch_add_explicit(&store->damaged, 1, memory_order_relaxed);
        return err_set(err, ERR_CORRUPT, "head chunk in \"%s\" at offset %" PRIu64 " is damaged",
                       file->path ? file->path : store->folder, place & (FILE_MAX - 1));
    }
    copy->encoding = copy->record.items[12];
    copy->count = copy->record.items[13];
    copy->bytes = copy->record.items + RECORD_BYTES;
    copy->len = len - RECORD_BYTES;
    return 0;
}

void chunk_copy_release(struct chunk_copy *copy) {
    vec_release(&copy->record);
}

int chunk_store_read(struct chunk_store *store, struct chunk_ref ref, uint64_t number,
                     struct chunk_copy *copy, struct err *err) {
    if (ref.where & WHERE_IN_FILE) return read_record(store, ref.where & WHERE_MASK, number, copy, err);
    const struct heap_chunk *chunk = heap_of(ref);
    copy->encoding = chunk->encoding;
    copy->count = chunk->count;
    copy->len = chunk->len;
    vec_reserve(&copy->record, chunk->len);
    memcpy(copy->record.items, chunk->bytes, chunk->len);
    copy->bytes = copy->record.items;
    return 0;
}

bool chunk_ref_in_heap(struct chunk_ref ref) {
    return !(ref.where & WHERE_IN_FILE);
}

bool chunk_store_restore(struct chunk_store *store, struct chunk_ref ref) {
    if (chunk_ref_in_heap(ref) || !store->folder) return false;
    struct chunk_file *file = file_of(store, ref.where & WHERE_MASK);
    if ((ref.where & WHERE_MASK) >> FILE_BITS >= CHUNK_FILES || !file_is_open(&file->file)) return false;
    if (ref.maxt > file->maxt) file->maxt = ref.maxt;
    return true;
}

static void remove_file(struct chunk_store *store, struct chunk_file *file) {
    struct err err;
    char *path = mem_strdup(file->file.path);
    file_close(&file->file);
    file->is_dirty = file->is_bad = false;
    if (file_remove(store->fs, path, &err)) LOG(LOG_WARN, "old head chunk file not removed", "err", err.text);
    mem_free(path);
}

void chunk_store_remove_before(struct chunk_store *store, int64_t mint) {
    for (uint32_t i = 0; store->folder && i < CHUNK_FILES; i++) {
        struct chunk_file *file = &store->files[i];
        bool is_current = i == store->number % CHUNK_FILES;
        if (file_is_open(&file->file) && !is_current && (file->maxt < mint || file->maxt == INT64_MIN))
            remove_file(store, file);
    }
    windows_forget(&store->windows);
}

int chunk_store_sync(struct chunk_store *store, struct err *err) {
    for (uint32_t i = 0; store->folder && i < CHUNK_FILES; i++) {
        struct chunk_file *file = &store->files[i];
        mutex_lock(&store->lock);
        bool is_dirty = file->is_dirty;
        file->is_dirty = false;
        mutex_unlock(&store->lock);
        if (is_dirty && file_sync(&file->file, err)) file->is_bad = true;
        if (file->is_bad) return err_set(err, ERR_IO, "\"%s\" could not be synced", file->file.path);
    }
    return store->folder ? folder_sync(store->fs, store->folder, err) : 0;
}
