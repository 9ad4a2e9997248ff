/* OpenMetrics 2.0: lines, composite values, and what they may not say. */
#include "lib/expose/composite.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <string.h>

static char out[4096];
static struct arena arena;

static size_t put_buckets(size_t len, const char *name, const struct histogram_buckets *side) {
    for (uint32_t i = 0; i < side->span_count; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, " %s%d:%u", name, side->spans[i].offset,
                                side->spans[i].length);
    for (uint32_t i = 0; i < side->count; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, ",%g", side->counts[i]);
    return len;
}

static size_t put_metric(size_t len, const struct expose_metric *m) {
    len += (size_t)snprintf(out + len, sizeof out - len, " count=%g sum=%g", m->count, m->sum);
    for (uint32_t i = 0; i < m->point_count; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, " %g:%g%s", m->points[i].at, m->points[i].value,
                                m->points[i].exemplar ? "*" : "");
    for (uint32_t i = 0; i < m->exemplar_count; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, " #%g@%lld", m->exemplars[i].value,
                                (long long)m->exemplars[i].time_ms);
    if (!m->has_native) return len;
    len += (size_t)snprintf(out + len, sizeof out - len, " %s%s schema=%d zero=%g,%g",
                            m->native.is_integer ? "whole" : "float",
                            m->native.reset == HISTOGRAM_RESET_GAUGE ? " gauge" : "", m->native.schema,
                            m->native.zero_threshold, m->native.zero_count);
    len = put_buckets(len, "-", &m->native.negative);
    return put_buckets(len, "+", &m->native.positive);
}

/* a line for each sample, or the error */
static const char *read_all(const char *body) {
    struct expose_reader reader;
    struct expose_entry entry;
    struct err err = {0};
    size_t len = 0;
    arena_init(&arena, 1 << 24, NULL);
    expose_reader_init(&reader, EXPOSE_OPENMETRICS2, span_from(body));
    out[0] = '\0';
    for (;;) {
        struct expose_metric metric;
        double value = 0;
        int rc = expose_next(&reader, &entry, &err);
        if (!rc && entry.kind == EXPOSE_END) break;
        if (!rc && entry.kind != EXPOSE_SERIES) continue;
        if (!rc && entry.is_composite) rc = expose_composite(&reader, &entry, &arena, &metric, &err);
        if (!rc && !entry.is_composite) rc = expose_value(&reader, entry.value, &value, &err);
        if (rc) {
            snprintf(out, sizeof out, "%s", err.text);
            break;
        }
        len += (size_t)snprintf(out + len, sizeof out - len, "%.*s", SPAN_ARG(entry.series));
        if (entry.is_composite)
            len = put_metric(len, &metric);
        else
            len += (size_t)snprintf(out + len, sizeof out - len, " %g", value);
        if (entry.has_time)
            len += (size_t)snprintf(out + len, sizeof out - len, " @%lld", (long long)entry.time_ms);
        len += (size_t)snprintf(out + len, sizeof out - len, "\n");
    }
    arena_release(&arena);
    return out;
}

#define HISTOGRAM "# TYPE h histogram\n"
#define NATIVE "schema:0,zero_threshold:0.001,zero_count:2"

START_TEST(lines_are_read) {
    static const char *const cases[][2] = {
        {"# TYPE c counter\nc{a=\"b\"} 1.5 10 st@5.5 # {t=\"x\"} 1 9\n# EOF\n", "c{a=\"b\"} 1.5 @10000\n"},
        {"# TYPE c counter\nc 1 st@5\nc 2 # {t=\"x\"} 1 9 # {t=\"y\"} 2 10.5\n# EOF\n", "c 1\nc 2\n"},
        {HISTOGRAM "h{a=\"b\"} {count:3,sum:1.5,bucket:[1:2,+Inf:3]} 7\n# EOF\n",
         "h{a=\"b\"} count=3 sum=1.5 1:2 inf:3 @7000\n"},
        {HISTOGRAM "h {count:3,sum:1.5,bucket:[+Inf:3,1:2]} # {t=\"x\"} 0.5 1 # {t=\"y\"} 5 2\n# EOF\n",
         "h count=3 sum=1.5 inf:3* 1:2* #0.5@1000 #5@2000\n"},
        {HISTOGRAM "h {count:5,sum:12.1," NATIVE
                   ",positive_spans:[0:2,3:1],positive_buckets:[1,1,1]}\n# EOF\n",
         "h count=5 sum=12.1 whole schema=0 zero=0.001,2 +0:2 +3:1,1,1,1\n"},
        {HISTOGRAM "h {count:5,sum:12.1," NATIVE
                   ",negative_spans:[-3:1],negative_buckets:[2.5],bucket:[+Inf:5]}\n# EOF\n",
         "h count=5 sum=12.1 inf:5 float schema=0 zero=0.001,2 --3:1,2.5\n"},
        {HISTOGRAM "h {count:0,sum:0," NATIVE ",positive_spans:[],positive_buckets:[]}\n# EOF\n",
         "h count=0 sum=0 whole schema=0 zero=0.001,2\n"},
        {"# TYPE g gaugehistogram\ng {gcount:2,gsum:1," NATIVE "}\n# EOF\n",
         "g count=2 sum=1 whole gauge schema=0 zero=0.001,2\n"},
        {"# TYPE s summary\ns {count:2,sum:1,quantile:[0.5:1,0.99:2]}\n# EOF\n",
         "s count=2 sum=1 0.5:1 0.99:2\n"},
        {"# TYPE s summary\ns {count:2,sum:1,quantile:[]}\n# EOF\n", "s count=2 sum=1\n"},
        {"# TYPE \"my.h\" histogram\n{\"my.h\",a=\"b\"} {count:1,sum:1,bucket:[+Inf:1]}\n# EOF\n",
         "{\"my.h\",a=\"b\"} count=1 sum=1 inf:1\n"},
        {"# TYPE a_info info\na_info{v=\"1\"} 1\n# TYPE b stateset\nb{b=\"x\"} 0\nb{b=\"y\"} 1\n# EOF\n",
         "a_info{v=\"1\"} 1\nb{b=\"x\"} 0\nb{b=\"y\"} 1\n"},
        {"# TYPE d gauge\n# UNIT d seconds\nd 1\n# EOF\n", "d 1\n"}, /* the unit need not be a suffix */
        {HISTOGRAM "h_count 5\n# EOF\n", "h_count 5\n"},             /* another family */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = read_all(cases[i][0]);
        ck_assert_msg(strcmp(text, cases[i][1]) == 0, "case %zu: %s", i, text);
    }
}
END_TEST

START_TEST(what_the_format_forbids_is_refused) {
    static const char *const cases[][2] = {
        {"h {count:1,sum:1,bucket:[+Inf:1]}\n# EOF\n", "line 1: composite value not supported"},
        {HISTOGRAM "h 5\n# EOF\n", "line 2: composite value required"},
        {HISTOGRAM "h {count:1,sum:1}\n# EOF\n", "line 2: missing required field: \"bucket\""},
        {HISTOGRAM "h {count:1,bucket:[+Inf:1]}\n# EOF\n", "missing required field: \"sum\""},
        {HISTOGRAM "h {count:1,sum:1,schema:0,zero_count:1}\n# EOF\n",
         "missing required field: \"zero_threshold\""},
        {HISTOGRAM "h {count:1,sum:1,bucket:[1:1]}\n# EOF\n", "must include a +Inf threshold"},
        {HISTOGRAM "h {count:1,sum:1,bucket:[+Inf:-1]}\n# EOF\n", "must not be negative"},
        {HISTOGRAM "h {count:1,sum:1,bucket:[NaN:1]}\n# EOF\n", "a bound that is no number"},
        {HISTOGRAM "h {count:1,sum:1,bucket:[+Inf]}\n# EOF\n", "bad number"},
        {HISTOGRAM "h {count:1,sum:1,bucket:+Inf:1}\n# EOF\n", "expected a list in brackets"},
        {HISTOGRAM "h {count:1,sum:1,quantile:[1:1]}\n# EOF\n", "unknown composite field"},
        {HISTOGRAM "h {count:1,count:1,sum:1}\n# EOF\n", "duplicate composite field"},
        {HISTOGRAM "h {count:x,sum:1,bucket:[+Inf:1]}\n# EOF\n", "bad number"},
        {HISTOGRAM "h {count:1,sum:1,bucket:[+Inf:1],}\n# EOF\n", "comma at the end"},
        {HISTOGRAM "h {count:1,sum:1,bucket:[+Inf:1]\n# EOF\n", "line 2: unclosed composite value"},
        {HISTOGRAM "h {count:1,sum:1," NATIVE ",positive_spans:[0],positive_buckets:[1]}\n# EOF\n",
         "bad span"},
        {HISTOGRAM "h {count:1,sum:1," NATIVE ",positive_spans:[0:5000000000]}\n# EOF\n", "bad span"},
        {HISTOGRAM "h {count:1,sum:1,schema:9,zero_threshold:0,zero_count:0}\n# EOF\n",
         "schema must be between"},
        {HISTOGRAM "h {count:1,sum:1,schema:0,zero_threshold:-1,zero_count:0}\n# EOF\n",
         "zero_threshold must be"},
        {HISTOGRAM "h {count:-1,sum:1,schema:0,zero_threshold:0,zero_count:0}\n# EOF\n",
         "must not be negative"},
        {"# TYPE c counter\nc 1 # {t=\"x\"} 1\n# EOF\n", "expected the timestamp of an exemplar"},
        {"# TYPE c counter\nc NaN\n# EOF\n", "counter sample value must not be NaN"},
        {"# TYPE c counter\nc 1 st@5 6\n# EOF\n", "unexpected text after the value"},
        {"# TYPE c counter\nc 1 st@x\n# EOF\n", "bad start timestamp"},
        {"# TYPE a info\n# EOF\n", "must end with _info"},
        {"# TYPE a_info info\na_info 2\n# EOF\n", "info sample value must be 1"},
        {"# TYPE a_info info\n# UNIT a_info s\n# EOF\n", "must have an empty unit"},
        {"# TYPE b stateset\nb{b=\"x\"} 3\n# EOF\n", "stateset sample value"},
        {"a  1\n# EOF\n", "expected one space"},
        {"a 1\n", "data does not end with # EOF"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = read_all(cases[i][0]);
        ck_assert_msg(strstr(text, cases[i][1]) != NULL, "case %zu: %s", i, text);
    }
}
END_TEST

CHECK_MAIN("composite", lines_are_read, what_the_format_forbids_is_refused)
