#include "lib/scrape/metadata.h"

#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/sys/thread.h"

#include <string.h>

#define TEXTS (sizeof(struct metadata_entry) / sizeof(struct span))

static struct {
    struct mutex lock;
    VEC(struct metadata *) all;
    struct map by_hash; /* of the texts -> place in all */
} shared = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

struct wanted {
    const struct metadata_entry *entries;
    size_t count;
};

/* an entry as what it is: four texts */
static const struct span *texts_of(const struct metadata_entry *entries) {
    return &entries->metric;
}

static bool equal(uint32_t index, const void *key, const void *context) {
    const struct wanted *wanted = key;
    const struct metadata *metadata = shared.all.items[index];
    (void)context;
    bool is_equal = metadata->count == wanted->count;
    for (size_t i = 0; is_equal && i < wanted->count * TEXTS; i++)
        is_equal = span_equal(texts_of(metadata->entries)[i], texts_of(wanted->entries)[i]);
    return is_equal;
}

static struct metadata *copy(const struct wanted *wanted, size_t text_bytes) {
    size_t bytes = wanted->count * sizeof *wanted->entries;
    struct metadata *made = mem_alloc(sizeof *made + bytes + text_bytes);
    *made = (struct metadata){.count = wanted->count, .text_bytes = text_bytes};
    if (bytes) memcpy(made->entries, wanted->entries, bytes);
    char *at = (char *)(made->entries + wanted->count);
    struct span *texts = &made->entries->metric;
    for (size_t i = 0; i < wanted->count * TEXTS; i++) {
        if (texts[i].len) memcpy(at, texts[i].ptr, texts[i].len);
        texts[i].ptr = at;
        at += texts[i].len;
    }
    return made;
}

struct metadata *metadata_share(const struct metadata_entry *entries, size_t count) {
    struct wanted wanted = {entries, count};
    uint64_t hash = count;
    size_t text_bytes = 0;
    for (size_t i = 0; i < count * TEXTS; i++) {
        struct span text = texts_of(entries)[i];
        hash = hash_mix(hash, hash_bytes_keyed(text.ptr, text.len));
        text_bytes += text.len;
    }
    mutex_lock(&shared.lock);
    uint32_t index = map_find(&shared.by_hash, hash, &wanted, equal, NULL);
    if (index == MAP_NONE) {
        index = (uint32_t)shared.all.count;
        struct metadata *made = *vec_push(&shared.all) = copy(&wanted, text_bytes);
        made->hash = hash;
        made->index = index;
        map_insert(&shared.by_hash, hash, index);
    }
    struct metadata *metadata = shared.all.items[index];
    metadata->refs++;
    mutex_unlock(&shared.lock);
    return metadata;
}

/* the last takes its place */
static void forget(struct metadata *metadata) {
    struct metadata *last = shared.all.items[--shared.all.count];
    map_remove(&shared.by_hash, metadata->hash, metadata->index);
    if (last != metadata) {
        map_remove(&shared.by_hash, last->hash, last->index);
        map_insert(&shared.by_hash, last->hash, metadata->index);
        shared.all.items[metadata->index] = last;
        last->index = metadata->index;
    }
    mem_free(metadata);
    if (shared.all.count) return;
    vec_release(&shared.all);
    map_release(&shared.by_hash);
}

void metadata_unref(struct metadata *metadata) {
    if (!metadata) return;
    mutex_lock(&shared.lock);
    if (--metadata->refs == 0) forget(metadata);
    mutex_unlock(&shared.lock);
}
