#include "lib/base/bits.h"
#include "lib/codec/number.h"
#include "tests/check_main.h"

#include <math.h>
#include <stdio.h>

struct form {
    double value;
    const char *plain, *json, *general;
};

START_TEST(each_form_is_as_go_writes_it) {
    static const struct form forms[] = {
        {0, "0", "0", "0"},
        {-0.0, "-0", "-0", "-0"},
        {1, "1", "1", "1"},
        {-12345, "-12345", "-12345", "-12345"},
        {0.1, "0.1", "0.1", "0.1"},
        {1.5e-5, "0.000015", "0.000015", "1.5e-05"},
        {1e-7, "0.0000001", "1e-07", "1e-07"},
        {200000, "200000", "200000", "200000"},
        {-2000000, "-2000000", "-2000000", "-2e+06"},
        {1234567.8, "1234567.8", "1234567.8", "1.2345678e+06"},
        {999999, "999999", "999999", "999999"},
        {1e20, "100000000000000000000", "100000000000000000000", "1e+20"},
        {1e21, "1000000000000000000000", "1e+21", "1e+21"},
        {1e23, "100000000000000000000000", "1e+23", "1e+23"},
        {1.5e300, NULL, "1.5e+300", "1.5e+300"},
        {5e-324, NULL, "5e-324", "5e-324"},
        {123456.789, "123456.789", "123456.789", "123456.789"},
        {INFINITY, "+Inf", "+Inf", "+Inf"},
        {-INFINITY, "-Inf", "-Inf", "-Inf"},
        {NAN, "NaN", "NaN", "NaN"},
    };
    char text[NUMBER_MAX_TEXT + 1];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        text[number_write_json(forms[i].value, text)] = '\0';
        ck_assert_str_eq(text, forms[i].json);
        text[number_write_general(forms[i].value, text)] = '\0';
        ck_assert_str_eq(text, forms[i].general);
        text[number_write_plain(forms[i].value, text)] = '\0';
        if (forms[i].plain) ck_assert_str_eq(text, forms[i].plain);
    }
}
END_TEST

START_TEST(random_bits_read_back_the_same) {
    uint64_t random = 99;
    char text[NUMBER_MAX_TEXT];
    for (int i = 0; i < 200000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        double value = bits_double(random ^ random >> 29), back = 0;
        if (isnan(value)) continue;
        ck_assert(number_parse(span_of(text, number_write_plain(value, text)), &back));
        ck_assert_uint_eq(double_bits(back), double_bits(value));
        ck_assert(number_parse(span_of(text, number_write_json(value, text)), &back));
        ck_assert_uint_eq(double_bits(back), double_bits(value));
    }
}
END_TEST

START_TEST(parsing_takes_what_go_takes) {
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1", 1},          {"+1.5", 1.5},       {".5", 0.5},
                {"5.", 5},         {"1e3", 1000},       {"-2E-2", -0.02},
                {"inf", INFINITY}, {"-Inf", -INFINITY}, {"+INFINITY", INFINITY},
                {"1e-400", 0},     {"00012", 12},       {"9007199254740993", 9007199254740992.0}};
    static const char *const bad[] = {"",       "-",     "+",     ".",   "e5", "1e",  "1e400",
                                      "-1e400", "0x10",  "1_000", "1 ",  " 1", "12a", "nanx",
                                      "+nan",   "1.2.3", "--1",   "1e+", "++1"};
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(number_parse(span_from(good[i].text), &value), "%s", good[i].text);
        ck_assert_msg(value == good[i].value, "%s gave %g", good[i].text, value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!number_parse(span_from(bad[i]), &value), "%s", bad[i]);
    ck_assert(number_parse(SPAN("NaN"), &value) && isnan(value));
}
END_TEST

START_TEST(a_plain_decimal_is_taken_off_what_follows) {
    static const struct {
        const char *text;
        size_t used; /* 0: none */
        double value;
    } cases[] = {{"1\n2", 1, 1},
                 {"0 ", 1, 0},
                 {"12.5}", 4, 12.5},
                 {".5", 2, 0.5},
                 {"5.", 2, 5},
                 {"1.2.3", 3, 1.2},
                 {"3e5", 1, 3},
                 {"9007199254740992", 16, 9007199254740992.0},
                 {"9007199254740993", 0, 0},
                 {"0.12345678901234567", 0, 0},
                 {"0000000000000000001", 19, 1},
                 {"00000000000000000012", 19, 1}, /* no more than 19 bytes are looked at */
                 {".", 0, 0},
                 {"", 0, 0},
                 {"-1", 0, 0},
                 {"NaN", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value = 0;
        ck_assert_msg(number_scan(span_from(cases[i].text), &value) == cases[i].used, "%s", cases[i].text);
        ck_assert_msg(value == cases[i].value, "%s gave %g", cases[i].text, value);
    }
}
END_TEST

START_TEST(integers_refuse_overflow) {
    int64_t value;
    ck_assert(number_parse_int(SPAN("-9223372036854775808"), &value) && value == INT64_MIN);
    ck_assert(number_parse_int(SPAN("9223372036854775807"), &value) && value == INT64_MAX);
    ck_assert(!number_parse_int(SPAN("9223372036854775808"), &value));
    ck_assert(!number_parse_int(SPAN("-9223372036854775809"), &value));
    ck_assert(!number_parse_int(SPAN("1.0"), &value) && !number_parse_int(SPAN(""), &value) &&
              !number_parse_int(SPAN("-"), &value));
}
END_TEST

CHECK_MAIN("number", each_form_is_as_go_writes_it, random_bits_read_back_the_same,
           parsing_takes_what_go_takes, a_plain_decimal_is_taken_off_what_follows, integers_refuse_overflow)
