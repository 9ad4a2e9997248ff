#include "storage/send/send_answer.h"
#include "tests/check_main.h"

#define NOW_MS 784111777000 /* Sun, 06 Nov 1994 08:49:37 GMT */

START_TEST(what_may_work_later_is_sent_again_and_all_else_is_not) {
    static const struct {
        long status;
        enum send_verdict verdict, with_429;
    } cases[] = {{200, SEND_DONE, SEND_DONE},   {204, SEND_DONE, SEND_DONE},   {0, SEND_AGAIN, SEND_AGAIN},
                 {500, SEND_AGAIN, SEND_AGAIN}, {503, SEND_AGAIN, SEND_AGAIN}, {429, SEND_NEVER, SEND_AGAIN},
                 {400, SEND_NEVER, SEND_NEVER}, {404, SEND_NEVER, SEND_NEVER}, {301, SEND_NEVER, SEND_NEVER},
                 {408, SEND_NEVER, SEND_NEVER}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(send_judge(cases[i].status, false), cases[i].verdict);
        ck_assert_int_eq(send_judge(cases[i].status, true), cases[i].with_429);
    }
}
END_TEST

START_TEST(pauses_double_up_to_their_maximum_and_begin_anew_with_a_message) {
    static const int64_t waits[] = {30, 60, 120, 240, 480, 960, 1920, 3840, 5000, 5000};
    struct send_pause pause = {.min_ms = 30, .max_ms = 5000};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        ck_assert_int_eq(send_pause_next(&pause, SPAN(""), NOW_MS), waits[i]);
    send_pause_reset(&pause);
    ck_assert_int_eq(send_pause_next(&pause, SPAN(""), NOW_MS), 30);
}
END_TEST

START_TEST(what_the_receiver_asks_for_is_waited_whole) {
    struct send_pause pause = {.min_ms = 30, .max_ms = 5000};
    ck_assert_int_eq(send_pause_next(&pause, SPAN("2"), NOW_MS), 2000);
    ck_assert_int_eq(send_pause_next(&pause, SPAN(""), NOW_MS), 4000);
    ck_assert_int_eq(send_pause_next(&pause, SPAN("120"), NOW_MS), 120000);
    ck_assert_int_eq(send_pause_next(&pause, SPAN("0"), NOW_MS), 5000);
    ck_assert_int_eq(send_pause_next(&pause, SPAN("Sun, 06 Nov 1994 08:50:37 GMT"), NOW_MS), 60000);
}
END_TEST

START_TEST(what_is_neither_seconds_nor_a_date_to_come_asks_for_nothing) {
    static const char *const texts[] = {"",
                                        "soon",
                                        "-5",
                                        "1.5",
                                        "9223372036854775807",
                                        "99999999999999999999",
                                        "Sun, 06 Nov 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1993 08:49:37 GMT",
                                        "Sun, 06 Nox 2094 08:49:37 GMT",
                                        "Sun, 06 Nov 2094 08:49:37 CET",
                                        "Sun, 06 Nov 2094 08:49:37 GM",
                                        "Sunday, 06-Nov-94 08:49:37 GMT"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(send_retry_after_ms(span_from(texts[i]), NOW_MS) <= 0, "%s", texts[i]);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {what_may_work_later_is_sent_again_and_all_else_is_not,
                                  pauses_double_up_to_their_maximum_and_begin_anew_with_a_message,
                                  what_the_receiver_asks_for_is_waited_whole,
                                  what_is_neither_seconds_nor_a_date_to_come_asks_for_nothing};
    TCase *tcase = tcase_create("send_answer");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    return check_run("send_answer", tcase);
}
