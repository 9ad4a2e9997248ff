#include "cmd/flags.h"
#include "cmd/help.h"

#include "tests/check_main.h"

#define MAX_ARGUMENTS 8

static int parse(struct flags *flags, struct err *err, const char *const *arguments) {
    char *argv[MAX_ARGUMENTS + 1] = {(char *)"server"};
    int argc = 1;
    for (; arguments[argc - 1]; argc++) argv[argc] = (char *)arguments[argc - 1];
    return flags_parse(flags, argc, argv, err);
}
#define PARSE(flags, err, ...) parse((flags), (err), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void expect_error(const char *message, const char *const *arguments) {
    struct flags flags;
    struct err err = {0};
    ck_assert_int_eq(parse(&flags, &err, arguments), ERR_INVALID);
    ck_assert_msg(strcmp(err.text, message) == 0, "\"%s\" instead of \"%s\"", err.text, message);
}
#define EXPECT_ERROR(message, ...) expect_error(message, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(without_arguments_the_defaults_are_prometheus_own) {
    struct flags flags;
    struct err err = {0};
    ck_assert_int_eq(PARSE(&flags, &err), 0);
    ck_assert_str_eq(flags.config_file, "prometheus.yml");
    ck_assert_str_eq(flags.storage_tsdb_path, "data/");
    ck_assert_uint_eq(flags.web_listen_address.count, 1);
    ck_assert_str_eq(flags.web_listen_address.items[0], "0.0.0.0:9090");
    ck_assert_int_eq(flags.query_lookback_delta_ms, 300000);
    ck_assert_int_eq(flags.query_timeout_ms, 120000);
    ck_assert_uint_eq(flags.query_max_samples, 50000000);
    ck_assert(!flags.web_enable_lifecycle && flags.storage_agent_wal_compression);
    ck_assert_uint_eq(flags.enable_feature.count, 0);
    flags_release(&flags);
}
END_TEST

START_TEST(a_value_stands_behind_an_equals_sign_or_in_the_next_argument) {
    struct flags flags;
    struct err err = {0};
    ck_assert_int_eq(PARSE(&flags, &err, "--config.file=a=b.yml", "--storage.tsdb.path", "/d",
                           "--web.enable-lifecycle", "--no-storage.agent.wal-compression",
                           "--query.timeout=90s"),
                     0);
    ck_assert_str_eq(flags.config_file, "a=b.yml");
    ck_assert_str_eq(flags.storage_tsdb_path, "/d");
    ck_assert(flags.web_enable_lifecycle && !flags.storage_agent_wal_compression);
    ck_assert_int_eq(flags.query_timeout_ms, 90000);
    flags_release(&flags);
}
END_TEST

START_TEST(repeatable_flags_collect_their_values) {
    struct flags flags;
    struct err err = {0};
    ck_assert_int_eq(PARSE(&flags, &err, "--web.listen-address=:1", "--web.listen-address=:2"), 0);
    ck_assert_uint_eq(flags.web_listen_address.count, 2);
    ck_assert_str_eq(flags.web_listen_address.items[1], ":2");
    struct buf text;
    buf_init(&text, 4096);
    flag_value_write(&flags, FLAG_web_listen_address, &text);
    ck_assert_str_eq(buf_text(&text), ":1,:2");
    buf_release(&text);
    flags_release(&flags);
}
END_TEST

START_TEST(mistakes_are_named_as_kingpin_does) {
    EXPECT_ERROR("unknown long flag '--config.fil' (did you mean '--config.file'?)", "--config.fil=x");
    EXPECT_ERROR("unknown long flag '--xyzzy'", "--xyzzy");
    EXPECT_ERROR("unknown long flag '--no-config.file' (did you mean '--config.file'?)", "--no-config.file");
    EXPECT_ERROR("unknown short flag '-x'", "-x");
    EXPECT_ERROR("expected argument for flag '--config.file'", "--config.file");
    EXPECT_ERROR("expected argument for flag '--config.file'", "--config.file", "--agent");
    EXPECT_ERROR("flag 'config.file' cannot be repeated", "--config.file=a", "--config.file=b");
    EXPECT_ERROR("unexpected extra", "extra");
    EXPECT_ERROR("--query.timeout: not a valid duration string: \"5\"", "--query.timeout=5");
    EXPECT_ERROR("--query.max-samples: a whole number is expected, not \"many\"", "--query.max-samples=many");
    EXPECT_ERROR("--agent: true or false is expected, not \"maybe\"", "--agent=maybe");
    EXPECT_ERROR("--log.level: one of debug, info, warn, error is expected, not \"loud\"",
                 "--log.level=loud");
    EXPECT_ERROR("--log.format: one of logfmt, json is expected, not \"xml\"", "--log.format=xml");
}
END_TEST

START_TEST(help_lists_what_is_not_hidden) {
    struct flags flags;
    struct err err = {0};
    ck_assert_int_eq(PARSE(&flags, &err, "-h"), 0);
    ck_assert(flags.wants_help && !flags.wants_version);
    flags_release(&flags);
    struct buf text;
    buf_init(&text, 1 << 16);
    help_write(&text);
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "--config.file=prometheus.yml"));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "--[no-]web.enable-lifecycle"));
    ck_assert_ptr_null(strstr(buf_text(&text), "wal-segment-size"));
    buf_release(&text);
}
END_TEST

START_TEST(a_flag_that_does_nothing_yet_is_named_when_it_is_not_the_default) {
    struct flags flags;
    struct err err = {0};
    struct buf text;
    buf_init(&text, 4096);
    ck_assert_int_eq(PARSE(&flags, &err, "--web.enable-otlp-receiver", "--storage.remote.flush-deadline=60s",
                           "--storage.tsdb.max-block-duration=8h", "--query.timeout=1s"),
                     0);
    flags_write_idle(&flags, &text);
    ck_assert_str_eq(buf_text(&text), "--web.enable-otlp-receiver, --storage.tsdb.max-block-duration");
    buf_release(&text);
    flags_release(&flags);
}
END_TEST

START_TEST(every_flag_has_its_own_name_and_a_value_that_reads_back) {
    struct flags flags, again;
    struct err err = {0};
    struct buf text;
    buf_init(&text, 4096);
    ck_assert_int_eq(PARSE(&flags, &err), 0);
    for (size_t i = 0; i < flag_count(); i++) {
        for (size_t j = 0; j < i; j++) ck_assert_str_ne(flag_name(i), flag_name(j));
        buf_reset(&text);
        buf_printf(&text, "--%s=", flag_name(i));
        flag_value_write(&flags, i, &text);
        ck_assert_msg(PARSE(&again, &err, buf_text(&text)) == 0, "%s", err.text);
        flags_release(&again);
    }
    buf_release(&text);
    flags_release(&flags);
}
END_TEST

CHECK_MAIN("flags", without_arguments_the_defaults_are_prometheus_own,
           a_value_stands_behind_an_equals_sign_or_in_the_next_argument,
           repeatable_flags_collect_their_values, mistakes_are_named_as_kingpin_does,
           help_lists_what_is_not_hidden, a_flag_that_does_nothing_yet_is_named_when_it_is_not_the_default,
           every_flag_has_its_own_name_and_a_value_that_reads_back)
