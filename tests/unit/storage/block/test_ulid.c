/* ULIDs: as text and back, in the order of time, never twice the same. */
#include "storage/block/block.h"

#include "tests/check_main.h"

#include <string.h>

START_TEST(a_ulid_is_its_text_and_back) {
    char text[ULID_TEXT + 1];
    struct ulid ulid, back;
    memset(ulid.bytes, 0xff, sizeof ulid.bytes);
    ulid_text(ulid, text);
    ck_assert_str_eq(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    memset(ulid.bytes, 0, sizeof ulid.bytes);
    for (int bit = 0; bit < 128; bit++) {
        ulid.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ulid_text(ulid, text);
        ck_assert(ulid_parse(text, &back));
        ck_assert(memcmp(&ulid, &back, sizeof ulid) == 0);
    }
}
END_TEST

START_TEST(the_time_stands_in_the_first_ten_characters) {
    char text[ULID_TEXT + 1];
    ulid_text(ulid_make(1469918176385), text); /* the example of the specification */
    ck_assert(memcmp(text, "01ARYZ6S41", 10) == 0);
}
END_TEST

START_TEST(what_is_no_ulid_is_refused) {
    static const char *const bad[] = {"",
                                      "01ARYZ6S41TSV4RRFFQ69G5FA",
                                      "01ARYZ6S41TSV4RRFFQ69G5FAVV",
                                      "81ARYZ6S41TSV4RRFFQ69G5FAV",
                                      "01ARYZ6S41TSV4RRFFQ69G5FAI",
                                      "01ARYZ6S41TSV4RRFFQ69G5FA/",
                                      "01aryz6s41TSV4RRFFQ69G5FAV"};
    struct ulid ulid;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!ulid_parse(bad[i], &ulid), "%s", bad[i]);
    ck_assert(ulid_parse("01ARYZ6S41TSV4RRFFQ69G5FAV", &ulid));
}
END_TEST

START_TEST(ulids_of_one_millisecond_differ_and_later_ones_sort_behind) {
    struct ulid before = ulid_make(1000);
    for (int i = 0; i < 1000; i++) {
        struct ulid same = ulid_make(1000), later = ulid_make(1001);
        ck_assert(memcmp(&before, &same, sizeof same) != 0);
        ck_assert(memcmp(&same, &later, sizeof same) < 0);
        before = same;
    }
}
END_TEST

CHECK_MAIN("ulid", a_ulid_is_its_text_and_back, the_time_stands_in_the_first_ten_characters,
           what_is_no_ulid_is_refused, ulids_of_one_millisecond_differ_and_later_ones_sort_behind)
