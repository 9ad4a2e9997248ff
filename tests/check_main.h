#pragma once
/*
 * check_main.h - the main function of a unit test: CHECK_MAIN("arena", test_a, test_b, ...) runs the listed
 * Check tests; a main of its own, with fixtures or loops, ends with check_run.
 */
#include <check.h>
#include <stdlib.h>

/* Check's own form tells its parent of each assertion that holds, a system call each: too slow for one a
 * sample. (What a crash loses is "after this point".) */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...)                                                                             \
    ((expr) ? (void)0 : _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", ##__VA_ARGS__))

/* runs the one case of a suite; what main returns */
static inline int check_run(const char *title, TCase *tcase) {
    Suite *suite = suite_create(title);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define CHECK_MAIN(title, ...)                                                                               \
    int main(void) {                                                                                         \
        const TTest *const tests[] = {__VA_ARGS__};                                                          \
        TCase *tcase = tcase_create(title);                                                                  \
        tcase_set_timeout(tcase, 120);                                                                       \
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);           \
        return check_run(title, tcase);                                                                      \
    }
