#include "lib/codec/regex.h"
#include "tests/check_main.h"

static bool matches(const char *pattern, const char *text) {
    struct regex *regex;
    struct err err = {0};
    ck_assert_msg(regex_create(&regex, span_from(pattern), &err) == 0, "%s: %s", pattern, err.text);
    bool answer = regex_matches(regex, span_from(text));
    struct span whole[1];
    /* the captures always go through the automaton: it must agree with the short cuts */
    ck_assert_msg(regex_captures(regex, span_from(text), whole, 1) == answer, "%s on %s", pattern, text);
    regex_destroy(regex);
    return answer;
}

START_TEST(short_cuts_agree_with_the_automaton) {
    static const char *const patterns[] = {"",
                                           "a",
                                           "a|b|c",
                                           "(a|b)",
                                           "(?:ab|b)",
                                           "a.*",
                                           ".*a",
                                           ".*a.*",
                                           ".*",
                                           ".+",
                                           "a\\.b",
                                           "a\\.*",
                                           ".*\\.*",
                                           "a+",
                                           "ab*",
                                           "a|",
                                           "(a)(b)",
                                           "(a|b)c",
                                           "a|b|c|d|e|f|g|h|i|ab",
                                           "[ab]",
                                           "a{2}",
                                           "(?i:A)",
                                           "a\\|b",
                                           "x.*y",
                                           ".*.*",
                                           ".*a|b.*",
                                           "a.+",
                                           "(a|b).*"};
    static const char *const texts[] = {"",     "a",   "b",   "ab", "ba", "aa",   "a.b", "axb", "xay",
                                        "a\nb", "a|b", "abc", "ac", "A",  "x\ny", "a.",  ".",   "i"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) matches(patterns[i], texts[k]);
    ck_assert(matches("a.*", "a\nb"));
    ck_assert(!matches("a", "ab"));
}
END_TEST

START_TEST(literals_are_listed_for_the_index) {
    struct regex *regex;
    const struct span *literals;
    ck_assert_int_eq(regex_create(&regex, SPAN("foo|ba\\.r|"), NULL), 0);
    ck_assert_uint_eq(regex_literals(regex, &literals), 3);
    ck_assert(span_is(literals[1], "ba.r") && literals[2].len == 0);
    regex_destroy(regex);
    ck_assert_int_eq(regex_create(&regex, SPAN("fo+"), NULL), 0);
    ck_assert_uint_eq(regex_literals(regex, &literals), 0);
    regex_destroy(regex);
}
END_TEST

START_TEST(groups_are_captured_by_number_and_name) {
    struct regex *regex;
    struct span groups[3];
    ck_assert_int_eq(regex_create(&regex, SPAN("(?<first>[a-z]+)-(.*)"), NULL), 0);
    ck_assert_uint_eq(regex_group_count(regex), 2);
    ck_assert_int_eq(regex_group_index(regex, SPAN("first")), 1);
    ck_assert_int_eq(regex_group_index(regex, SPAN("none")), -1);
    ck_assert(regex_captures(regex, SPAN("ab-12"), groups, 3));
    ck_assert(span_is(groups[0], "ab-12") && span_is(groups[1], "ab") && span_is(groups[2], "12"));
    regex_destroy(regex);
}
END_TEST

START_TEST(bad_patterns_are_refused_in_go_words) {
    static const struct {
        const char *pattern, *text;
    } cases[] = {
        {"a(", "error parsing regexp: missing closing ): `a(`"},
        {"[a", "error parsing regexp: missing closing ]: `[a`"},
        {"*a", "error parsing regexp: missing argument to repetition operator: `*`"},
        {"a**", "error parsing regexp: invalid nested repetition operator: `**`"},
        {"\\C", "error parsing regexp: invalid escape sequence: `\\C`"},
        {"a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct regex *regex;
        struct err err = {0};
        ck_assert_int_lt(regex_create(&regex, span_from(cases[i].pattern), &err), 0);
        ck_assert_str_eq(err.text, cases[i].text);
    }
    char deep[600];
    for (int i = 0; i < 300; i++) deep[i] = '(', deep[599 - i] = ')';
    struct regex *regex;
    ck_assert_int_eq(regex_create(&regex, span_of(deep, sizeof deep), NULL), ERR_LIMIT);
}
END_TEST

CHECK_MAIN("regex", short_cuts_agree_with_the_automaton, literals_are_listed_for_the_index,
           groups_are_captured_by_number_and_name, bad_patterns_are_refused_in_go_words)
