#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"
#include "web/api/search_score.h"

/* Searching for names: how alike, in which order, and what goes out. */

static void fill(void) {
    static const char *const names[] = {"http_requests_total", "http_errors_total", "node_load1", "Up",
                                        "<script>"};
    set_up();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        append((struct label[]){{SPAN(LABEL_NAME), span_from(names[i])}, {SPAN("job"), SPAN("x")}}, 2, 1000,
               1);
}

#define ROOT "/api/v1/search/"
#define AT "start=0&end=10&"
#define LINE(results) "{\"results\":[" results "]}\n"
#define NAME(name) "{\"name\":\"" name "\"}"
#define END(more) "{\"status\":\"success\",\"has_more\":" more "}\n"

static const struct {
    const char *target, *body;
} exact[] = {
    {"metric_names?" AT,
     LINE(NAME("\\u003cscript\\u003e") "," NAME("Up") "," NAME("http_errors_total") "," NAME(
         "http_requests_total") "," NAME("node_load1")) END("false")},
    {"metric_names?" AT "sort_by=alpha&sort_dir=dsc&limit=2",
     LINE(NAME("node_load1") "," NAME("http_requests_total")) END("true")},
    {"metric_names?" AT "limit=3&batch_size=2",
     LINE(NAME("\\u003cscript\\u003e") "," NAME("Up")) LINE(NAME("http_errors_total")) END("true")},
    {"metric_names?" AT "search[]=http_e&fuzz_threshold=100&include_score=true",
     LINE("{\"name\":\"http_errors_total\",\"score\":1}") END("false")},
    {"metric_names?" AT "search[]=htotal&sort_by=score",
     LINE(NAME("http_requests_total") "," NAME("http_errors_total")) END("false")},
    {"metric_names?" AT "search[]=up", LINE("") END("false")},
    {"metric_names?" AT "search[]=up&case_sensitive=false", LINE(NAME("Up")) END("false")},
    {"metric_names?" AT "search[]=load&fuzz_alg=jarowinkler&include_score=1",
     LINE("{\"name\":\"node_load1\",\"score\":0.9}") END("false")},
    {"metric_names?" AT "search[]=nod_laod1&fuzz_alg=jarowinkler", LINE("") END("false")},
    {"metric_names?" AT "search[]=nod_laod1&fuzz_alg=jarowinkler&fuzz_threshold=80",
     LINE(NAME("node_load1")) END("false")},
    {"metric_names?" AT "search[]=Up&search[]=node", LINE(NAME("Up") "," NAME("node_load1")) END("false")},
    {"metric_names?" AT "match[]=Up&match[]=node_load1",
     LINE(NAME("Up") "," NAME("node_load1")) END("false")},
    {"metric_names?" AT "match[]=Up&include_metadata=true", LINE(NAME("Up")) END("false")},
    {"label_names?" AT "search[]=j", LINE(NAME("job")) END("false")},
    {"label_values?" AT "label=job", LINE(NAME("x")) END("false")},
    {"metric_names", LINE("") END("false")}, /* the last hour */
};

START_TEST(answers_are_exact) {
    char target[512];
    start(false, true);
    snprintf(target, sizeof target, ROOT "%s", exact[_i].target);
    (void)get(target);
    ck_assert_msg(status() == 200, "%s: %s", target, t.out.data);
    ck_assert_ptr_nonnull(strstr(t.out.data, "Content-Type: application/x-ndjson; charset=utf-8\r\n"));
    ck_assert_str_eq(body_of(&t.out).ptr, exact[_i].body);
    stop();
}
END_TEST

static const struct {
    const char *target, *why;
} wrong[] = {
    {"label_values", "missing required parameter \\\"label\\\""},
    {"metric_names?fuzz_threshold=101", "invalid fuzz_threshold \\\"101\\\": must be 0-100"},
    {"metric_names?fuzz_alg=x", "unsupported fuzz_alg \\\"x\\\": must be one of [subsequence jarowinkler]"},
    {"metric_names?case_sensitive=%3Cb%3E",
     "invalid case_sensitive \\\"\\u003cb\\u003e\\\": must be boolean"},
    {"metric_names?sort_dir=asc", "sort_dir is only valid when sort_by is set"},
    {"metric_names?sort_by=score&sort_dir=asc&search[]=x", "sort_dir is not supported for sort_by=score"},
    {"metric_names?sort_by=alpha&sort_dir=up",
     "invalid sort_dir \\\"up\\\": must be \\\"asc\\\" or \\\"dsc\\\""},
    {"metric_names?sort_by=score", "sort_by=score requires search[] to be set"},
    {"label_names?sort_by=x",
     "invalid sort_by \\\"x\\\" for label_names: must be \\\"alpha\\\" or \\\"score\\\""},
    {"metric_names?limit=-1", "invalid limit \\\"-1\\\": must be non-negative integer"},
    {"metric_names?limit=501", "limit 501 exceeds the maximum of 500"},
    {"metric_names?batch_size=x", "invalid batch_size \\\"x\\\": must be non-negative integer"},
    {"metric_names?match[]=%7B", "parse error"},
    {"metric_names?start=x", "invalid parameter \\\"start\\\": "},
};

START_TEST(what_is_wrong_is_said) {
    char target[512];
    start(false, true);
    snprintf(target, sizeof target, ROOT "%s", wrong[_i].target);
    (void)get(target);
    ck_assert_msg(status() == 400 && strstr(t.out.data, wrong[_i].why), "%s: %s", target, t.out.data);
    stop();
}
END_TEST

static double score(const char *term, const char *text, enum search_likeness likeness, double threshold) {
    static struct search_term one;
    struct search_terms terms = {&one, 1, likeness, true, threshold};
    double result;
    search_term_init(&one, span_from(term), true);
    return search_score(&terms, span_from(text), &result) ? result : -1;
}

START_TEST(scores_are_those_of_the_definitions) {
    ck_assert_double_eq(score("", "x", SEARCH_SUBSEQUENCE, 0), 1);
    ck_assert_double_eq(score("ab", "abc", SEARCH_SUBSEQUENCE, 1), 1);
    ck_assert_double_eq(score("x", "", SEARCH_SUBSEQUENCE, 0), -1);
    ck_assert_double_eq(score("ba", "abc", SEARCH_SUBSEQUENCE, 0), -1);
    /* b and d of abcde: two runs of one; a and c are skipped, e is left */
    ck_assert_double_eq_tol(score("bd", "abcde", SEARCH_SUBSEQUENCE, 0), (2 - 2.0 / 5 - 0.5 / 5) / 4, 1e-12);
    /* the second start is better than the first */
    ck_assert_double_eq_tol(score("ab", "xaxab", SEARCH_SUBSEQUENCE, 0), (4 - 3.0 / 5) / 4, 1e-12);
    ck_assert_double_eq(score("bd", "abcde", SEARCH_SUBSEQUENCE, 0.5), -1);
    ck_assert_double_eq_tol(score("\xc3\xbc", "x\xc3\xbcy", SEARCH_SUBSEQUENCE, 0), 1 - 1.0 / 3 - 0.5 / 3,
                            1e-12);
    /* Winkler's own examples */
    ck_assert_double_eq_tol(score("MARTHA", "MARHTA", SEARCH_JARO_WINKLER, 0.1), 0.961111, 1e-6);
    ck_assert_double_eq_tol(score("DIXON", "DICKSONX", SEARCH_JARO_WINKLER, 0.1), 0.813333, 1e-6);
    ck_assert_double_eq(score("DIXON", "DICKSONX", SEARCH_JARO_WINKLER, 0.9), -1);
    ck_assert_double_eq(score("abc", "xyz", SEARCH_JARO_WINKLER, 0.1), -1);
    char large[4096];
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    ck_assert_double_eq(score(large, large, SEARCH_JARO_WINKLER, 0.1), 1);
    ck_assert_double_gt(score("a\xff\xc3", "a\xff\xc3 b", SEARCH_SUBSEQUENCE, 0), 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("search");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, fill, tear_down);
    tcase_add_loop_test(tcase, answers_are_exact, 0, (int)(sizeof exact / sizeof *exact));
    tcase_add_loop_test(tcase, what_is_wrong_is_said, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tcase, scores_are_those_of_the_definitions);
    return check_run("search", tcase);
}
