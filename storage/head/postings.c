#include "storage/head/postings.h"

#include "lib/base/hash.h"

static uint64_t symbol_hash(uint32_t symbol) {
    return hash_mix(0, symbol);
}

static bool name_equal(uint32_t index, const void *key, const void *context) {
    return ((const struct postings *)context)->names.items[index].name == *(const uint32_t *)key;
}

static bool value_equal(uint32_t index, const void *key, const void *context) {
    return ((const struct posting_name *)context)->values.items[index].value == *(const uint32_t *)key;
}

static uint64_t value_hash(uint32_t index, const void *context) {
    return symbol_hash(((const struct posting_name *)context)->values.items[index].value);
}

void postings_release(struct postings *postings) {
    for (size_t i = 0; i < postings->names.count; i++) {
        struct posting_name *name = &postings->names.items[i];
        for (size_t j = 0; j < name->values.count; j++) posting_release(&name->values.items[j]);
        vec_release(&name->values);
        map_release(&name->by_value);
    }
    vec_release(&postings->names);
    map_release(&postings->by_name);
    postings->pairs = 0;
}

uint32_t postings_place(struct postings *postings, uint32_t symbol, uint32_t hint) {
    if (hint < postings->names.count && postings->names.items[hint].name == symbol) return hint;
    uint32_t index = map_find(&postings->by_name, symbol_hash(symbol), &symbol, name_equal, postings);
    if (index == MAP_NONE) {
        index = (uint32_t)postings->names.count;
        *vec_push(&postings->names) = (struct posting_name){.name = symbol};
        map_insert(&postings->by_name, symbol_hash(symbol), index);
    }
    return index;
}

static uint32_t value_get(struct postings *postings, struct posting_name *name, uint32_t value) {
    if (name->newest < name->values.count && name->values.items[name->newest].value == value)
        return name->newest;
    uint32_t index = map_find(&name->by_value, symbol_hash(value), &value, value_equal, name);
    if (index != MAP_NONE) return name->newest = index;
    index = name->newest = (uint32_t)name->values.count;
    *vec_push(&name->values) = (struct posting){.value = value};
    map_insert(&name->by_value, symbol_hash(value), index);
    postings->pairs++;
    return index;
}

void postings_add(struct postings *postings, uint32_t name_symbol, uint32_t value, uint32_t slot,
                  uint32_t *place) {
    *place = postings_place(postings, name_symbol, *place);
    struct posting_name *name = &postings->names.items[*place];
    uint32_t index = value_get(postings, name, value); /* may move the values */
    posting_add(&name->values.items[index], slot);
}

void postings_add_run(struct postings *postings, uint32_t place, uint32_t value, const uint32_t *slots,
                      uint32_t count) {
    struct posting_name *name = &postings->names.items[place];
    uint32_t index = value_get(postings, name, value); /* may move the values */
    posting_append(&name->values.items[index], slots, count);
}

struct posting *postings_restore(struct postings *postings, uint32_t name_symbol, uint32_t value) {
    uint32_t at = postings_place(postings, name_symbol, MAP_NONE);
    struct posting_name *name = &postings->names.items[at];
    size_t before = postings->pairs;
    uint32_t index = value_get(postings, name, value);
    return postings->pairs != before ? &name->values.items[index] : NULL;
}

/* the last value takes the place of one that goes */
static void forget_value(struct postings *postings, struct posting_name *name, uint32_t index) {
    uint32_t last = (uint32_t)name->values.count - 1;
    map_remove(&name->by_value, value_hash(index, name), index);
    if (index != last) {
        map_remove(&name->by_value, value_hash(last, name), last);
        name->values.items[index] = name->values.items[last];
        map_insert(&name->by_value, value_hash(index, name), index);
    }
    name->values.count--;
    postings->pairs--;
}

void postings_remove(struct postings *postings, uint32_t name_symbol, uint32_t value,
                     const struct slot_bitmap *gone) {
    uint32_t at = map_find(&postings->by_name, symbol_hash(name_symbol), &name_symbol, name_equal, postings);
    if (at == MAP_NONE) return;
    struct posting_name *name = &postings->names.items[at];
    uint32_t index = map_find(&name->by_value, symbol_hash(value), &value, value_equal, name);
    if (index == MAP_NONE) return;
    struct posting *posting = &name->values.items[index];
    posting_remove(posting, gone);
    if (!posting->count) forget_value(postings, name, index);
}

const struct posting_name *postings_name(const struct postings *postings, uint32_t name) {
    uint32_t index = map_find(&postings->by_name, symbol_hash(name), &name, name_equal, postings);
    return index == MAP_NONE ? NULL : &postings->names.items[index];
}

const struct posting *postings_find(const struct posting_name *name, uint32_t value) {
    uint32_t index = map_find(&name->by_value, symbol_hash(value), &value, value_equal, name);
    return index == MAP_NONE ? NULL : &name->values.items[index];
}

static size_t name_bytes(const struct posting_name *name) {
    size_t bytes = name->values.capacity * sizeof *name->values.items + name->by_value.capacity * 8;
    for (size_t i = 0; i < name->values.count; i++) bytes += posting_bytes(&name->values.items[i]);
    return bytes;
}

size_t postings_bytes(const struct postings *postings) {
    size_t bytes = postings->names.capacity * sizeof *postings->names.items + postings->by_name.capacity * 8;
    for (size_t i = 0; i < postings->names.count; i++) bytes += name_bytes(&postings->names.items[i]);
    return bytes;
}
