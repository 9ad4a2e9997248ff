#include "storage/foreign/folder.h"

#include "lib/codec/number.h"
#include "lib/codec/yaml.h"
#include "storage/foreign/chunk.h"
#include "storage/foreign/chunks.h"
#include "storage/foreign/index.h"

#include <stdlib.h>

#define MAX_META ((size_t)16 << 20)

/* ---- which blocks there are ---- */

static bool json_number(const struct ynode *map, struct span key, int64_t *number) {
    const struct yentry *entry = ynode_entry(map, key);
    return entry && entry->value->kind == YNODE_SCALAR && number_parse_int(entry->value->text, number);
}

static bool is_out_of_order(const struct ynode *meta) {
    const struct yentry *compaction = ynode_entry(meta, SPAN("compaction"));
    const struct yentry *hints = compaction ? ynode_entry(compaction->value, SPAN("hints")) : NULL;
    if (!hints || hints->value->kind != YNODE_LIST) return false;
    for (uint32_t i = 0; i < hints->value->count; i++) {
        const struct ynode *hint = hints->value->items[i];
        if (hint->kind == YNODE_SCALAR && span_is(hint->text, "from-out-of-order")) return true;
    }
    return false;
}

/* JSON is YAML */
static int read_meta(struct file_system *fs, const char *path, struct foreign_block *block, struct err *err) {
    struct buf bytes;
    struct arena arena;
    const struct ynode *meta;
    struct ymark where;
    int64_t version;
    buf_init(&bytes, MAX_META);
    arena_init(&arena, 8 * MAX_META, NULL);
    int rc = file_read_all(fs, path, &bytes, err);
    if (!rc) rc = ynode_parse(buf_view(&bytes), &arena, &meta, &where, err);
    if (!rc && (!meta || !json_number(meta, SPAN("version"), &version) || version != 1))
        rc = err_set(err, ERR_UNSUPPORTED, "\"%s\": not version 1", path);
    if (!rc && (!json_number(meta, SPAN("minTime"), &block->mint) ||
                !json_number(meta, SPAN("maxTime"), &block->maxt) || block->maxt < block->mint))
        rc = err_set(err, ERR_CORRUPT, "\"%s\": no minTime and maxTime", path);
    if (!rc) block->is_out_of_order = is_out_of_order(meta);
    arena_release(&arena);
    buf_release(&bytes);
    return rc;
}

static void list_each(const char *name, void *context) {
    struct foreign_blocks *blocks = context;
    struct foreign_block block = {0};
    if (ulid_parse(name, &block.ulid)) *vec_push(&blocks->list) = block;
}

static int compare_blocks(const void *a, const void *b) {
    const struct foreign_block *x = a, *y = b;
    if (x->mint != y->mint) return x->mint < y->mint ? -1 : 1;
    return memcmp(&x->ulid, &y->ulid, sizeof x->ulid);
}

static int path_of(struct buf *path, const char *folder, const struct foreign_block *block,
                   const char *name) {
    char text[ULID_TEXT + 1];
    ulid_text(block->ulid, text);
    buf_reset(path);
    buf_printf(path, "%s/%s/%s", folder, text, name);
    return path->failed ? ERR_LIMIT : 0;
}

int foreign_blocks_list(struct file_system *fs, const char *folder, struct foreign_blocks *blocks,
                        struct err *err) {
    struct foreign_blocks found = {0};
    struct buf path;
    buf_init(&path, 4096);
    int rc = folder_list(fs, folder, list_each, &found, err);
    for (size_t i = 0; i < found.list.count && !rc; i++) {
        path_of(&path, folder, &found.list.items[i], "meta.json");
        rc = read_meta(fs, buf_text(&path), &found.list.items[i], err);
    }
    if (found.list.count && !rc)
        qsort(found.list.items, found.list.count, sizeof *found.list.items, compare_blocks);
    if (rc)
        vec_release(&found.list);
    else
        *blocks = found;
    buf_release(&path);
    return rc;
}

/* ---- one block ---- */

struct importing {
    struct foreign_index index;
    struct foreign_chunks chunks;
    struct foreign_deletions deletions;
    struct columns columns;
    VEC(struct label) before; /* labels of the series before, for the order */
    bool has_before;
};

static int open_block(struct importing *im, const char *folder, const struct foreign_block *block,
                      struct file_system *fs, struct err *err) {
    struct buf path;
    buf_init(&path, 4096);
    path_of(&path, folder, block, "index");
    int rc = foreign_index_open(fs, buf_text(&path), &im->index, err);
    path_of(&path, folder, block, "chunks");
    if (!rc) rc = foreign_chunks_open(fs, buf_text(&path), &im->chunks, err);
    path_of(&path, folder, block, "tombstones");
    if (!rc) rc = foreign_tombstones_read(fs, buf_text(&path), &im->deletions, err);
    columns_init(&im->columns, NULL);
    buf_release(&path);
    return rc;
}

static int read_rows(struct importing *im, struct err *err) {
    int rc = 0;
    uint8_t encoding;
    struct span data;
    columns_reset(&im->columns);
    for (size_t i = 0; i < im->index.chunks.count && !rc; i++) {
        rc = foreign_chunks_get(&im->chunks, im->index.chunks.items[i].reference, &encoding, &data, err);
        if (!rc) rc = foreign_chunk_read(encoding, data, &im->columns, err);
    }
    if (rc) return rc;
    size_t count;
    const struct foreign_deletion *deletions =
        foreign_deletions_of(&im->deletions, im->index.reference, &count);
    (void)columns_put_in_order(&im->columns);
    for (size_t i = 0; i < count; i++) columns_delete(&im->columns, deletions[i].mint, deletions[i].maxt);
    return 0;
}

static int check_order(struct importing *im, struct err *err) {
    struct labels before = {im->before.items, (uint32_t)im->before.count};
    struct labels labels = foreign_index_labels(&im->index);
    if (im->has_before && labels_compare(before, labels) >= 0)
        return err_set(err, ERR_CORRUPT, "\"%s\": series are not sorted", im->index.source.file.path);
    im->before.count = 0;
    for (uint32_t i = 0; i < labels.count; i++) *vec_push(&im->before) = labels.items[i];
    im->has_before = true;
    return 0;
}

static int import_series(struct importing *im, struct block_writer *writer, struct err *err) {
    bool more = true;
    int rc = 0;
    while (!rc && more) {
        rc = foreign_index_next(&im->index, &more, err);
        if (rc || !more) break;
        rc = check_order(im, err);
        if (!rc) rc = read_rows(im, err);
        if (!rc && im->columns.count)
            rc = block_writer_add(writer, foreign_index_labels(&im->index), &im->columns, err);
    }
    return rc;
}

int foreign_block_import(const char *folder, const struct foreign_block *block, struct foreign_target *target,
                         struct err *err) {
    struct importing im = {0};
    struct block_writer *writer = NULL;
    struct block_meta meta;
    int rc = open_block(&im, folder, block, target->fs, err);
    if (!rc) rc = foreign_target_begin(target, &writer, err);
    if (!rc) rc = import_series(&im, writer, err);
    if (rc)
        block_writer_abort(writer);
    else
        rc = block_writer_finish(writer, &meta, err);
    if (!rc) foreign_target_count(target, &meta);
    foreign_index_close(&im.index);
    foreign_chunks_close(&im.chunks);
    vec_release(&im.deletions.list);
    columns_release(&im.columns);
    vec_release(&im.before);
    return rc;
}
