/*
 * tombstones.c - what is deleted of a block: a file beside it, written anew with each deletion.
 *
 *     | header | u32 count | count x { u32 series, i64 mint, i64 maxt } | CRC-32C of all behind the header |
 */
#include "lib/base/bits.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"
#include "storage/block/inside.h"

#include <stdlib.h>
#include <string.h>

#define ITEM_BYTES ((size_t)20)
#define FILE_MAX ((size_t)1 << 30)

static void destroy(struct shared *shared) {
    mem_free(shared);
}

static int compare(const void *a, const void *b) {
    const struct tombstone *left = a, *right = b;
    return left->series < right->series ? -1 : left->series > right->series;
}

/* by series */
static void sort(struct tombstones *tombstones) {
    if (tombstones->count) qsort(tombstones->items, tombstones->count, sizeof *tombstones->items, compare);
}

static struct tombstones *make(size_t count) {
    struct tombstones *tombstones = mem_alloc(sizeof *tombstones + count * sizeof *tombstones->items);
    shared_init(&tombstones->shared, sizeof *tombstones + count * sizeof *tombstones->items, destroy);
    tombstones->count = count;
    return tombstones;
}

static bool parse(const uint8_t *at, size_t len, struct tombstones **result) {
    if (len < 8 || load_u32(at + len - 4) != crc32c(0, at, len - 4)) return false;
    size_t count = load_u32(at);
    if (len - 8 != count * ITEM_BYTES) return false;
    struct tombstones *tombstones = make(count);
    at += 4;
    for (size_t i = 0; i < count; i++, at += ITEM_BYTES)
        tombstones->items[i] =
            (struct tombstone){load_u32(at), (int64_t)load_u64(at + 4), (int64_t)load_u64(at + 12)};
    sort(tombstones);
    *result = tombstones;
    return true;
}

int tombstones_load(struct block *block, struct err *err) {
    char path[BLOCK_PATH_MAX];
    struct file file;
    struct buf in;
    int rc = block_path(block->folder, block->meta.ulid, "tombstones", path, err);
    if (!rc) rc = file_open(block->fs, path, FILE_READ, &file, err);
    if (rc) return rc == ERR_NOT_FOUND ? 0 : rc;
    rc = file_header_check(&file, TOMBSTONES_MAGIC, err);
    file_close(&file);
    buf_init(&in, FILE_MAX);
    if (!rc) rc = file_read_all(block->fs, path, &in, err);
    if (!rc && !parse((const uint8_t *)in.data + FILE_HEADER, in.len - FILE_HEADER, &block->tombstones))
        rc = err_set(err, ERR_CORRUPT, "\"%s\" is damaged", path);
    buf_release(&in);
    return rc;
}

static int save(struct block *block, const struct tombstones *tombstones, struct err *err) {
    char path[BLOCK_PATH_MAX];
    uint8_t header[FILE_HEADER], item[ITEM_BYTES];
    struct buf out;
    int rc = block_path(block->folder, block->meta.ulid, "tombstones", path, err);
    if (rc) return rc;
    buf_init(&out, FILE_MAX);
    file_header_write(TOMBSTONES_MAGIC, header);
    buf_append(&out, header, sizeof header);
    store_u32(item, (uint32_t)tombstones->count);
    buf_append(&out, item, 4);
    for (size_t i = 0; i < tombstones->count; i++) {
        store_u32(item, tombstones->items[i].series);
        store_u64(item + 4, (uint64_t)tombstones->items[i].mint);
        store_u64(item + 12, (uint64_t)tombstones->items[i].maxt);
        buf_append(&out, item, sizeof item);
    }
    store_u32(item, out.failed ? 0 : crc32c(0, out.data + FILE_HEADER, out.len - FILE_HEADER));
    buf_append(&out, item, 4);
    rc = out.failed ? err_set(err, ERR_LIMIT, "too many deletions in one block")
                    : file_write_atomic(block->fs, path, out.data, out.len, err);
    buf_release(&out);
    return rc;
}

struct tombstones *tombstones_hold(struct block *block) {
    mutex_lock(&block->tombstones_lock);
    struct tombstones *tombstones = block->tombstones;
    if (tombstones) atomic_fetch_add(&tombstones->shared.references, 1);
    mutex_unlock(&block->tombstones_lock);
    return tombstones;
}

bool block_has_tombstones(const struct block *block) {
    struct tombstones *tombstones = tombstones_hold((struct block *)block);
    if (tombstones) shared_release(&tombstones->shared);
    return tombstones != NULL;
}

/* those of a series, which stand together */
struct range {
    const struct tombstone *items;
    size_t count;
};

static struct range range_of(const struct tombstones *tombstones, uint32_t series) {
    size_t low = 0, high = tombstones->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tombstones->items[middle].series < series)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < tombstones->count && tombstones->items[end].series == series) end++;
    return (struct range){tombstones->items + low, end - low};
}

static bool is_deleted(struct range range, int64_t time_ms) {
    for (size_t i = 0; i < range.count; i++)
        if (time_ms >= range.items[i].mint && time_ms <= range.items[i].maxt) return true;
    return false;
}

bool tombstones_cover(const struct tombstones *tombstones, uint32_t series, int64_t mint, int64_t maxt) {
    struct range range = range_of(tombstones, series);
    for (size_t i = 0; i < range.count; i++)
        if (mint >= range.items[i].mint && maxt <= range.items[i].maxt) return true;
    return false;
}

void tombstones_apply(const struct tombstones *tombstones, uint32_t series, struct columns *columns,
                      size_t from) {
    size_t kept = from;
    struct range range = range_of(tombstones, series);
    if (!range.count) return;
    columns->step_ms = 0;
    for (size_t i = from; i < columns->count; i++) {
        if (is_deleted(range, columns->times_ms[i])) continue;
        columns->times_ms[kept] = columns->times_ms[i];
        columns->values[kept] = columns->values[i];
        if (columns->histograms) columns->histograms[kept] = columns->histograms[i];
        kept++;
    }
    for (size_t i = kept; columns->histograms && i < columns->count; i++) columns->histograms[i] = NULL;
    columns->count = kept;
}

int block_delete(struct block *block, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                 int64_t maxt, uint64_t *deleted, struct err *err) {
    struct members members;
    int rc = members_match(block, matchers, matcher_count, NULL, &members, err);
    if (rc) return rc;
    size_t count = 0, old = block->tombstones ? block->tombstones->count : 0;
    for (uint32_t series = 0; series < members.series; series++) count += members_has(&members, series);
    bool overlaps = mint <= block->meta.maxt && maxt >= block->meta.mint && mint <= maxt;
    *deleted = overlaps ? count : 0;
    if (*deleted) {
        struct tombstones *next = make(old + count), *before = block->tombstones;
        if (old) memcpy(next->items, before->items, old * sizeof *next->items);
        for (uint32_t series = 0; series < members.series; series++)
            if (members_has(&members, series)) next->items[old++] = (struct tombstone){series, mint, maxt};
        sort(next);
        rc = save(block, next, err);
        if (rc) {
            shared_release(&next->shared);
        } else {
            mutex_lock(&block->tombstones_lock);
            block->tombstones = next;
            mutex_unlock(&block->tombstones_lock);
            if (before) shared_release(&before->shared);
        }
    }
    members_release(&members);
    return rc;
}
