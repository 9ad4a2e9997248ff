#pragma once
/*
 * map.h - open addressing from a 64-bit hash to a 32-bit index; what the index means is the caller's.
 *
 *     slots: [hash high 32 | index + 1] ...      8 bytes an entry, power of two, at most 7/8 full
 *
 * A lookup walks the slots whose stored hash bits agree and asks the caller's `equal`, so keys are kept
 * nowhere twice. The place comes from the stored bits too: growing asks nobody. Entries stand in the order of
 * their homes ("Robin Hood hashing", Celis 1986), so a walk for what is not there ends after a few slots, and
 * a growing map is copied from front to back. Deletion moves later entries back, so there are no tombstones.
 * Not safe for several threads at once; concurrent lookups without writers are.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAP_NONE UINT32_MAX

struct map {
    uint64_t *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
    uint32_t shift; /* of the 32 stored bits, to the place */
};

/* is the entry at `index` the wanted key? */
typedef bool map_equal(uint32_t index, const void *key, const void *context);

void map_release(struct map *map);
/* the index stored for key, or MAP_NONE */
uint32_t map_find(const struct map *map, uint64_t hash, const void *key, map_equal *equal,
                  const void *context);
/* asks for the memory where a lookup of hash will begin */
void map_prefetch(const struct map *map, uint64_t hash);
/* room for so many entries, so that adding them moves nothing */
void map_reserve(struct map *map, size_t count);
/* adds index; the key must not be there yet; index < UINT32_MAX */
void map_insert(struct map *map, uint64_t hash, uint32_t index);
/* the index stored for key; if there is none, MAP_NONE, and `index` is stored */
uint32_t map_get(struct map *map, uint64_t hash, const void *key, map_equal *equal, const void *context,
                 uint32_t index);
/* forgets index; false when it is not there */
bool map_remove(struct map *map, uint64_t hash, uint32_t index);
