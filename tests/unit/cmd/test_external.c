#include "cmd/external.h"

#include "lib/base/mem.h"
#include "tests/check_main.h"

START_TEST(the_prefix_is_the_flag_or_the_path_of_the_url) {
    static const struct {
        const char *url, *prefix, *wanted;
    } table[] = {
        {"", "", ""},
        {"http://h:1", "", ""},
        {"http://h/", "", ""},
        {"http://h/a/b/", "", "/a/b"},
        {"https://h/a?x=/y", "", "/a"},
        {"http://h/a", "/", ""},
        {"http://h/a", "b/", "/b"},
        {"", "//c//", "/c"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *prefix = NULL;
        ck_assert_int_eq(external_route_prefix(table[i].url, table[i].prefix, &prefix, NULL), 0);
        ck_assert_str_eq(prefix, table[i].wanted);
        mem_free(prefix);
    }
}
END_TEST

START_TEST(what_is_no_url_is_refused) {
    static const char *const bad[] = {"h/a", "'http://h/'", "http:///a", "://h", "http://h/a b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *prefix = NULL;
        struct err err = {0};
        ck_assert_int_eq(external_route_prefix(bad[i], "", &prefix, &err), ERR_INVALID);
        ck_assert_ptr_null(prefix);
    }
}
END_TEST

CHECK_MAIN("external", the_prefix_is_the_flag_or_the_path_of_the_url, what_is_no_url_is_refused)
