/* What flags and file say together about the database. */
#include "cmd/storage.h"

#include "cmd/flags.h"
#include "lib/config/config.h"
#include "storage/tsdb/tsdb.h"
#include "tests/check_main.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static struct config_errors errors;

struct retained {
    const char *flag, *file, *text;
    struct tsdb_retention retention;
};

static void check_retention(const struct retained *want) {
    char *arguments[] = {(char *)"server", (char *)want->flag, NULL};
    struct flags flags;
    struct config *config = NULL;
    struct tsdb_options options;
    char text[64];
    ck_assert_int_eq(flags_parse(&flags, want->flag ? 2 : 1, arguments, NULL), 0);
    ck_assert_int_eq(config_load_text(span_from(want->file), "p.yml", &config, &errors), 0);
    storage_options(&flags, config, &options);
    ck_assert_int_eq(options.retention.time_ms, want->retention.time_ms);
    ck_assert_uint_eq(options.retention.bytes, want->retention.bytes);
    ck_assert_double_eq(options.retention.percentage, want->retention.percentage);
    storage_retention_text(&flags, config, text);
    ck_assert_str_eq(text, want->text);
    config_unref(config);
    flags_release(&flags);
}

START_TEST(the_file_is_preferred_and_without_any_limit_it_is_fifteen_days) {
    static const struct retained table[] = {
        {NULL, "global: {}\n", "15d", {15 * DAY_MS, 0, 0}},
        {"--storage.tsdb.retention.time=2d", "global: {}\n", "2d", {2 * DAY_MS, 0, 0}},
        {"--storage.tsdb.retention.size=1KB", "global: {}\n", "1024B", {0, 1024, 0}},
        {"--storage.tsdb.retention.time=2d",
         "storage: {tsdb: {retention: {percentage: 80}}}\n",
         "80%",
         {0, 0, 80}},
        {NULL,
         "storage: {tsdb: {retention: {time: 3d, percentage: 12.5}}}\n",
         "3d or 12.5%",
         {3 * DAY_MS, 0, 12.5}},
        {NULL, "storage: {tsdb: {retention: {size: 1KB, percentage: 1}}}\n", "1%", {0, 1024, 1}},
        {NULL, "storage: {tsdb: {retention: {percentage: 0}}}\n", "15d", {15 * DAY_MS, 0, 0}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) check_retention(&table[i]);
}
END_TEST

CHECK_MAIN("storage", the_file_is_preferred_and_without_any_limit_it_is_fifteen_days)
