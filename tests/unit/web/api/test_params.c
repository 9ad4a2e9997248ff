#include "web/api/params.h"

#include "tests/check_main.h"

#include <string.h>

static const struct {
    const char *text;
    int64_t time_ms; /* INT64_MIN: refused */
} times[] = {
    {"0", 0},
    {"1435781430.781", 1435781430781},
    {"1435781430.7814", 1435781430781},
    {"1435781430.7815001", 1435781430782},
    {"-1.5", -1500},
    {"1e3", 1000000},
    {"2015-07-01T20:10:51.781Z", 1435781451781},
    {"2015-07-01T20:10:51.7819Z", 1435781451781},
    {"2015-07-01T20:10:51+02:00", 1435774251000},
    {"2015-07-01T20:10:51-00:30", 1435783251000},
    {"1969-12-31T23:59:59.5Z", -500},
    {"0001-01-01T00:00:00Z", -62135596800000},
    {"9999-12-31T23:59:59Z", 253402300799000},
    {"2016-02-29T00:00:00Z", 1456704000000},
    {"-292273086-05-16T16:47:06Z", -9223309901257974000},
    {"292277025-08-18T07:12:54.999999999Z", 9223309901257974999},
    {"", INT64_MIN},
    {"x", INT64_MIN},
    {"NaN", INT64_MIN},
    {"+Inf", INT64_MIN},
    {"1e17", INT64_MIN},
    {"2015-02-29T00:00:00Z", INT64_MIN},
    {"2015-13-01T00:00:00Z", INT64_MIN},
    {"2015-01-01T24:00:00Z", INT64_MIN},
    {"2015-01-01T00:00:60Z", INT64_MIN},
    {"2015-01-01T00:00:00", INT64_MIN},
    {"2015-01-01T00:00:00.Z", INT64_MIN},
    {"2015-01-01T00:00:00Z ", INT64_MIN},
    {"2015-01-01 00:00:00Z", INT64_MIN},
    {"2015-1-1T00:00:00Z", INT64_MIN},
    {"2015-01-01T00:00:00+1:00", INT64_MIN},
};

START_TEST(times_are_seconds_or_rfc_3339) {
    struct err err = {0};
    int64_t got = 7;
    int rc = time_parse(span_from(times[_i].text), &got, &err);
    if (times[_i].time_ms == INT64_MIN) {
        ck_assert_int_eq(rc, ERR_INVALID);
        ck_assert_int_eq(got, 7);
        ck_assert_ptr_nonnull(strstr(err.text, "to a valid timestamp"));
    } else {
        ck_assert_msg(rc == 0 && got == times[_i].time_ms, "%s: %d %lld", times[_i].text, rc, (long long)got);
    }
}
END_TEST

static const struct {
    const char *text;
    int64_t ms; /* INT64_MIN: refused */
} durations[] = {
    {"15", 15000},       {"0.5", 500},       {"1.0005", 1000},    {"-1", -1000},
    {"5m", 300000},      {"1h30m", 5400000}, {"100ms", 100},      {"0", 0},
    {"", INT64_MIN},     {"x", INT64_MIN},   {"5", 5000},         {"-5m", INT64_MIN},
    {"1e10", INT64_MIN}, {"NaN", INT64_MIN}, {"1m1h", INT64_MIN},
};

START_TEST(durations_are_seconds_or_prometheus_durations) {
    struct err err = {0};
    int64_t got = 7;
    int rc = api_duration_parse(span_from(durations[_i].text), &got, &err);
    if (durations[_i].ms == INT64_MIN) {
        ck_assert_msg(rc == ERR_INVALID, "%s", durations[_i].text);
        ck_assert_int_eq(got, 7);
        ck_assert_ptr_nonnull(strstr(err.text, "to a valid duration"));
    } else {
        ck_assert_msg(rc == 0 && got == durations[_i].ms, "%s: %d %lld", durations[_i].text, rc,
                      (long long)got);
    }
}
END_TEST

START_TEST(a_refusal_quotes_what_was_given) {
    struct err err = {0};
    int64_t got;
    char hostile[3000];
    memset(hostile, '"', sizeof hostile);
    (void)time_parse(SPAN("a\"b\n"), &got, &err);
    ck_assert_str_eq(err.text, "cannot parse \"a\\\"b\\n\" to a valid timestamp");
    ck_assert_int_eq(time_parse(span_of(hostile, sizeof hostile), &got, &err), ERR_INVALID);
    (void)api_duration_parse(SPAN("1e30"), &got, &err);
    ck_assert_str_eq(err.text, "cannot parse \"1e30\" to a valid duration. It overflows int64");
}
END_TEST

START_TEST(booleans_have_six_forms_each) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    static const char *const neither[] = {"", "yes", "tRUE", "10", "true "};
    bool value;
    for (size_t i = 0; i < 6; i++) {
        ck_assert(bool_parse(span_from(yes[i]), &value) && value);
        ck_assert(bool_parse(span_from(no[i]), &value) && !value);
    }
    for (size_t i = 0; i < 5; i++) ck_assert(!bool_parse(span_from(neither[i]), &value));
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("params");
    tcase_add_loop_test(tcase, times_are_seconds_or_rfc_3339, 0, (int)(sizeof times / sizeof *times));
    tcase_add_loop_test(tcase, durations_are_seconds_or_prometheus_durations, 0,
                        (int)(sizeof durations / sizeof *durations));
    tcase_add_test(tcase, booleans_have_six_forms_each);
    tcase_add_test(tcase, a_refusal_quotes_what_was_given);
    return check_run("params", tcase);
}
