#include "storage/head/postings.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <string.h>

/* the smallest of 4 8 12 ... 32 40 48 56 64 80 ... that is not below count */
static size_t capacity_of(size_t count) {
    size_t step =
        count <= 32 ? 4 : (size_t)1 << (61 - __builtin_clzll(count - 1)); /* an eighth of its doubling */
    return (count + step - 1) / step * step;
}

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
        for (size_t j = 0; j < name->values.count; j++)
            if (name->values.items[j].count > 1) mem_free(name->values.items[j].slots);
        vec_release(&name->values);
        map_release(&name->by_value);
    }
    vec_release(&postings->names);
    map_release(&postings->by_name);
    postings->pairs = 0;
}

struct slot_view posting_view(const struct posting *posting) {
    return (struct slot_view){posting->count > 1 ? posting->slots : &posting->one, posting->count};
}

/* of the slots that are there and `more`: an array, or nothing for a single one */
static uint32_t *make_room(struct posting *posting, uint32_t more) {
    size_t count = posting->count + (size_t)more;
    if (count == 1) return &posting->one;
    if (posting->count < 2) {
        uint32_t first = posting->one;
        posting->slots = mem_resize(NULL, capacity_of(count), sizeof *posting->slots);
        posting->slots[0] = first;
    } else if (capacity_of(count) != capacity_of(posting->count)) {
        posting->slots = mem_resize(posting->slots, capacity_of(count), sizeof *posting->slots);
    }
    return posting->slots;
}

static void insert(struct posting *posting, uint32_t slot) {
    uint32_t *slots = make_room(posting, 1);
    size_t at = posting->count; /* nearly always the newest slot is the highest */
    while (at && slots[at - 1] > slot) at--;
    ASSERT(at == 0 || slots[at - 1] != slot);
    memmove(slots + at + 1, slots + at, (posting->count - at) * sizeof slot);
    slots[at] = slot;
    posting->count++;
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
    insert(&name->values.items[index], slot);
}

void postings_add_run(struct postings *postings, uint32_t place, uint32_t value, const uint32_t *slots,
                      uint32_t count) {
    struct posting_name *name = &postings->names.items[place];
    uint32_t index = value_get(postings, name, value); /* may move the values */
    struct posting *posting = &name->values.items[index];
    uint32_t *room = make_room(posting, count);
    ASSERT(posting->count == 0 || room[posting->count - 1] < slots[0]);
    memcpy(room + posting->count, slots, count * sizeof *slots);
    posting->count += count;
}

uint32_t *postings_restore(struct postings *postings, uint32_t name_symbol, uint32_t value, uint32_t count) {
    uint32_t at = postings_place(postings, name_symbol, MAP_NONE);
    struct posting_name *name = &postings->names.items[at];
    if (map_find(&name->by_value, symbol_hash(value), &value, value_equal, name) != MAP_NONE) return NULL;
    struct posting *posting = vec_push(&name->values);
    *posting = (struct posting){.value = value, .count = count};
    map_insert(&name->by_value, symbol_hash(value), (uint32_t)name->values.count - 1);
    postings->pairs++;
    if (count == 1) return &posting->one;
    posting->slots = mem_array(capacity_of(count), sizeof *posting->slots);
    return posting->slots;
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

/* of a list in an array: those that stay, and the room they need */
static void remove_slots(struct posting *posting, const struct slot_bitmap *gone) {
    uint32_t kept = 0, *slots = posting->slots;
    for (uint32_t i = 0; i < posting->count; i++)
        if (!slot_bitmap_has(gone, slots[i])) slots[kept++] = slots[i];
    bool shrinks = kept != posting->count;
    posting->count = kept;
    if (kept < 2) {
        posting->one = kept ? slots[0] : 0;
        mem_free(slots);
    } else if (shrinks) {
        posting->slots = mem_resize(slots, capacity_of(kept), sizeof *slots);
    }
}

void postings_remove(struct postings *postings, uint32_t name_symbol, uint32_t value,
                     const struct slot_bitmap *gone) {
    uint32_t at = map_find(&postings->by_name, symbol_hash(name_symbol), &name_symbol, name_equal, postings);
    if (at == MAP_NONE) return;
    struct posting_name *name = &postings->names.items[at];
    uint32_t index = map_find(&name->by_value, symbol_hash(value), &value, value_equal, name);
    if (index == MAP_NONE) return;
    struct posting *posting = &name->values.items[index];
    if (posting->count > 1)
        remove_slots(posting, gone);
    else if (slot_bitmap_has(gone, posting->one))
        posting->count = 0;
    if (!posting->count) forget_value(postings, name, index);
}

const struct posting_name *postings_name(const struct postings *postings, uint32_t name) {
    uint32_t index = map_find(&postings->by_name, symbol_hash(name), &name, name_equal, postings);
    return index == MAP_NONE ? NULL : &postings->names.items[index];
}

struct slot_view posting_find(const struct posting_name *name, uint32_t value) {
    uint32_t index = map_find(&name->by_value, symbol_hash(value), &value, value_equal, name);
    return index == MAP_NONE ? (struct slot_view){0} : posting_view(&name->values.items[index]);
}

static size_t name_bytes(const struct posting_name *name) {
    size_t bytes = name->values.capacity * sizeof *name->values.items + name->by_value.capacity * 8;
    for (size_t i = 0; i < name->values.count; i++)
        if (name->values.items[i].count > 1)
            bytes += capacity_of(name->values.items[i].count) * sizeof(uint32_t);
    return bytes;
}

size_t postings_bytes(const struct postings *postings) {
    size_t bytes = postings->names.capacity * sizeof *postings->names.items + postings->by_name.capacity * 8;
    for (size_t i = 0; i < postings->names.count; i++) bytes += name_bytes(&postings->names.items[i]);
    return bytes;
}
