#include "promql/eval/queried.h"

#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/codec/regex.h"
#include "lib/sys/thread.h"

struct queried {
    struct mutex lock;
    struct map map; /* to an index of hashes */
    VEC(uint64_t) hashes;
};

struct queried *queried_create(void) {
    struct queried *queried = mem_zalloc(sizeof *queried);
    mutex_init(&queried->lock);
    return queried;
}

void queried_destroy(struct queried *queried) {
    if (!queried) return;
    map_release(&queried->map);
    vec_release(&queried->hashes);
    mutex_release(&queried->lock);
    mem_free(queried);
}

static bool is_same(uint32_t index, const void *key, const void *context) {
    const struct queried *queried = context;
    return queried->hashes.items[index] == *(const uint64_t *)key;
}

/* under the lock */
static bool has(const struct queried *queried, uint64_t hash) {
    return map_find(&queried->map, hash, &hash, is_same, queried) != MAP_NONE;
}

static void note_name(struct queried *queried, struct span name) {
    uint64_t hash = hash_bytes(name.ptr, name.len);
    mutex_lock(&queried->lock);
    if (queried->hashes.count < QUERIED_MAX && !has(queried, hash)) {
        map_insert(&queried->map, hash, (uint32_t)queried->hashes.count);
        *vec_push(&queried->hashes) = hash;
    }
    mutex_unlock(&queried->lock);
}

static void note_selector(struct selector *selector, void *context) {
    for (size_t i = 0; i < selector->matcher_count; i++) {
        const struct matcher *matcher = &selector->matchers[i];
        const struct span *names = &matcher->value;
        size_t count = matcher->type == MATCH_EQUAL;
        if (!span_is(matcher->name, LABEL_NAME)) continue;
        if (matcher->type == MATCH_REGEX) count = regex_literals(matcher->regex, &names);
        for (size_t n = 0; n < count; n++) note_name(context, names[n]);
    }
}

void queried_note(struct queried *queried, struct expr *expr) {
    expr_each_selector(expr, note_selector, queried);
}

bool queried_has(struct queried *queried, struct span name) {
    uint64_t hash = hash_bytes(name.ptr, name.len);
    mutex_lock(&queried->lock);
    bool is_there = has(queried, hash);
    mutex_unlock(&queried->lock);
    return is_there;
}
