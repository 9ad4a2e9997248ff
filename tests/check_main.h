#pragma once
/*
 * check_main.h - the main function of a unit test: CHECK_MAIN("arena", test_a, test_b, ...) runs the listed
 * Check tests.
 */
#include <check.h>
#include <stdlib.h>

#define CHECK_MAIN(title, ...)                                                                               \
    int main(void) {                                                                                         \
        const TTest *const tests[] = {__VA_ARGS__};                                                          \
        Suite *suite = suite_create(title);                                                                  \
        TCase *tcase = tcase_create(title);                                                                  \
        tcase_set_timeout(tcase, 120);                                                                       \
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);           \
        suite_add_tcase(suite, tcase);                                                                       \
        SRunner *runner = srunner_create(suite);                                                             \
        srunner_run_all(runner, CK_NORMAL);                                                                  \
        int failed = srunner_ntests_failed(runner);                                                          \
        srunner_free(runner);                                                                                \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                                         \
    }
