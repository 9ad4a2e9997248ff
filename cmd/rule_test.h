#pragma once
/*
 * rule_test.h - inside of cmd: one unit test of rules: data and groups in memory, evaluated from the first
 * time to the last, and compared with what the test says.
 */
#include "lib/config/rule_test.h"

#define RULE_TEST_MAX_NAMES 32

struct rule_test_options {
    const char *names[RULE_TEST_MAX_NAMES]; /* expressions for names of tests; none: all tests */
    size_t name_count;
    bool diff; /* show what differs line by line */
};

bool rule_test_is_wanted(const struct rule_test_options *options, const struct test_group *test);
/* complaints go to why: none, the test has passed */
void rule_test_run(const struct test_file *file, const struct test_group *test,
                   const struct rule_test_options *options, struct buf *why);
