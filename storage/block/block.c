#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "storage/block/inside.h"

static void destroy(struct block *block) {
    if (file_is_open(&block->index.file)) index_close(&block->index);
    file_close(&block->data);
    block_cache_release(&block->groups);
    if (block->tombstones) shared_release(&block->tombstones->shared);
    mutex_release(&block->tombstones_lock);
    if (atomic_load(&block->is_discarded)) block_remove_files(block->fs, block->folder, block->meta.ulid);
    mem_free(block->folder);
    block->magic = 0;
    mem_free(block);
}

static int open_parts(struct block *block, struct ulid ulid, struct err *err) {
    char path[BLOCK_PATH_MAX];
    int rc = meta_read(block->fs, block->folder, ulid, &block->meta, err);
    if (!rc) rc = block_path(block->folder, ulid, "index", path, err);
    if (!rc) rc = index_open(&block->index, block->fs, path, block->meta.mint, err);
    if (!rc) rc = block_path(block->folder, ulid, "data", path, err);
    if (!rc) rc = file_open(block->fs, path, FILE_READ, &block->data, err);
    if (!rc) rc = file_header_check(&block->data, DATA_MAGIC, err);
    if (!rc) rc = file_size(&block->data, &block->data_bytes, err);
    if (!rc) rc = tombstones_load(block, err);
    block->meta.bytes = block->data_bytes + block->index.bytes;
    return rc;
}

int block_open(struct file_system *fs, const char *folder, struct ulid ulid, struct block **result,
               struct err *err) {
    struct block *block = mem_zalloc(sizeof *block);
    block->magic = BLOCK_MAGIC;
    atomic_init(&block->references, 1);
    block->fs = fs;
    block->folder = mem_strdup(folder);
    block->queryable = (struct block_queryable){{&block_queryable_ops}, block};
    mutex_init(&block->tombstones_lock);
    block_cache_init(&block->groups, GROUPS_KEPT_BYTES);
    int rc = open_parts(block, ulid, err);
    if (rc)
        destroy(block);
    else
        *result = block;
    return rc;
}

struct block *block_hold(struct block *block) {
    CHECK_OBJ(block, BLOCK_MAGIC);
    atomic_fetch_add(&block->references, 1);
    return block;
}

void block_release(struct block *block) {
    if (!block) return;
    CHECK_OBJ(block, BLOCK_MAGIC);
    if (atomic_fetch_sub(&block->references, 1) == 1) destroy(block);
}

void block_discard(struct block *block) {
    CHECK_OBJ(block, BLOCK_MAGIC);
    atomic_store(&block->is_discarded, true);
}

const struct block_meta *block_meta(const struct block *block) {
    return &block->meta;
}

size_t block_cached_bytes(struct block *block) {
    return block_cache_bytes(&block->index.cache) + block_cache_bytes(&block->groups);
}

void block_drop_cached(struct block *block) {
    block_cache_clear(&block->index.cache);
    block_cache_clear(&block->groups);
}

uint64_t block_damage(const struct block *block) {
    return atomic_load(&block->damage);
}

struct queryable *block_queryable(struct block *block) {
    CHECK_OBJ(block, BLOCK_MAGIC);
    return &block->queryable.port;
}
