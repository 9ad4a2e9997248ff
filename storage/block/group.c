#include "storage/block/group.h"

#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"
#include "storage/block/histogram_page.h"

#include <inttypes.h>

/* 0 crc of all behind it | 4 kind | 5 0 | 6 u16 pages | 8 stored lengths | 24 raw lengths | 40 counts,
 * streams */
#define HEADER_BYTES 40u

/* ---- writing ---- */

void group_writer_init(struct group_writer *group, enum group_kind kind) {
    group->kind = kind;
    group->pages = 0;
    for (int i = 0; i < STREAM_COUNT; i++) buf_init(&group->streams[i], GROUP_MAX_BYTES);
}

void group_writer_release(struct group_writer *group) {
    for (int i = 0; i < STREAM_COUNT; i++) buf_release(&group->streams[i]);
}

void group_writer_reset(struct group_writer *group) {
    group->pages = 0;
    for (int i = 0; i < STREAM_COUNT; i++) buf_reset(&group->streams[i]);
}

size_t group_writer_bytes(const struct group_writer *group) {
    size_t bytes = 0;
    for (int i = 0; i < STREAM_COUNT; i++) bytes += group->streams[i].len;
    return bytes;
}

bool group_writer_is_full(const struct group_writer *group) {
    return group->pages == GROUP_MAX_PAGES || group_writer_bytes(group) >= GROUP_TARGET_BYTES;
}

/* a frame, or the bytes themselves when that is no longer: then the stored length is the raw one */
static int put_stream(struct zstd_writer *zstd, const struct buf *stream, struct buf *out, struct err *err) {
    size_t begin = out->len;
    int rc = stream->len ? zstd_write(zstd, stream->data, stream->len, out, err) : 0;
    if (rc || out->len - begin < stream->len) return rc;
    out->len = begin;
    return buf_span(out, buf_view(stream)) ? 0 : err_set(err, ERR_LIMIT, "a group of pages is too large");
}

int group_writer_end(struct group_writer *group, struct zstd_writer *zstd, struct buf *out, struct err *err) {
    size_t begin = out->len;
    uint8_t header[HEADER_BYTES] = {0};
    for (int i = 0; i < STREAM_COUNT; i++)
        if (group->streams[i].failed) return err_set(err, ERR_LIMIT, "a group of pages is too large");
    header[4] = (uint8_t)group->kind;
    header[6] = (uint8_t)group->pages;
    header[7] = (uint8_t)(group->pages >> 8);
    buf_append(out, header, sizeof header);
    buf_append(out, group->counts, group->pages * sizeof *group->counts);
    int rc = 0;
    for (int i = 0; !rc && i < STREAM_COUNT; i++) {
        size_t at = out->len;
        rc = put_stream(zstd, &group->streams[i], out, err);
        store_u32(header + 8 + 4 * i, (uint32_t)(out->len - at));
        store_u32(header + 24 + 4 * i, (uint32_t)group->streams[i].len);
    }
    if (!rc && out->failed) rc = err_set(err, ERR_LIMIT, "a group of pages is too large");
    if (rc) return rc;
    uint8_t *start = (uint8_t *)out->data + begin;
    memcpy(start, header, sizeof header);
    store_u32(start, crc32c(0, start + 4, out->len - begin - 4));
    return 0;
}

/* ---- reading ---- */

struct packed {
    uint8_t header[HEADER_BYTES];
    uint32_t pages, stored[STREAM_COUNT], raw[STREAM_COUNT];
    uint8_t *bytes; /* behind the header */
    size_t len;
};

static int damaged(const struct file *file, uint64_t offset, struct err *err) {
    return err_set(err, ERR_CORRUPT, "\"%s\" is damaged at offset %" PRIu64, file->path, offset);
}

static int read_header(const struct file *file, uint64_t offset, uint64_t file_bytes, struct packed *packed,
                       struct err *err) {
    if (offset > file_bytes || file_bytes - offset < HEADER_BYTES) return damaged(file, offset, err);
    int rc = file_read(file, packed->header, HEADER_BYTES, offset, err);
    if (rc) return rc;
    packed->pages = (uint32_t)packed->header[6] | (uint32_t)packed->header[7] << 8;
    packed->len = packed->pages * sizeof(uint16_t);
    for (int i = 0; i < STREAM_COUNT; i++) {
        packed->stored[i] = load_u32(packed->header + 8 + 4 * i);
        packed->raw[i] = load_u32(packed->header + 24 + 4 * i);
        if (packed->raw[i] > GROUP_MAX_BYTES || packed->stored[i] > packed->raw[i])
            return damaged(file, offset, err);
        packed->len += packed->stored[i];
    }
    if (!packed->pages || packed->pages > GROUP_MAX_PAGES || packed->len > file_bytes - offset - HEADER_BYTES)
        return damaged(file, offset, err);
    return 0;
}

static int unpack(const struct packed *packed, struct group *group, struct err *err) {
    const uint8_t *at = packed->bytes + packed->pages * sizeof(uint16_t);
    memcpy(group->counts, packed->bytes, packed->pages * sizeof(uint16_t));
    for (int i = 0; i < STREAM_COUNT; i++) {
        int rc = 0;
        if (i != STREAM_CONTROL && !group->is_whole) break;
        if (packed->stored[i] == packed->raw[i])
            memcpy(group->streams[i], at, packed->raw[i]);
        else
            rc = zstd_read(at, packed->stored[i], group->streams[i], packed->raw[i], err);
        if (rc) return rc;
        at += packed->stored[i];
    }
    return 0;
}

static void cursors_at(const struct group *group, const struct page_place *place,
                       struct cursor cursors[STREAM_COUNT]) {
    for (int i = 0; i < STREAM_COUNT; i++)
        cursors[i] = cursor_of(group->streams[i] + place->at[i], group->lengths[i] - place->at[i]);
}

/* goes through the pages once, to know where each begins */
static int find_pages(struct group *group, struct err *err) {
    const struct page_place begin = {{0}};
    const struct column_part nothing = {0};
    struct cursor cursors[STREAM_COUNT];
    cursors_at(group, &begin, cursors);
    for (uint32_t page = 0; page < group->pages; page++) {
        int rc = 0;
        for (int i = 0; i < STREAM_COUNT; i++)
            group->places[page].at[i] = group->lengths[i] - (uint32_t)cursor_left(&cursors[i]);
        switch (group->kind) {
        case GROUP_VALUES:
            group->hides_markers |= column_hides_markers(&cursors[STREAM_CONTROL]);
            rc = column_read_values(cursors, group->counts[page], &nothing, NULL, err);
            break;
        case GROUP_HISTOGRAMS: rc = histogram_page_skip(&cursors[STREAM_CONTROL], err); break;
        case GROUP_TIMES: rc = column_read_times(cursors, group->times_ms, group->counts[page], err); break;
        default: rc = err_set(err, ERR_CORRUPT, "a group of kind %d", (int)group->kind);
        }
        if (rc) return rc;
    }
    for (int i = 0; i < STREAM_COUNT; i++)
        if (cursor_left(&cursors[i])) return err_set(err, ERR_CORRUPT, "bytes left over");
    return 0;
}

static void destroy(struct shared *shared) {
    struct group *group = (struct group *)shared;
    mem_free(group->times_ms);
    mem_free(group);
}

static struct group *make(const struct packed *packed) {
    size_t bytes = sizeof(struct group) + packed->pages * (sizeof(struct page_place) + sizeof(uint16_t));
    for (int i = 0; i < STREAM_COUNT; i++) bytes += packed->raw[i];
    struct group *group = mem_alloc(bytes);
    *group = (struct group){.kind = packed->header[4], .pages = packed->pages, .bytes = bytes};
    shared_init(&group->shared, bytes, destroy);
    group->places = (struct page_place *)(group + 1);
    group->counts = (uint16_t *)(group->places + packed->pages);
    uint8_t *at = (uint8_t *)(group->counts + packed->pages);
    for (int i = 0; i < STREAM_COUNT; i++) {
        group->streams[i] = at;
        group->lengths[i] = packed->raw[i];
        at += packed->raw[i];
    }
    return group;
}

static int check_counts(const struct group *group, struct err *err) {
    for (uint32_t page = 0; page < group->pages; page++)
        if (!group->counts[page] || group->counts[page] > PAGE_SAMPLES)
            return err_set(err, ERR_CORRUPT, "a page of %u samples", group->counts[page]);
    return group->kind == GROUP_TIMES && group->pages != 1
               ? err_set(err, ERR_CORRUPT, "more than one page of times")
               : 0;
}

static int make_group(const struct packed *packed, bool only_markers, struct group **result,
                      struct err *err) {
    struct group *group = make(packed);
    group->is_whole = !only_markers || group->kind != GROUP_VALUES;
    int rc = unpack(packed, group, err);
    if (!rc) rc = check_counts(group, err);
    if (!rc && group->kind == GROUP_TIMES) {
        group->times_ms = mem_array(group->counts[0], sizeof *group->times_ms);
        group->bytes += group->counts[0] * sizeof *group->times_ms;
    }
    if (!rc) rc = find_pages(group, err);
    if (!rc && !group_serves(group, only_markers)) {
        group->is_whole = true;
        rc = unpack(packed, group, err);
    }
    if (rc)
        shared_release(&group->shared);
    else
        *result = group;
    return rc;
}

int group_read(const struct file *file, uint64_t offset, uint64_t file_bytes, bool only_markers,
               struct group **group, struct err *err) {
    struct packed packed;
    int rc = read_header(file, offset, file_bytes, &packed, err);
    if (rc) return rc;
    packed.bytes = mem_alloc(packed.len);
    rc = file_read(file, packed.bytes, packed.len, offset + HEADER_BYTES, err);
    uint32_t crc = crc32c(crc32c(0, packed.header + 4, HEADER_BYTES - 4), packed.bytes, packed.len);
    if (!rc && crc != load_u32(packed.header)) rc = damaged(file, offset, err);
    if (!rc) {
        rc = make_group(&packed, only_markers, group, err);
        if (rc) rc = err_wrap(err, rc, "\"%s\" at offset %" PRIu64, file->path, offset);
    }
    mem_free(packed.bytes);
    return rc;
}

uint32_t group_page_count(const struct group *group, uint32_t page) {
    return page < group->pages ? group->counts[page] : 0;
}

int group_page_values(const struct group *group, uint32_t page, const struct column_part *part,
                      double *values, struct err *err) {
    struct cursor cursors[STREAM_COUNT];
    if (page >= group->pages || group->kind != GROUP_VALUES)
        return err_set(err, ERR_CORRUPT, "no such page of values");
    ASSERT(group_serves(group, part->only_markers) && part->to <= group->counts[page]);
    cursors_at(group, &group->places[page], cursors);
    return column_read_values(cursors, group->counts[page], part, values, err);
}

int group_page_histograms(const struct group *group, uint32_t page, const int64_t *times_ms, int64_t mint,
                          int64_t maxt, struct columns *columns, struct err *err) {
    struct cursor cursors[STREAM_COUNT];
    if (page >= group->pages || group->kind != GROUP_HISTOGRAMS)
        return err_set(err, ERR_CORRUPT, "no such page of histograms");
    cursors_at(group, &group->places[page], cursors);
    return histogram_page_read(&cursors[STREAM_CONTROL], times_ms, group->counts[page], mint, maxt, columns,
                               err);
}
