#pragma once
/*
 * rule_test.h - inside of cmd: one unit test of rules: data and groups in memory, evaluated from the first
 * time to the last, and compared with what the test says.
 */
#include "lib/codec/regex.h"
#include "lib/config/rule_test.h"

struct rule_test_options {
    struct regex *names;  /* of tests; NULL: all tests */
    bool diff;            /* show what differs line by line */
    bool ignores_unknown; /* fields of rule files */
};

bool rule_test_is_wanted(const struct rule_test_options *options, const struct test_group *test);
/* complaints go to why: none, the test has passed */
void rule_test_run(const struct test_file *file, const struct test_group *test,
                   const struct rule_test_options *options, struct buf *why);
