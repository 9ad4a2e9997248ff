#include "lib/base/map.h"

#include "lib/base/assert.h"
#include "lib/base/huge.h"
#include "lib/base/mem.h"

#define MAP_SMALLEST ((size_t)16)

static uint64_t slot_make(uint64_t hash, uint32_t index) {
    return (hash & 0xffffffff00000000u) | (index + 1u);
}

static uint32_t slot_index(uint64_t slot) {
    return (uint32_t)slot - 1;
}

static bool slot_agrees(uint64_t slot, uint64_t hash) {
    return ((slot ^ hash) >> 32) == 0;
}

/* where an entry would like to sit, from the bits its slot keeps: their highest, so that a bigger map has
 * everything in the same order */
static size_t home_of(const struct map *map, uint64_t hash) {
    return hash >> 32 >> map->shift;
}

static size_t next_place(const struct map *map, size_t place) {
    return (place + 1) & (map->capacity - 1);
}

/* how far from home the entry at place sits */
static size_t distance(const struct map *map, size_t place) {
    return (place - home_of(map, map->slots[place])) & (map->capacity - 1);
}

/* Entries sit in the order of their hashes: does the one at place come behind one that would be `far` from
 * its home there? */
static bool is_behind(const struct map *map, size_t place, uint64_t hash, size_t far) {
    size_t other_far = distance(map, place);
    return other_far < far || (other_far == far && map->slots[place] >> 32 > hash >> 32);
}

void map_release(struct map *map) {
    huge_free(map->slots, map->capacity * sizeof *map->slots);
    *map = (struct map){0};
}

uint32_t map_find(const struct map *map, uint64_t hash, const void *key, map_equal *equal,
                  const void *context) {
    if (!map->capacity) return MAP_NONE;
    size_t place = home_of(map, hash);
    for (size_t far = 0; map->slots[place]; place = next_place(map, place), far++) {
        uint64_t slot = map->slots[place];
        if (slot_agrees(slot, hash)) {
            if (equal(slot_index(slot), key, context)) return slot_index(slot);
        } else if (is_behind(map, place, hash, far)) {
            return MAP_NONE;
        }
    }
    return MAP_NONE;
}

void map_prefetch(const struct map *map, uint64_t hash) {
    if (map->capacity) __builtin_prefetch(&map->slots[home_of(map, hash)]);
}

/* at its place, where the first is that comes behind it: all from there to the next hole move on by one */
static void put_at(struct map *map, uint64_t slot, size_t place) {
    uint64_t *slots = map->slots;
    size_t hole = place, before;
    while (slots[hole]) hole = next_place(map, hole);
    for (; hole != place; hole = before) {
        before = (hole - 1) & (map->capacity - 1);
        slots[hole] = slots[before];
    }
    slots[place] = slot;
}

static void put(struct map *map, uint64_t slot) {
    size_t place = home_of(map, slot);
    for (size_t far = 0; map->slots[place] && !is_behind(map, place, slot, far); far++)
        place = next_place(map, place);
    put_at(map, slot, place);
}

/* Entries come in the order in which they will sit, so none has to look for its place. Those at the front for
 * which there was no room at the end are the last. */
static void move_all(const struct map *map, struct map *bigger) {
    size_t first = 0, behind = 0;
    while (first < map->capacity && map->slots[first] && distance(map, first) > first) first++;
    for (size_t i = 0; i < map->capacity; i++) {
        uint64_t slot = map->slots[(first + i) & (map->capacity - 1)];
        if (!slot) continue;
        size_t home = home_of(bigger, slot), place = home > behind ? home : behind;
        if (place == bigger->capacity) {
            put(bigger, slot);
            continue;
        }
        bigger->slots[place] = slot;
        behind = place + 1;
    }
}

static void grow(struct map *map, size_t capacity) {
    struct map bigger = {.capacity = capacity, .count = map->count};
    bigger.shift = 32 - (uint32_t)__builtin_ctzll(capacity);
    bigger.slots = huge_alloc(capacity * sizeof *bigger.slots);
    mem_touch(bigger.slots, capacity * sizeof *bigger.slots);
    move_all(map, &bigger);
    huge_free(map->slots, map->capacity * sizeof *map->slots);
    *map = bigger;
}

void map_reserve(struct map *map, size_t count) {
    size_t capacity = map->capacity ? map->capacity : MAP_SMALLEST;
    while (count > capacity / 8 * 7) capacity *= 2;
    if (capacity > map->capacity) grow(map, capacity);
}

void map_insert(struct map *map, uint64_t hash, uint32_t index) {
    ASSERT(index != MAP_NONE);
    map_reserve(map, map->count + 1);
    put(map, slot_make(hash, index));
    map->count++;
}

uint32_t map_get(struct map *map, uint64_t hash, const void *key, map_equal *equal, const void *context,
                 uint32_t index) {
    ASSERT(index != MAP_NONE);
    map_reserve(map, map->count + 1);
    size_t place = home_of(map, hash), far = 0;
    for (; map->slots[place]; place = next_place(map, place), far++) {
        uint64_t slot = map->slots[place];
        if (slot_agrees(slot, hash)) {
            if (equal(slot_index(slot), key, context)) return slot_index(slot);
        } else if (is_behind(map, place, hash, far)) {
            break;
        }
    }
    put_at(map, slot_make(hash, index), place);
    map->count++;
    return MAP_NONE;
}

bool map_remove(struct map *map, uint64_t hash, uint32_t index) {
    if (!map->capacity) return false;
    size_t hole = home_of(map, hash);
    while (map->slots[hole] && slot_index(map->slots[hole]) != index) hole = next_place(map, hole);
    if (!map->slots[hole]) return false;
    for (;;) {
        size_t next = next_place(map, hole);
        if (!map->slots[next] || distance(map, next) == 0) break;
        map->slots[hole] = map->slots[next];
        hole = next;
    }
    map->slots[hole] = 0;
    map->count--;
    return true;
}
