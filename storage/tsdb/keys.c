#include "storage/tsdb/keys.h"

#include "lib/base/mem.h"
#include "lib/sys/clock.h"

/* beyond, all are forgotten: senders whose batches never come again would fill the memory */
#define ENTRIES_MAX ((size_t)1 << 16)
#define ROWS_MAX ((size_t)4 << 20)
#define SWEEP_MS 2000
#define GRACE_MS 10000
#define ONCE_MS 600000

void batch_keys_clear(struct batch_keys *keys) {
    for (size_t i = 0; i < keys->items.count; i++) mem_free(keys->items.items[i].state);
    vec_release(&keys->items);
    map_release(&keys->by_hash);
    *keys = (struct batch_keys){.segment = keys->segment};
}

void batch_keys_retire(struct batch_keys *keys) {
    for (size_t i = 0; i < keys->items.count; i++) keys->items.items[i].uses = KEY_USES;
}

void batch_keys_age(struct batch_keys *keys, uint64_t segment) {
    batch_keys_retire(keys);
    keys->segment = segment;
}

/* one that came once only may come again late; it costs little */
static bool comes_no_more(const struct batch_key *key, int64_t now_ms) {
    return now_ms - key->used_ms > (key->state ? 4 * key->interval_ms + GRACE_MS : ONCE_MS);
}

static void sweep(struct batch_keys *keys, int64_t now_ms) {
    size_t kept = 0;
    for (size_t i = 0; i < keys->items.count; i++) {
        struct batch_key *key = &keys->items.items[i];
        if (!comes_no_more(key, now_ms)) {
            keys->items.items[kept++] = *key;
            continue;
        }
        keys->rows_kept -= key->state ? key->rows : 0;
        mem_free(key->state);
    }
    keys->items.count = kept;
    keys->swept_ms = now_ms;
    map_release(&keys->by_hash);
    for (size_t i = 0; i < kept; i++) map_insert(&keys->by_hash, keys->items.items[i].hash.low, (uint32_t)i);
}

static bool hash_equal(uint32_t index, const void *key, const void *context) {
    const struct batch_key *item = &((const struct batch_keys *)context)->items.items[index];
    const struct hash128 *hash = key;
    return item->hash.low == hash->low && item->hash.high == hash->high;
}

struct batch_key *batch_keys_get(struct batch_keys *keys, const struct series_ref *refs, size_t rows,
                                 bool *is_new) {
    struct hash128 hash = hash_bytes_keyed_128(refs, rows * sizeof *refs);
    uint32_t index = map_find(&keys->by_hash, hash.low, &hash, hash_equal, keys);
    int64_t now_ms = clock_monotonic_ms();
    *is_new = index == MAP_NONE;
    if (!*is_new) {
        struct batch_key *known = &keys->items.items[index];
        known->interval_ms = now_ms - known->used_ms;
        known->used_ms = now_ms;
        return known;
    }
    if (now_ms - keys->swept_ms > SWEEP_MS) sweep(keys, now_ms);
    if (keys->items.count == ENTRIES_MAX || keys->rows_kept > ROWS_MAX) batch_keys_clear(keys);
    struct batch_key *key = vec_push(&keys->items);
    *key = (struct batch_key){.hash = hash, .rows = rows, .used_ms = now_ms};
    map_insert(&keys->by_hash, hash.low, (uint32_t)keys->items.count - 1);
    return key;
}

void batch_keys_set(struct batch_keys *keys, struct batch_key *key, const double *values, uint64_t sequence,
                    uint64_t life) {
    if (!key->state) {
        key->state = mem_array(key->rows, sizeof *key->state);
        keys->rows_kept += key->rows;
    }
    for (size_t i = 0; i < key->rows; i++) changes_row_begin(&key->state[i], values[i]);
    key->sequence = sequence;
    key->life = life;
    key->uses = 0;
}
