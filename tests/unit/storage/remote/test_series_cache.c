#include "storage/remote/series_cache.h"
#include "tests/check_main.h"

static struct hash128 key_of(uint32_t i) {
    return hash_bytes_keyed_128(&i, sizeof i);
}

static void put(struct series_cache *cache, uint32_t i, uint32_t generation) {
    struct hash128 key = key_of(i);
    struct series_ref ref = {i, generation};
    series_cache_put(cache, &key, 1, &ref);
}

/* its generation, 0 when it is not there */
static uint32_t find(struct series_cache *cache, uint32_t i) {
    struct hash128 key = key_of(i);
    struct series_ref ref;
    series_cache_find(cache, &key, 1, &ref);
    if (ref.generation) ck_assert_uint_eq(ref.slot, i);
    return ref.generation;
}

START_TEST(a_reference_is_found_again_and_may_be_replaced) {
    struct series_cache *cache = series_cache_create(0);
    ck_assert_uint_eq(find(cache, 7), 0);
    put(cache, 7, 1);
    ck_assert_uint_eq(find(cache, 7), 1);
    ck_assert_uint_eq(find(cache, 8), 0);
    put(cache, 7, 2);
    ck_assert_uint_eq(find(cache, 7), 2);
    ck_assert_uint_eq(series_cache_count(cache), 1);
    put(cache, 9, 0); /* not a reference */
    ck_assert_uint_eq(series_cache_count(cache), 1);
    series_cache_destroy(cache);
}
END_TEST

START_TEST(it_grows_with_what_is_in_use) {
    struct series_cache *cache = series_cache_create(0);
    for (uint32_t i = 0; i < 100000; i++) put(cache, i, 1);
    ck_assert_uint_eq(series_cache_count(cache), 100000);
    for (uint32_t i = 0; i < 100000; i++) ck_assert_uint_eq(find(cache, i), 1);
    ck_assert_uint_eq(find(cache, 100000), 0);
    ck_assert_uint_le(series_cache_bytes(cache), (size_t)24 << 18);
    series_cache_destroy(cache);
}
END_TEST

START_TEST(at_its_maximum_the_longest_unused_go_first) {
    struct series_cache *cache = series_cache_create(1024);
    for (uint32_t i = 0; i < 700; i++) put(cache, i, 1);
    series_cache_age(cache);
    for (uint32_t i = 0; i < 300; i++) ck_assert_uint_eq(find(cache, i), 1); /* used again */
    for (uint32_t i = 1000; i < 1100; i++) put(cache, i, 1);
    for (uint32_t i = 0; i < 300; i++) ck_assert_uint_eq(find(cache, i), 1);
    for (uint32_t i = 300; i < 700; i++) ck_assert_uint_eq(find(cache, i), 0);
    for (uint32_t i = 1000; i < 1100; i++) ck_assert_uint_eq(find(cache, i), 1);
    ck_assert_uint_eq(series_cache_bytes(cache), 24 * 1024);
    series_cache_destroy(cache);
}
END_TEST

START_TEST(more_in_use_than_its_maximum_never_fills_it) {
    struct series_cache *cache = series_cache_create(64);
    for (uint32_t i = 0; i < 10000; i++) {
        put(cache, i, 1);
        ck_assert_uint_eq(find(cache, i), 1);
        ck_assert_uint_le(series_cache_count(cache), 48);
    }
    ck_assert_uint_eq(series_cache_bytes(cache), 24 * 64);
    series_cache_destroy(cache);
}
END_TEST

START_TEST(old_entries_make_room_before_it_grows) {
    struct series_cache *cache = series_cache_create(0);
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < 300; i++) put(cache, round * 1000 + i, 1);
        series_cache_age(cache);
    }
    ck_assert_uint_eq(series_cache_bytes(cache), 24 << 12);
    series_cache_destroy(cache);
}
END_TEST

CHECK_MAIN("series cache", a_reference_is_found_again_and_may_be_replaced, it_grows_with_what_is_in_use,
           at_its_maximum_the_longest_unused_go_first, more_in_use_than_its_maximum_never_fills_it,
           old_entries_make_room_before_it_grows)
