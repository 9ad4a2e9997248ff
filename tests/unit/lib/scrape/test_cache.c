/* The cache against a stupid one: whatever changes between scrapes, it must say the same as comparing sets.
 */
#include "lib/base/hash.h"
#include "lib/scrape/cache.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <string.h>

#define NAMES 60

static uint64_t random_state = 7;
static uint32_t draw(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static const char *name_of(uint32_t i) {
    static char text[NAMES][16];
    snprintf(text[i], sizeof text[i], "m{i=\"%u\"}", i);
    return text[i];
}

static uint64_t hash_of(uint32_t i) {
    return hash_bytes_keyed(name_of(i), strlen(name_of(i)));
}

static bool was_there[NAMES], is_there[NAMES], vanished_now[NAMES];

static void on_vanished(const struct cache_entry *entry, void *context) {
    (void)context;
    for (uint32_t i = 0; i < NAMES; i++)
        if (hash_of(i) == entry->hash) {
            ck_assert(!vanished_now[i]);
            vanished_now[i] = true;
        }
}

/* an exposition of `count` names from order[], with duplicates at times */
static void scrape(struct cache *cache, const uint32_t *order, size_t count) {
    memset(is_there, 0, sizeof is_there);
    memset(vanished_now, 0, sizeof vanished_now);
    cache_begin(cache);
    for (size_t i = 0; i < count; i++) {
        bool is_new;
        struct cache_entry *entry = cache_take(cache, span_from(name_of(order[i])), &is_new);
        ck_assert_uint_eq(entry->hash, hash_of(order[i]));
        ck_assert_msg(is_new == (!was_there[order[i]] && !is_there[order[i]]), "name %u", order[i]);
        entry->ref = (struct series_ref){order[i], 1};
        is_there[order[i]] = true;
    }
    cache_end(cache, on_vanished, NULL);
    size_t different = 0;
    for (uint32_t i = 0; i < NAMES; i++) {
        ck_assert_msg(vanished_now[i] == (was_there[i] && !is_there[i]), "name %u", i);
        different += is_there[i];
        was_there[i] = is_there[i];
    }
    ck_assert_uint_eq(cache->count, different);
    for (size_t i = 0; i < cache->count; i++)
        ck_assert_uint_eq(hash_of(cache->entries[i].ref.slot), cache->entries[i].hash);
}

START_TEST(random_changes_agree_with_sets) {
    struct cache cache = {0};
    uint32_t order[NAMES + 5];
    size_t count = 0;
    memset(was_there, 0, sizeof was_there);
    for (int round = 0; round < 5000; round++) {
        if (draw(3)) { /* else the same again */
            count = draw(NAMES);
            for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
            for (size_t i = 0; i < count && draw(2); i++) order[draw((uint32_t)count)] = draw(NAMES);
        }
        scrape(&cache, order, count);
    }
    cache_release(&cache);
}
END_TEST

START_TEST(the_same_again_needs_no_table) {
    struct cache cache = {0};
    uint32_t order[] = {3, 1, 2};
    memset(was_there, 0, sizeof was_there);
    scrape(&cache, order, 3);
    scrape(&cache, order, 3);
    ck_assert_uint_eq(cache.by_hash.capacity, 0);
    ck_assert_uint_eq(cache.entries[0].ref.slot, 3);
    cache_release(&cache);
}
END_TEST

CHECK_MAIN("cache", random_changes_agree_with_sets, the_same_again_needs_no_table)
