#include "cmd/features.h"

#include "lib/base/log.h"
#include "tests/check_main.h"

static struct buf logged;

static void sink(const char *line, void *context) {
    (void)context;
    buf_puts(&logged, line);
}

START_TEST(lists_are_split_and_unknown_names_only_warn) {
    const char *items[] = {"promql-delayed-name-removal, promql-experimental-functions",
                           ",delayed-compaction,", "native-histograms,promql-experimental-function"};
    struct flag_texts lists = {items, 3, 3};
    struct features features;
    buf_init(&logged, 1 << 16);
    log_capture(sink, NULL);
    features_read(&features, &lists);
    log_capture(NULL, NULL);
    ck_assert(features.delayed_name_removal && features.experimental_functions);
    ck_assert(!features.extended_range_selectors && !features.binop_fill_modifiers);
    ck_assert_ptr_nonnull(strstr(buf_text(&logged), "option=delayed-compaction"));
    ck_assert_ptr_nonnull(strstr(buf_text(&logged), "nearest=promql-experimental-functions"));
    ck_assert_ptr_null(strstr(buf_text(&logged), "option=native-histograms"));
    buf_release(&logged);
}
END_TEST

CHECK_MAIN("features", lists_are_split_and_unknown_names_only_warn)
