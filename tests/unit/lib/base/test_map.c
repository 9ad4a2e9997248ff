/* The map against a stupid one: an array of flags. */
#include "lib/base/hash.h"
#include "lib/base/huge.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "tests/check_main.h"

#include <stdbool.h>

#define KEYS 3000

/* many keys share a hash, so that probing and the compare callback are exercised */
static uint64_t key_hash(uint32_t index, const void *context) {
    (void)context;
    uint64_t coarse = index / 4;
    return hash_bytes(&coarse, sizeof coarse);
}

static bool key_equal(uint32_t index, const void *key, const void *context) {
    (void)context;
    return index == *(const uint32_t *)key;
}

START_TEST(random_operations_agree_with_flags) {
    struct map map = {0};
    static bool is_there[KEYS];
    uint64_t random = 12345;
    for (int step = 0; step < 200000; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t key = (uint32_t)(random >> 33) % KEYS;
        bool wants_insert = random >> 62 & 1;
        uint32_t found = map_find(&map, key_hash(key, NULL), &key, key_equal, NULL);
        ck_assert_uint_eq(found, is_there[key] ? key : MAP_NONE);
        if (wants_insert && !is_there[key] && random >> 61 & 1)
            map_insert(&map, key_hash(key, NULL), key);
        else if (wants_insert)
            ck_assert_uint_eq(map_get(&map, key_hash(key, NULL), &key, key_equal, NULL, key),
                              is_there[key] ? key : MAP_NONE);
        else if (!wants_insert)
            ck_assert(map_remove(&map, key_hash(key, NULL), key) == is_there[key]);
        is_there[key] = wants_insert;
    }
    size_t count = 0;
    for (int i = 0; i < KEYS; i++) count += is_there[i];
    ck_assert_uint_eq(map.count, count);
    map_release(&map);
}
END_TEST

/* large enough for pages of its own (huge.h) */
START_TEST(a_large_map_has_what_was_put_into_it) {
    struct map map = {0};
    for (uint32_t key = 0; key < 600000; key++)
        ck_assert_uint_eq(map_get(&map, key_hash(key, NULL), &key, key_equal, NULL, key), MAP_NONE);
    ck_assert_uint_ge(map.capacity * sizeof *map.slots, HUGE_PAGE);
    ck_assert_uint_eq(map.count, 600000);
    for (uint32_t key = 0; key < 600010; key++)
        ck_assert_uint_eq(map_find(&map, key_hash(key, NULL), &key, key_equal, NULL),
                          key < 600000 ? key : MAP_NONE);
    map_release(&map);
}
END_TEST

START_TEST(a_vec_grows_and_keeps_order) {
    VEC(int) numbers = {0};
    for (int i = 0; i < 1000; i++) *vec_push(&numbers) = i;
    ck_assert_uint_eq(numbers.count, 1000);
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(numbers.items[i], i);
    vec_release(&numbers);
    ck_assert_ptr_null(numbers.items);
}
END_TEST

CHECK_MAIN("map", random_operations_agree_with_flags, a_large_map_has_what_was_put_into_it,
           a_vec_grows_and_keeps_order)
