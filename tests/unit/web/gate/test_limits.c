#include "web/gate/limits.h"

#include "tests/check_main.h"

START_TEST(a_bucket_holds_its_burst_and_fills_with_time) {
    struct bucket bucket = {0};
    for (int i = 0; i < 3; i++) ck_assert(bucket_take(&bucket, 1000, 100, 3));
    ck_assert(!bucket_take(&bucket, 1000, 100, 3));
    ck_assert(!bucket_take(&bucket, 1050, 100, 3));
    ck_assert(bucket_take(&bucket, 1100, 100, 3));
    for (int i = 0; i < 3; i++) ck_assert(bucket_take(&bucket, 999999, 100, 3));
    ck_assert(!bucket_take(&bucket, 999999, 100, 3));
}
END_TEST

START_TEST(guesses_are_counted_for_each_client) {
    static struct failures failures;
    for (int i = 0; i < FAILURES_PER_SECOND; i++) ck_assert(failures_may_try(&failures, "10.0.0.1", 5));
    ck_assert(!failures_may_try(&failures, "10.0.0.1", 5));
    failures_forgive(&failures, "10.0.0.1");
    ck_assert(failures_may_try(&failures, "10.0.0.1", 5));
    ck_assert(!failures_may_try(&failures, "10.0.0.1", 5));
    ck_assert(failures_may_try(&failures, "10.0.0.1", 5 + 1000 / FAILURES_PER_SECOND));
}
END_TEST

CHECK_MAIN("limits", a_bucket_holds_its_burst_and_fills_with_time, guesses_are_counted_for_each_client)
