/* Only what was right is remembered, and no two sets of fields are taken for each other. */
#include "web/gate/success_cache.h"

#include "tests/check_main.h"

#include <stdio.h>

START_TEST(fields_do_not_run_into_each_other) {
    struct success_cache *cache = success_cache_create();
    success_cache_add(cache, SPAN("ab"), SPAN("c"), SPAN("d"));
    ck_assert(success_cache_has(cache, SPAN("ab"), SPAN("c"), SPAN("d")));
    ck_assert(!success_cache_has(cache, SPAN("a"), SPAN("bc"), SPAN("d")));
    ck_assert(!success_cache_has(cache, SPAN("ab"), SPAN("cd"), SPAN("")));
    ck_assert(!success_cache_has(cache, SPAN("ab"), SPAN("other"), SPAN("d")));
    struct success_cache *other = success_cache_create();
    ck_assert(!success_cache_has(other, SPAN("ab"), SPAN("c"), SPAN("d")));
    success_cache_destroy(other);
    success_cache_destroy(cache);
}
END_TEST

START_TEST(its_size_is_fixed_and_the_newest_stay) {
    struct success_cache *cache = success_cache_create();
    char user[16];
    for (int i = 0; i < 20000; i++) {
        snprintf(user, sizeof user, "u%d", i);
        success_cache_add(cache, span_from(user), SPAN("h"), SPAN("p"));
        ck_assert(success_cache_has(cache, span_from(user), SPAN("h"), SPAN("p")));
    }
    int kept = 0;
    for (int i = 0; i < 20000; i++) {
        snprintf(user, sizeof user, "u%d", i);
        kept += success_cache_has(cache, span_from(user), SPAN("h"), SPAN("p"));
    }
    ck_assert_int_eq(kept, 256 * 8);
    success_cache_destroy(cache);
}
END_TEST

CHECK_MAIN("success_cache", fields_do_not_run_into_each_other, its_size_is_fixed_and_the_newest_stay)
