#include "lib/sys/process.h"

#include "tests/check_main.h"

#include <stdio.h>

/* kB of files that this process has in memory as its own */
static long resident_file_kb(void) {
    char line[256];
    long kb = -1;
    FILE *file = fopen("/proc/self/status", "re");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "RssFile: %ld", &kb) == 1) break;
    fclose(file);
    return kb;
}

/* addresses in data that the loader wrote: not to be lost */
static const char *const words[] = {"one", "two", "three"};

START_TEST(code_that_is_given_back_comes_again_when_it_runs) {
    struct process_info info = {0};
    process_info_read(&info);
    long before = resident_file_kb();
    process_release_code();
    long after = resident_file_kb();
    ck_assert_int_lt(after, before);
    process_info_read(&info);
    ck_assert_uint_gt(info.resident_bytes, 0);
    ck_assert_str_eq(words[1], "two");
}
END_TEST

CHECK_MAIN("process", code_that_is_given_back_comes_again_when_it_runs)
