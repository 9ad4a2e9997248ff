#include "storage/block/layout.h"

#include "lib/base/bits.h"
#include "lib/base/log.h"
#include "lib/codec/crc32c.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META_MAX ((size_t)64 << 10)

int block_path(const char *folder, struct ulid ulid, const char *kind, char path[BLOCK_PATH_MAX],
               struct err *err) {
    char text[ULID_TEXT + 1];
    ulid_text(ulid, text);
    if (snprintf(path, BLOCK_PATH_MAX, "%s/%s.%s", folder, text, kind) >= BLOCK_PATH_MAX)
        return err_set(err, ERR_LIMIT, "path of a block is too long");
    return 0;
}

/* .tmp: a crash came before the file got its name */
static const char *const kinds[] = {"meta", "meta.tmp", "tombstones", "tombstones.tmp", "index", "data"};

void block_remove_files(struct file_system *fs, const char *folder, struct ulid ulid) {
    char path[BLOCK_PATH_MAX];
    struct err err;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (block_path(folder, ulid, kinds[i], path, NULL)) return;
        int rc = file_remove(fs, path, &err);
        if (rc && rc != ERR_NOT_FOUND) LOG(LOG_WARN, "a file of a block was not removed", "err", err.text);
        if (i == 0 && !rc) (void)folder_sync(fs, folder, NULL); /* from here on there is no block */
    }
}

/* ---- what is in a folder ---- */

struct found {
    struct ulid ulid;
    bool has_meta;
};

struct listing {
    VEC(struct found) found;
};

static void note_file(const char *name, void *context) {
    struct listing *listing = context;
    char text[ULID_TEXT + 1];
    struct ulid ulid;
    if (strlen(name) < ULID_TEXT + 2 || name[ULID_TEXT] != '.') return;
    memcpy(text, name, ULID_TEXT);
    text[ULID_TEXT] = 0;
    if (ulid_parse(text, &ulid))
        *vec_push(&listing->found) = (struct found){ulid, strcmp(name + ULID_TEXT + 1, "meta") == 0};
}

/* by name, the meta file first */
static int compare_found(const void *a, const void *b) {
    const struct found *left = a, *right = b;
    int order = memcmp(&left->ulid, &right->ulid, sizeof left->ulid);
    return order ? order : right->has_meta - left->has_meta;
}

int block_list(struct file_system *fs, const char *folder, struct ulids *ulids, struct err *err) {
    struct listing listing = {0};
    int rc = folder_make(fs, folder, err);
    if (!rc) rc = folder_list(fs, folder, note_file, &listing, err);
    size_t count = rc ? 0 : listing.found.count;
    if (count) qsort(listing.found.items, count, sizeof *listing.found.items, compare_found);
    for (size_t i = 0; i < count; i++) {
        const struct found *found = &listing.found.items[i];
        bool is_next = i > 0 && memcmp(&found->ulid, &found[-1].ulid, sizeof found->ulid) == 0;
        if (is_next) continue;
        if (found->has_meta)
            *vec_push(&ulids->list) = found->ulid;
        else
            block_remove_files(fs, folder, found->ulid);
    }
    vec_release(&listing.found);
    return rc;
}

void file_header_write(uint64_t magic, uint8_t header[FILE_HEADER]) {
    store_u64(header, magic);
    store_u32(header + 8, BLOCK_VERSION);
    store_u32(header + 12, crc32c(0, header, 12));
}

static int check(const uint8_t header[FILE_HEADER], uint64_t magic, const char *path, struct err *err) {
    if (load_u64(header) != magic || load_u32(header + 12) != crc32c(0, header, 12))
        return err_set(err, ERR_CORRUPT, "\"%s\" has a damaged header", path);
    if (load_u32(header + 8) != BLOCK_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "\"%s\" has version %u, which this program does not know", path,
                       load_u32(header + 8));
    return 0;
}

int file_header_check(const struct file *file, uint64_t magic, struct err *err) {
    uint8_t header[FILE_HEADER];
    int rc = file_read(file, header, sizeof header, 0, err);
    return rc ? rc : check(header, magic, file->path, err);
}

/* ---- meta: header, then the fields, then CRC-32C of the fields ---- */

static void put_u64(struct buf *out, uint64_t value) {
    uint8_t bytes[8];
    store_u64(bytes, value);
    buf_append(out, bytes, sizeof bytes);
}

int meta_write(struct file_system *fs, const char *folder, const struct block_meta *meta, struct err *err) {
    char path[BLOCK_PATH_MAX];
    uint8_t header[FILE_HEADER], crc[4];
    struct buf out;
    int rc = block_path(folder, meta->ulid, "meta", path, err);
    if (rc) return rc;
    buf_init(&out, META_MAX);
    file_header_write(META_MAGIC, header);
    buf_append(&out, header, sizeof header);
    buf_append(&out, meta->ulid.bytes, sizeof meta->ulid.bytes);
    const uint64_t numbers[] = {(uint64_t)meta->mint, (uint64_t)meta->maxt, (uint64_t)meta->head_end,
                                meta->series,         meta->samples,        meta->histograms,
                                meta->level,          meta->origin,         meta->source_count};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) put_u64(&out, numbers[i]);
    buf_append(&out, meta->sources, meta->source_count * sizeof *meta->sources);
    store_u32(crc, crc32c(0, out.data + FILE_HEADER, out.len - FILE_HEADER));
    buf_append(&out, crc, sizeof crc);
    rc = out.failed ? err_set(err, ERR_LIMIT, "meta of a block is too large")
                    : file_write_atomic(fs, path, out.data, out.len, err);
    buf_release(&out);
    return rc;
}

static bool parse(const uint8_t *at, size_t len, struct block_meta *meta) {
    size_t fixed = sizeof meta->ulid.bytes + 9 * 8;
    if (len < fixed + 4 || load_u32(at + len - 4) != crc32c(0, at, len - 4)) return false;
    uint64_t numbers[9];
    memcpy(meta->ulid.bytes, at, sizeof meta->ulid.bytes);
    for (size_t i = 0; i < 9; i++) numbers[i] = load_u64(at + sizeof meta->ulid.bytes + i * 8);
    if (numbers[7] > BLOCK_IMPORTED || numbers[8] > BLOCK_MAX_SOURCES) return false;
    if (len != fixed + numbers[8] * sizeof(struct ulid) + 4) return false;
    meta->mint = (int64_t)numbers[0];
    meta->maxt = (int64_t)numbers[1];
    meta->head_end = (int64_t)numbers[2];
    meta->series = numbers[3];
    meta->samples = numbers[4];
    meta->histograms = numbers[5];
    meta->level = (uint32_t)numbers[6];
    meta->origin = (enum block_origin)numbers[7];
    meta->source_count = (uint32_t)numbers[8];
    memcpy(meta->sources, at + fixed, meta->source_count * sizeof(struct ulid));
    return meta->mint <= meta->maxt;
}

int meta_read(struct file_system *fs, const char *folder, struct ulid ulid, struct block_meta *meta,
              struct err *err) {
    char path[BLOCK_PATH_MAX];
    struct buf in;
    int rc = block_path(folder, ulid, "meta", path, err);
    if (rc) return rc;
    buf_init(&in, META_MAX);
    rc = file_read_all(fs, path, &in, err);
    if (!rc && in.len < FILE_HEADER) rc = err_set(err, ERR_CORRUPT, "\"%s\" is too short", path);
    if (!rc) rc = check((const uint8_t *)in.data, META_MAGIC, path, err);
    *meta = (struct block_meta){0};
    if (!rc && !parse((const uint8_t *)in.data + FILE_HEADER, in.len - FILE_HEADER, meta))
        rc = err_set(err, ERR_CORRUPT, "\"%s\" is damaged", path);
    if (!rc && memcmp(&meta->ulid, &ulid, sizeof ulid) != 0)
        rc = err_set(err, ERR_CORRUPT, "\"%s\" is of another block", path);
    buf_release(&in);
    return rc;
}
