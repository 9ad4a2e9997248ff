#include "storage/foreign/chunks.h"

#include "lib/base/arena.h"
#include "lib/codec/crc32c.h"
#include "lib/codec/varint.h"

#include <stdio.h>

#define HEADER_BYTES 8
#define MAGIC_BLOCK 0x85BD40DDu
#define MAGIC_HEAD 0x0130BC91u
#define MAX_CHUNK ((uint64_t)16 << 20)
#define HEAD_CHUNK_FIXED 25
#define OUT_OF_ORDER 0x80u

static int open_numbered(struct file_system *fs, const char *folder, uint64_t number, uint32_t magic,
                         struct source *source, struct err *err) {
    struct buf path;
    const uint8_t *head;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/%06llu", folder, (unsigned long long)number);
    int rc = source_open(fs, buf_text(&path), source, err);
    if (!rc) {
        rc = source_bytes(source, 0, HEADER_BYTES, &head, err);
        if (!rc && (load_be32(head) != magic || head[4] != 1))
            rc = err_set(err, ERR_CORRUPT, "\"%s\" has not the magic and version of chunks", buf_text(&path));
        if (rc) source_close(source);
    }
    buf_release(&path);
    return rc;
}

int foreign_chunks_open(struct file_system *fs, const char *folder, struct foreign_chunks *chunks,
                        struct err *err) {
    struct foreign_chunks opened = {.fs = fs};
    int rc = source_list(fs, folder, "", 6, &opened.files, err);
    if (rc) return rc;
    opened.folder = mem_strdup(folder);
    opened.sources = mem_array(opened.files.list.count, sizeof *opened.sources);
    *chunks = opened;
    return 0;
}

void foreign_chunks_close(struct foreign_chunks *chunks) {
    for (size_t i = 0; i < chunks->files.list.count; i++) source_close(&chunks->sources[i]);
    mem_free(chunks->sources);
    mem_free(chunks->folder);
    vec_release(&chunks->files.list);
}

int foreign_chunks_get(struct foreign_chunks *chunks, uint64_t reference, uint8_t *encoding,
                       struct span *data, struct err *err) {
    uint64_t file = reference >> 32, offset = reference & UINT32_MAX;
    const uint8_t *bytes;
    size_t got;
    if (file >= chunks->files.list.count)
        return err_set(err, ERR_CORRUPT, "\"%s\": chunk in file %llu of %zu", chunks->folder,
                       (unsigned long long)file + 1, chunks->files.list.count);
    struct source *source = &chunks->sources[file];
    int rc = 0;
    if (!file_is_open(&source->file))
        rc = open_numbered(chunks->fs, chunks->folder, chunks->files.list.items[file], MAGIC_BLOCK, source,
                           err);
    if (!rc) rc = source_some(source, offset, VARINT_MAX, &bytes, &got, err);
    if (rc) return rc;
    struct cursor cursor = cursor_of(bytes, got);
    uint64_t len = cursor_varint(&cursor);
    size_t used = got - cursor_left(&cursor);
    if (cursor.failed || len > MAX_CHUNK)
        return err_set(err, ERR_CORRUPT, "\"%s\": chunk at %llu has no good length", source->file.path,
                       (unsigned long long)offset);
    rc = source_bytes(source, offset + used, (size_t)len + 5, &bytes, err);
    if (rc) return rc;
    if (crc32c(0, bytes, (size_t)len + 1) != load_be32(bytes + len + 1))
        return err_set(err, ERR_CORRUPT, "\"%s\": chunk at %llu does not pass its checksum",
                       source->file.path, (unsigned long long)offset);
    *encoding = bytes[0];
    *data = span_of((const char *)bytes + 1, (size_t)len);
    return 0;
}

/* the chunk at *offset, which is moved behind it; *is_end: nothing more was written */
static int head_chunk_next(struct source *source, uint64_t *offset, struct foreign_head_chunk *chunk,
                           bool *is_end, struct err *err) {
    const uint8_t *bytes;
    size_t got;
    int rc = source_some(source, *offset, HEAD_CHUNK_FIXED + VARINT_MAX, &bytes, &got, err);
    if (rc) return rc;
    bool any = false;
    for (size_t i = 0; i < got; i++) any |= bytes[i] != 0;
    *is_end = !any;
    if (!any) return 0;
    struct cursor cursor = cursor_of(bytes, got);
    (void)cursor_bytes(&cursor, HEAD_CHUNK_FIXED);
    uint64_t len = cursor_varint(&cursor);
    size_t used = got - cursor_left(&cursor);
    if (cursor.failed || len > MAX_CHUNK)
        return err_set(err, ERR_CORRUPT, "\"%s\": chunk at %llu has no good length", source->file.path,
                       (unsigned long long)*offset);
    rc = source_bytes(source, *offset, used + (size_t)len + 4, &bytes, err);
    if (rc) return rc;
    if (crc32c(0, bytes, used + (size_t)len) != load_be32(bytes + used + len))
        return err_set(err, ERR_CORRUPT, "\"%s\": chunk at %llu does not pass its checksum",
                       source->file.path, (unsigned long long)*offset);
    *chunk = (struct foreign_head_chunk){load_be64(bytes),
                                         (int64_t)load_be64(bytes + 8),
                                         (int64_t)load_be64(bytes + 16),
                                         (uint8_t)(bytes[24] & ~OUT_OF_ORDER),
                                         bytes[24] & OUT_OF_ORDER,
                                         span_of((const char *)bytes + used, (size_t)len)};
    *offset += used + len + 4;
    return 0;
}

static int read_head_file(struct source *source, foreign_head_chunk_each *each, void *context,
                          struct err *damage, struct err *err) {
    uint64_t offset = HEADER_BYTES;
    while (offset < source->size) {
        struct foreign_head_chunk chunk;
        bool is_end;
        int rc = head_chunk_next(source, &offset, &chunk, &is_end, damage);
        if (rc == ERR_CORRUPT) return 0;
        if (rc) return err_set(err, rc, "%s", damage->text);
        if (is_end) return 0;
        rc = each(&chunk, context, err);
        if (rc) return rc;
    }
    return 0;
}

int foreign_head_chunks_read(struct file_system *fs, const char *folder, foreign_head_chunk_each *each,
                             void *context, uint64_t *warnings, struct err *warning, struct err *err) {
    struct source_numbers files = {0};
    int rc = source_list(fs, folder, "", 6, &files, err);
    for (size_t i = 0; i < files.list.count && !rc; i++) {
        struct source source;
        struct err damage = {0};
        if (open_numbered(fs, folder, files.list.items[i], MAGIC_HEAD, &source, &damage) == 0) {
            rc = read_head_file(&source, each, context, &damage, err);
            source_close(&source);
        }
        if (damage.code) {
            ++*warnings;
            *warning = damage;
        }
    }
    vec_release(&files.list);
    return rc;
}
