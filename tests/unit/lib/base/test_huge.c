#include "lib/base/huge.h"
#include "lib/base/mem.h"
#include "tests/check_main.h"

#include <stdbool.h>

static bool is_zero(const char *block, size_t size) {
    char any = 0;
    for (size_t at = 0; at < size; at++) any |= block[at];
    return !any;
}

START_TEST(memory_of_any_size_is_zeroed_and_can_be_written_to_its_end) {
    static const size_t sizes[] = {1, 4096, HUGE_PAGE - 1, HUGE_PAGE, HUGE_PAGE + 1, 3 * HUGE_PAGE + 12345};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *block = huge_alloc(sizes[i]);
        ck_assert(is_zero(block, sizes[i]));
        mem_touch(block, sizes[i]);
        ck_assert(is_zero(block, sizes[i]));
        block[0] = block[sizes[i] - 1] = 'x';
        huge_free(block, sizes[i]);
    }
    huge_free(NULL, 1);
    huge_free(NULL, HUGE_PAGE);
}
END_TEST

CHECK_MAIN("huge", memory_of_any_size_is_zeroed_and_can_be_written_to_its_end)
