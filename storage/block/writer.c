#include "storage/block/writer.h"

#include "lib/base/bits.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "storage/block/group.h"
#include "storage/block/histogram_page.h"
#include "storage/block/index_writer.h"
#include "storage/block/layout.h"
#include "storage/chunk/histogram_code.h"

#include <string.h>

#define LEVEL 3

/* A page of histograms ends before it may take more bytes than this, so that its group stays within
   GROUP_MAX_BYTES: many buckets that all change would not fit otherwise. */
#define HISTOGRAM_PAGE_BYTES ((size_t)4 << 20)

/* times of a page that are in the file already: series of one target share theirs */
struct known_times {
    uint64_t hashes[2], offset;
    uint32_t count;
};

struct block_writer {
    struct file_system *fs;
    char *folder; /* owned */
    struct block_meta meta;
    struct file data;
    uint64_t offset;
    struct group_writer values, times, histograms;
    struct index_notes notes;
    VEC(struct known_times) known;
    struct map by_hash;
    struct zstd_writer *zstd;
    struct buf packed;
    int failed;                                /* a series was not written whole: there will be no block */
    uint64_t values_number, histograms_number; /* of the groups that are being filled */
};

static void release(struct block_writer *w) {
    file_close(&w->data);
    group_writer_release(&w->values);
    group_writer_release(&w->times);
    group_writer_release(&w->histograms);
    index_notes_release(&w->notes);
    vec_release(&w->known);
    map_release(&w->by_hash);
    zstd_writer_destroy(w->zstd);
    buf_release(&w->packed);
    mem_free(w->folder);
    mem_free(w);
}

static int open_data(struct block_writer *w, struct err *err) {
    char path[BLOCK_PATH_MAX];
    uint8_t header[FILE_HEADER];
    int rc = block_path(w->folder, w->meta.ulid, "data", path, err);
    if (!rc) rc = folder_make(w->fs, w->folder, err);
    if (!rc) rc = file_open(w->fs, path, FILE_CREATE, &w->data, err);
    file_header_write(DATA_MAGIC, header);
    if (!rc) rc = file_write(&w->data, header, sizeof header, 0, err);
    w->offset = FILE_HEADER;
    return rc;
}

int block_writer_create(const struct block_writer_options *options, struct block_writer **writer,
                        struct err *err) {
    struct block_writer *w = mem_zalloc(sizeof *w);
    w->fs = options->fs;
    w->folder = mem_strdup(options->folder);
    w->meta = (struct block_meta){.ulid = ulid_make(options->now_ms),
                                  .mint = INT64_MAX,
                                  .maxt = INT64_MIN,
                                  .head_end = options->head_end,
                                  .level = options->level,
                                  .origin = options->origin,
                                  .source_count = options->source_count};
    if (options->sources)
        memcpy(w->meta.sources, options->sources, options->source_count * sizeof *options->sources);
    else
        w->meta.sources[w->meta.source_count++] = w->meta.ulid;
    group_writer_init(&w->values, GROUP_VALUES);
    group_writer_init(&w->times, GROUP_TIMES);
    group_writer_init(&w->histograms, GROUP_HISTOGRAMS);
    index_notes_init(&w->notes);
    w->values_number = index_notes_group(&w->notes);
    w->histograms_number = index_notes_group(&w->notes);
    w->zstd = zstd_writer_create(LEVEL);
    buf_init(&w->packed, STREAM_COUNT * GROUP_MAX_BYTES * 2);
    int rc = open_data(w, err);
    if (rc)
        block_writer_abort(w);
    else
        *writer = w;
    return rc;
}

void block_writer_abort(struct block_writer *w) {
    if (!w) return;
    file_close(&w->data);
    block_remove_files(w->fs, w->folder, w->meta.ulid);
    release(w);
}

/* ---- pages ---- */

static int put_group(struct block_writer *w, struct group_writer *group, uint64_t *offset, struct err *err) {
    buf_reset(&w->packed);
    int rc = group_writer_end(group, w->zstd, &w->packed, err);
    if (!rc) rc = file_write(&w->data, w->packed.data, w->packed.len, w->offset, err);
    if (rc) return rc;
    *offset = w->offset;
    w->offset += w->packed.len;
    group_writer_reset(group);
    return 0;
}

/* its pages know where it is, and the next one has another number */
static int flush_group(struct block_writer *w, struct group_writer *group, uint64_t *number,
                       struct err *err) {
    uint64_t offset = 0;
    int rc = group->pages ? put_group(w, group, &offset, err) : 0;
    if (rc) return rc;
    index_notes_group_is_at(&w->notes, *number, offset);
    *number = index_notes_group(&w->notes);
    return 0;
}

static bool times_equal(uint32_t index, const void *key, const void *context) {
    const struct known_times *known = &((const struct block_writer *)context)->known.items[index],
                             *wanted = key;
    return known->hashes[0] == wanted->hashes[0] && known->hashes[1] == wanted->hashes[1] &&
           known->count == wanted->count;
}

static bool is_regular(const int64_t *times, size_t count) {
    uint64_t step = count > 1 ? (uint64_t)times[1] - (uint64_t)times[0] : 0;
    for (size_t i = 2; i < count; i++)
        if ((uint64_t)times[i] - (uint64_t)times[i - 1] != step) return false;
    return true;
}

/* *offset 0: they are regular. Two hashes of 64 bits, keyed, stand for equal times. */
static int put_times(struct block_writer *w, const int64_t *times, size_t count, uint64_t *offset,
                     struct err *err) {
    *offset = 0;
    if (is_regular(times, count)) return 0;
    uint64_t hash = hash_bytes_keyed(times, count * sizeof *times);
    struct known_times key = {
        {hash, hash_mix(hash_bytes(times, count * sizeof *times), 1)}, 0, (uint32_t)count};
    uint32_t index = map_find(&w->by_hash, hash, &key, times_equal, w);
    if (index != MAP_NONE) {
        *offset = w->known.items[index].offset;
        return 0;
    }
    column_write_times(w->times.streams, times, count);
    w->times.counts[w->times.pages++] = (uint16_t)count;
    int rc = put_group(w, &w->times, &key.offset, err);
    if (rc) return rc;
    *offset = key.offset;
    *vec_push(&w->known) = key;
    map_insert(&w->by_hash, hash, (uint32_t)w->known.count - 1);
    return 0;
}

static int put_page(struct block_writer *w, const struct columns *columns, size_t from, size_t count,
                    struct err *err) {
    bool is_histogram = columns_histogram(columns, from) != NULL;
    struct group_writer *group = is_histogram ? &w->histograms : &w->values;
    uint64_t *number = is_histogram ? &w->histograms_number : &w->values_number;
    struct page_ref ref = {.group = *number,
                           .mint = columns->times_ms[from],
                           .maxt = columns->times_ms[from + count - 1],
                           .page = group->pages,
                           .count = (uint32_t)count,
                           .is_histogram = is_histogram};
    int rc = put_times(w, columns->times_ms + from, count, &ref.times, err);
    if (rc) return rc;
    if (is_histogram)
        histogram_page_write(&group->streams[STREAM_CONTROL], columns->histograms + from, count);
    else
        column_write_values(group->streams, columns->values + from, count);
    group->counts[group->pages++] = (uint16_t)count;
    index_notes_page(&w->notes, ref);
    if (is_histogram) w->meta.histograms += count;
    if (!group_writer_is_full(group)) return 0;
    return flush_group(w, group, number, err);
}

/* rows of one kind, at most a page */
static size_t page_length(const struct columns *columns, size_t from) {
    size_t count = 0, bytes = 0;
    bool is_histogram = columns_histogram(columns, from) != NULL;
    while (count < PAGE_SAMPLES && from + count < columns->count) {
        const struct histogram *histogram = columns_histogram(columns, from + count);
        if ((histogram != NULL) != is_histogram) break;
        if (histogram) bytes += histogram_code_most(histogram);
        if (count && bytes > HISTOGRAM_PAGE_BYTES) break;
        count++;
    }
    return count;
}

static int check_series(const struct block_writer *w, struct labels labels, const struct columns *columns,
                        struct err *err) {
    for (size_t i = 1; i < columns->count; i++)
        if (columns->times_ms[i] <= columns->times_ms[i - 1])
            return err_set(err, ERR_INVALID, "samples of a block are not in the order of their times");
    return index_notes_check(&w->notes, labels, err);
}

int block_writer_add(struct block_writer *w, struct labels labels, const struct columns *columns,
                     struct err *err) {
    if (!columns->count) return 0;
    if (w->failed) return err_set(err, w->failed, "a series of the block was not written");
    int rc = check_series(w, labels, columns, err);
    if (rc) return rc;
    for (size_t from = 0, count; !rc && from < columns->count; from += count) {
        count = page_length(columns, from);
        rc = put_page(w, columns, from, count, err);
    }
    if (rc) return w->failed = rc; /* pages without a series: nothing may come behind them */
    index_notes_series(&w->notes, labels);
    if (columns->times_ms[0] < w->meta.mint) w->meta.mint = columns->times_ms[0];
    if (columns->times_ms[columns->count - 1] > w->meta.maxt)
        w->meta.maxt = columns->times_ms[columns->count - 1];
    w->meta.series++;
    w->meta.samples += columns->count;
    return 0;
}

uint64_t block_writer_samples(const struct block_writer *w) {
    return w->meta.samples;
}

/* ---- the end ---- */

static int write_index(struct block_writer *w, uint64_t *bytes, struct err *err) {
    char path[BLOCK_PATH_MAX];
    struct file file;
    int rc = block_path(w->folder, w->meta.ulid, "index", path, err);
    if (!rc) rc = file_open(w->fs, path, FILE_CREATE, &file, err);
    if (rc) return rc;
    rc = index_write(&w->notes, w->meta.mint, &file, bytes, err);
    if (!rc) rc = file_sync(&file, err);
    file_close(&file);
    return rc;
}

/* data and index on disk, then meta, which makes it a block */
static int finish(struct block_writer *w, struct err *err) {
    uint64_t index_bytes = 0;
    int rc = flush_group(w, &w->values, &w->values_number, err);
    if (!rc) rc = flush_group(w, &w->histograms, &w->histograms_number, err);
    if (!rc) rc = file_sync(&w->data, err);
    if (!rc) rc = write_index(w, &index_bytes, err);
    w->meta.bytes = w->offset + index_bytes;
    if (!rc) rc = folder_sync(w->fs, w->folder, err);
    return rc ? rc : meta_write(w->fs, w->folder, &w->meta, err);
}

int block_writer_finish(struct block_writer *w, struct block_meta *meta, struct err *err) {
    int rc = w->failed ? err_set(err, w->failed, "a series of the block was not written") : 0;
    if (!rc && w->meta.samples) rc = finish(w, err);
    if (rc || !w->meta.samples) {
        *meta = (struct block_meta){0};
        block_writer_abort(w);
        return rc;
    }
    *meta = w->meta;
    release(w);
    return 0;
}
