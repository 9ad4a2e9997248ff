#include "lib/model/duration.h"
#include "tests/check_main.h"

START_TEST(durations_parse_and_print) {
    static const struct {
        const char *text;
        int64_t ms;
        const char *printed;
    } good[] = {
        {"0", 0, "0s"},           {"1ms", 1, "1ms"},           {"15s", 15000, "15s"},
        {"90s", 90000, "1m30s"},  {"1h30m", 5400000, "1h30m"}, {"1d", 86400000, "1d"},
        {"1w", 604800000, "1w"},  {"90d", 7776000000, "90d"},  {"1y", 31536000000, "1y"},
        {"25h", 90000000, "25h"}, {"1d12h", 129600000, "36h"}, {"1y2w3d", 33004800000, "382d"},
    };
    static const char *const bad[] = {
        "", "1", "s", "1s1h", "1h1h", "-1s", "1.5s", "1 s", "1x", "99999999999999999999s", "9999999999y"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ms = -1;
        struct buf out;
        buf_init(&out, 100);
        ck_assert_int_eq(duration_parse(span_from(good[i].text), &ms, NULL), 0);
        ck_assert_int_eq(ms, good[i].ms);
        duration_write(ms, &out);
        ck_assert_str_eq(buf_text(&out), good[i].printed);
        buf_release(&out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms = -1;
        ck_assert_msg(duration_parse(span_from(bad[i]), &ms, NULL) == ERR_INVALID, "%s", bad[i]);
        ck_assert_int_eq(ms, -1);
    }
}
END_TEST

CHECK_MAIN("duration", durations_parse_and_print)
