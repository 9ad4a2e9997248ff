#include "lib/expose/expose.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <string.h>

static char out[4096];

/* every entry in one line each, or the error */
static const char *read_all(enum expose_format format, const char *body) {
    struct expose_reader reader;
    struct expose_entry entry;
    struct err err = {0};
    struct arena arena;
    size_t len = 0;
    out[0] = '\0';
    arena_init(&arena, 1 << 20, NULL);
    expose_reader_init(&reader, format, span_from(body));
    for (;;) {
        int rc = expose_next(&reader, &entry, &err);
        double value = 0;
        if (!rc && entry.kind == EXPOSE_END) break;
        if (!rc && entry.kind == EXPOSE_SERIES) {
            struct labels labels;
            struct buf text;
            buf_init(&text, 1000);
            rc = expose_labels(entry.series, reader.type, &arena, &labels, &err);
            if (!rc) rc = expose_value(&reader, entry.value, &value, &err);
            if (!rc) labels_write(labels, &text);
            if (!rc) len += (size_t)snprintf(out + len, sizeof out - len, "%s %g", buf_text(&text), value);
            if (!rc && entry.has_time)
                len += (size_t)snprintf(out + len, sizeof out - len, " @%lld", (long long)entry.time_ms);
            if (!rc) len += (size_t)snprintf(out + len, sizeof out - len, "\n");
            buf_release(&text);
        } else if (!rc) {
            len += (size_t)snprintf(out + len, sizeof out - len, "#%d %.*s|%.*s\n", (int)entry.kind,
                                    SPAN_ARG(entry.metric), SPAN_ARG(entry.text));
        }
        if (rc) {
            snprintf(out, sizeof out, "%s", err.text);
            break;
        }
    }
    arena_release(&arena);
    return out;
}

START_TEST(prometheus_text_is_read) {
    static const char *const cases[][2] = {
        {"a 1\n", "a 1\n"},
        {"a 1", "a 1\n"},
        {"a{b=\"c\",d=\"e\",} 1.5 123\n", "a{b=\"c\", d=\"e\"} 1.5 @123\n"},
        {"  a  {  b  =  \"c\"  }   2   \n", "a{b=\"c\"} 2\n"},
        {"# a comment\n\n\t\n#\na NaN\nb +Inf\n", "a nan\nb inf\n"},
        {"# HELP a Some help.\\n more\n# TYPE a counter\na 1\n",
         "#3 a|Some help.\\n more\n#2 a|counter\na 1\n"},
        {"a{b=\"x\\\\y\\\"z\\n\"} 1\n", "a{b=\"x\\\\y\\\"z\\n\"} 1\n"},
        {"{\"my.name\",\"l.b\"=\"v\"} 3\n", "{\"my.name\", \"l.b\"=\"v\"} 3\n"},
        /* bounds are normalised by the TYPE before, whatever it is of */
        {"h_bucket{le=\"1\"} 4\n# TYPE h histogram\nh_bucket{le=\"1\",quantile=\"1\"} "
         "5\nh_bucket{le=\"+Inf\"} 6\n",
         "h_bucket{le=\"1\"} 4\n#2 h|histogram\nh_bucket{le=\"1.0\", quantile=\"1\"} "
         "5\nh_bucket{le=\"+Inf\"} 6\n"},
        {"# TYPE h histogram\nh_bucket{le=\"1e+06\"} 4\nh_bucket{le=\"1000000\"} 5\nh_bucket{le=\"x\"} 6\n",
         "#2 h|histogram\nh_bucket{le=\"1e+06\"} 4\nh_bucket{le=\"1e+06\"} 5\nh_bucket{le=\"x\"} 6\n"},
        {"# TYPE s summary\ns{quantile=\"0.50\",le=\"1\"} 1\n# TYPE g gauge\ng{quantile=\"0.50\"} 1\n",
         "#2 s|summary\ns{le=\"1\", quantile=\"0.5\"} 1\n#2 g|gauge\ng{quantile=\"0.50\"} 1\n"},
        {"# TYPE \"my.h\" histogram \n# HELP \"my.h\" x\n{\"my.h_bucket\",le=\"1\"} 1\n",
         "#2 my.h|histogram\n#3 my.h|x\n{\"my.h_bucket\", le=\"1.0\"} 1\n"},
        {"a{b=\"}\"} 1\n", "a{b=\"}\"} 1\n"},
        {"a{b=\"\"} 1\n", "a 1\n"},
        {"a 1 -5\n", "a 1 @-5\n"},
        {"a 1\r\nb 2\r\n", "a 1\nb 2\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(read_all(EXPOSE_TEXT, cases[i][0]), cases[i][1]);
}
END_TEST

START_TEST(what_only_looks_like_metadata_is_a_comment) {
    ck_assert_str_eq(read_all(EXPOSE_TEXT, "#TYPE a nonsense\n#HELP\n# HELP\n# TYPE\n#\n# TYPES a b\na 1\n"),
                     "a 1\n");
}
END_TEST

START_TEST(bad_text_is_refused_with_its_line) {
    static const char *const cases[][2] = {
        {"a 1\nb\n", "line 2: expected a value after the series"},
        {"a x\n", "line 1: bad value: \"x\""},
        {"a 1e400\n", "line 1: bad value: \"1e400\""},
        {"a 1 1.5\n", "line 1: bad timestamp"},
        {"a 1 2 3\n", "line 1: unexpected text after the value"},
        {"a{b=\"c\" 1\n", "line 1: unclosed labels"},
        {"a{b=\"c} 1\n", "line 1: unclosed labels"},
        {"a{b=c} 1\n", "expected a quoted label value"},
        {"a{b=\"c\" d=\"e\"} 1\n", "expected , or } after a label"},
        {"a{b=\"1\",b=\"2\"} 1\n", "label name is not unique"},
        {"a{b=\"\xff\"} 1\n", "invalid UTF-8"},
        {"{a=\"b\"} 1\n", "no metric name"},
        {"1a 1\n", "line 1: expected a metric name"},
        {"<html>\n", "line 1: expected a metric name"},
        {"# TYPE a nonsense\n", "line 1: invalid metric type"},
        {"# TYPE a unknown\n", "line 1: invalid metric type"},
        {"# HELP a \xff\n", "line 1: help text is not UTF-8"},
        {"# HELP \"\" a\n", "line 1: expected a metric name"},
        {"# TYPE \"\xff\" counter\n", "line 1: expected a metric name"},
        {"a 99999999999999999999 1\na 1 99999999999999999999\n", "line 2: bad timestamp"},
        {"a 1 # {x=\"y\"} 1\n", "line 1: unexpected text after the value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = read_all(EXPOSE_TEXT, cases[i][0]);
        ck_assert_msg(strstr(text, cases[i][1]) != NULL, "case %zu: %s", i, text);
    }
}
END_TEST

START_TEST(openmetrics_has_its_own_rules) {
    static const char *const good[][2] = {
        {"# EOF\n", ""},
        {"# EOF", ""},
        {"a_total 1 1.5\n# EOF\n", "a_total 1 @1500\n"},
        {"a_total 1 # {t=\"x\"} 0.5 1.0\n# EOF\n", "a_total 1\n"},
        {"# TYPE a histogram\na_bucket{le=\"1\"} 1 1 # {} 2\n# EOF\n",
         "#2 a|histogram\na_bucket{le=\"1.0\"} 1 @1000\n"},
        {"a 1 1.0005\n# EOF", "a 1 @1000\n"}, /* cut off, not rounded */
        {"# HELP a \n# TYPE a unknown\n# TYPE b info\n# TYPE c stateset\n# TYPE d gaugehistogram\n# EOF\n",
         "#3 a|\n#2 a|unknown\n#2 b|info\n#2 c|stateset\n#2 d|gaugehistogram\n"},
        {"# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# EOF\n",
         "#2 a_seconds|gauge\n#4 a_seconds|seconds\n"},
    };
    static const char *const bad[][2] = {
        {"a 1\n", "data does not end with # EOF"},
        {"a 1\n# EOF\nb 2\n", "unexpected data after # EOF"},
        {"a 1\n\n# EOF\n", "blank line"},
        {"# UNIT a seconds\n# EOF\n", "unit is not the suffix"},
        {"# TYPE a untyped\n# EOF\n", "invalid metric type"},
        {"# hello\n# EOF\n", "a comment that is no"},
        {"a 1 # 5\n# EOF\n", "expected an exemplar's labels"},
        {"a 1 NaN\n# EOF\n", "bad timestamp"},
        {"a  1\n# EOF\n", "expected one space"},
        {"a 1 \n# EOF\n", "expected one space"},
        {"a\t1\n# EOF\n", "expected one space"},
        {"a 1  # {} 1\n# EOF\n", "expected one space"},
        {" a 1\n# EOF\n", "expected a metric name"},
        {"a {b=\"c\"} 1\n# EOF\n", "bad value"},
        {"a 1\r\n# EOF\n", "bad value"},
        {"#TYPE a gauge\n# EOF\n", "a comment that is no"},
        {"# TYPE a gauge \n# EOF\n", "invalid metric type"},
        {"# HELP a\n# EOF\n", "expected text after the metric name"},
        {"# EOF \n", "a comment that is no"},
        {"a 1 # {} 1 1 # {} 1 1\n# EOF\n", "unexpected text after an exemplar"},
        {"a 1 st@5\n# EOF\n", "bad timestamp"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_str_eq(read_all(EXPOSE_OPENMETRICS, good[i][0]), good[i][1]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *text = read_all(EXPOSE_OPENMETRICS, bad[i][0]);
        ck_assert_msg(strstr(text, bad[i][1]) != NULL, "case %zu: %s", i, text);
    }
}
END_TEST

CHECK_MAIN("expose", what_only_looks_like_metadata_is_a_comment, prometheus_text_is_read,
           bad_text_is_refused_with_its_line, openmetrics_has_its_own_rules)
