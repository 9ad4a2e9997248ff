#include "lib/base/map.h"

#include "lib/base/assert.h"
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

/* where an entry would like to sit, from the bits its slot keeps */
static size_t home_of(const struct map *map, uint64_t hash) {
    return (size_t)((hash >> 32) * 0x9e3779b97f4a7c15u >> 20) & (map->capacity - 1);
}

static size_t next_place(const struct map *map, size_t place) {
    return (place + 1) & (map->capacity - 1);
}

void map_release(struct map *map) {
    mem_free(map->slots);
    *map = (struct map){0};
}

uint32_t map_find(const struct map *map, uint64_t hash, const void *key, map_equal *equal,
                  const void *context) {
    if (!map->capacity) return MAP_NONE;
    for (size_t place = home_of(map, hash); map->slots[place]; place = next_place(map, place)) {
        uint64_t slot = map->slots[place];
        if (slot_agrees(slot, hash) && equal(slot_index(slot), key, context)) return slot_index(slot);
    }
    return MAP_NONE;
}

static void put(struct map *map, uint64_t slot) {
    size_t place = home_of(map, slot);
    while (map->slots[place]) place = next_place(map, place);
    map->slots[place] = slot;
}

static void grow(struct map *map, size_t capacity) {
    struct map bigger = {.capacity = capacity, .count = map->count};
    bigger.slots = mem_array(bigger.capacity, sizeof *bigger.slots);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i]) put(&bigger, map->slots[i]);
    mem_free(map->slots);
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

/* may the entry whose home is `home` move from `place` back to `hole`? yes unless its home lies in (hole,
 * place] */
static bool may_move(size_t home, size_t hole, size_t place) {
    return hole <= place ? home <= hole || home > place : home <= hole && home > place;
}

bool map_remove(struct map *map, uint64_t hash, uint32_t index) {
    if (!map->capacity) return false;
    size_t place = home_of(map, hash);
    while (map->slots[place] && slot_index(map->slots[place]) != index) place = next_place(map, place);
    if (!map->slots[place]) return false;
    size_t hole = place;
    for (place = next_place(map, hole); map->slots[place]; place = next_place(map, place)) {
        size_t home = home_of(map, map->slots[place]);
        if (!may_move(home, hole, place)) continue;
        map->slots[hole] = map->slots[place];
        hole = place;
    }
    map->slots[hole] = 0;
    map->count--;
    return true;
}
