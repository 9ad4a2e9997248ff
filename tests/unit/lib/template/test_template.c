#include "lib/template/template.h"
#include "tests/check_main.h"

#include <math.h>

/*
 * What rule files write, and what comes out of it: texts as Go and Prometheus print them.
 */

static const struct label labels[] = {
    {SPAN("instance"), SPAN("web-1.example.org:9100")},
    {SPAN("job"), SPAN("node")},
    {SPAN("severity"), SPAN("page")},
};
static const struct label external[] = {{SPAN("cluster"), SPAN("eu1")}, {SPAN("replica"), SPAN("A")}};
static const struct label first[] = {{SPAN("__name__"), SPAN("metric")}, {SPAN("instance"), SPAN("b")}};
static const struct label second[] = {
    {SPAN("__name__"), SPAN("metric")}, {SPAN("__value__"), SPAN("text")}, {SPAN("instance"), SPAN("a")}};

static int query(void *context, struct span text, struct arena *arena, struct template_sample **samples,
                 size_t *count, struct err *err) {
    (void)context;
    if (span_is(text, "broken")) return err_set(err, ERR_EXECUTION, "query failed");
    *samples = arena_array(arena, 2, sizeof **samples);
    (*samples)[0] = (struct template_sample){.labels = {first, 2}, .value = 11};
    (*samples)[1] = (struct template_sample){.labels = {second, 3}, .value = 21};
    *count = span_is(text, "none") ? 0 : span_is(text, "one") ? 1 : 2;
    return 0;
}

static const struct template_env usual = {
    .labels = {labels, 3},
    .external_labels = {external, 2},
    .external_url = SPAN("http://prom.example.org:9090/prefix"),
    .value = {.value = 0.123456},
    .time_ms = 1435065584128,
    .query = query,
};

static int expand(const char *text, const struct template_env *env, struct buf *out) {
    struct arena arena;
    struct buf whole;
    const struct template *template;
    arena_init(&arena, TEMPLATE_MAX_MEMORY, NULL);
    buf_init(&whole, TEMPLATE_MAX_TEXT);
    buf_puts(&whole, TEMPLATE_ALERT_VARIABLES);
    buf_puts(&whole, text);
    int rc = template_parse("t", buf_view(&whole), &arena, &template, out);
    if (!rc) rc = template_execute(template, env, out);
    buf_release(&whole);
    arena_release(&arena);
    return rc;
}

struct expansion {
    const char *text, *expected;
};

static const struct expansion good[] = {
    /* plain text, trimming, comments */
    {"", ""},
    {"no action", "no action"},
    {"a {{- \"b\" -}} c", "abc"},
    {"a {{ \"b\" }} c", "a b c"},
    {"a{{/* gone */}}b", "ab"},
    {"a {{- /* gone */ -}} b", "ab"},
    {"{{ \"{{\" }}", "{{"},
    {"{{ `raw \\n` }}", "raw \\n"},
    {"{{ \"tab\\tquote\\\" \\u00e9 \\x41 \\101\" }}", "tab\tquote\" \xc3\xa9 A A"},
    {"{{ 'a' }}", "97"},
    {"{{ 0x1F }} {{ 1e3 }} {{ -5 }} {{ 2.50 }}", "31 1000 -5 2.5"},
    {"{{ true }} {{ false }}", "true false"},
    /* what every collection has */
    {"{{ $labels.instance }} of job {{ $labels.job }}", "web-1.example.org:9100 of job node"},
    {"{{ .Labels.job }}", "node"},
    {"{{ $labels.missing }}", "<no value>"},
    {"{{ $labels }}", "map[instance:web-1.example.org:9100 job:node severity:page]"},
    {"{{ $externalLabels.cluster }}{{ .ExternalLabels.replica }}", "eu1A"},
    {"{{ $externalURL }}", "http://prom.example.org:9090/prefix"},
    {"{{ externalURL }} {{ pathPrefix }}", "http://prom.example.org:9090/prefix /prefix"},
    {"{{ $value }}", "0.123456"},
    {"{{ .Value }}", "0.123456"},
    {"{{ printf \"%.2f\" $value }}", "0.12"},
    {"{{ $value | printf \"%.1f%%\" }}", "0.1%"},
    {"{{ $value | humanizePercentage }}", "12.35%"},
    {"{{ $value | humanize }}", "123.5m"},
    {"{{ $value | humanizeDuration }}", "123.5ms"},
    {"{{ humanize 1234567.0 }}", "1.235M"},
    {"{{ humanize 0.0 }}", "0"},
    {"{{ humanize \"1234\" }}", "1.234k"},
    {"{{ humanize 999 }} {{ humanize -1000 }}", "999 -1k"},
    {"{{ humanize 0.000001 }}", "1u"},
    {"{{ humanize1024 1048576 }} {{ humanize1024 0.5 }}", "1Mi 0.5"},
    {"{{ humanize1024 1234567890 | printf \"%sB\" }}", "1.15GiB"},
    {"{{ humanizeDuration 0 }} {{ humanizeDuration 1 }} {{ humanizeDuration 59.5 }}", "0s 1s 59.5s"},
    {"{{ humanizeDuration 60 }} {{ humanizeDuration 3600 }} {{ humanizeDuration 86400 }}",
     "1m 0s 1h 0m 0s 1d 0h 0m 0s"},
    {"{{ humanizeDuration -93784 }}", "-1d 2h 3m 4s"},
    {"{{ humanizeDuration 0.0012 }} {{ humanizeDuration \"600\" }}", "1.2ms 10m 0s"},
    {"{{ humanizePercentage 0.9 }} {{ humanizePercentage 1.5 }}", "90% 150%"},
    {"{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"},
    {"{{ 1435065584 | humanizeTimestamp }}", "2015-06-23 13:19:44 +0000 UTC"},
    {"{{ (1435065584.128 | toTime).Year }}", "2015"},
    {"{{ (toTime 1435065584).Format \"2006-01-02T15:04:05Z07:00\" }}", "2015-06-23T13:19:44Z"},
    {"{{ (toTime 0).Format \"Mon, 02 Jan 2006\" }} {{ (toTime 60).Unix }}", "Thu, 01 Jan 1970 60"},
    {"{{ toTime 0 }}", "1970-01-01 00:00:00 +0000 UTC"},
    {"{{ toDuration 5400 }} {{ (toDuration 90).Minutes }} {{ toDuration 0.5 }}", "1h30m0s 1.5 500ms"},
    {"{{ now }} {{ now | toTime }}", "1.435065584128e+09 2015-06-23 13:19:44.128 +0000 UTC"},
    {"{{ parseDuration \"1h30m\" }} {{ humanizeDuration (parseDuration \"90s\") }}", "5400 1m 30s"},
    /* queries */
    {"{{ query \"metric\" | first | value }}", "11"},
    {"{{ with query \"metric\" }}{{ . | first | value | humanize }}{{ end }}", "11"},
    {"{{ with query \"none\" }}yes{{ else }}no{{ end }}", "no"},
    {"{{ range query \"metric\" }}{{ .Labels.instance }}={{ .Value }};{{ end }}", "b=11;a=21;"},
    {"{{ range query \"metric\" | sortByLabel \"instance\" }}{{ .Labels.instance }};{{ end }}", "a;b;"},
    {"{{ range $i, $s := query \"metric\" }}{{ $i }}:{{ $s | value }} {{ end }}", "0:11 1:21 "},
    {"{{ query \"metric\" | first | label \"instance\" }}", "b"},
    {"{{ query \"metric\" | first | strvalue }}", ""},
    {"{{ (index (query \"metric\") 1) | strvalue }}", "text"},
    {"{{ len (query \"metric\") }}", "2"},
    {"{{ (query \"one\" | first).Labels }}", "map[__name__:metric instance:b]"},
    {"{{ $s := query \"metric\" | first }}{{ $s.Value }} {{ $s.Labels.instance }}", "11 b"},
    {"{{ printf \"up{instance='%s'}\" $labels.instance | query | first | value }}", "11"},
    {"{{ if query \"none\" }}a{{ else if query \"one\" }}b{{ end }}", "b"},
    {"{{ query \"one\" | first }}", "{map[__name__:metric instance:b] 11}"},
    /* texts */
    {"{{ reReplaceAll \"(.*):.*\" \"$1\" $labels.instance }}", "web-1.example.org"},
    {"{{ $labels.instance | reReplaceAll \"\\\\.\" \"-\" }}", "web-1-example-org:9100"},
    {"{{ reReplaceAll \"x*\" \"-\" \"abxc\" }}", "-a-b-c-"},
    {"{{ reReplaceAll \"^a\" \"b\" \"aaa\" }} {{ reReplaceAll \"\" \"-\" \"ab\" }}", "baa -a-b-"},
    {"{{ reReplaceAll \"(?P<x>[a-z]+)-([0-9])\" \"${x}_$2\" \"web-1 db-2\" }}", "web_1 db_2"},
    {"{{ match \"^web\" $labels.instance }} {{ match \"db\" $labels.instance }}", "true false"},
    {"{{ if match \"example\" $labels.instance }}in{{ end }}", "in"},
    {"{{ $labels.job | title }} {{ title \"two words\" }}", "Node Two Words"},
    {"{{ toUpper \"abc\" }}{{ toLower \"DEF\" }}", "ABCdef"},
    {"{{ toUpper \"größe éа\" }}{{ toLower \"ÄÖ\" }}{{ title \"éa über\" }}", "GRÖßE ÉАäöÉa Über"},
    {"{{ stripPort \"host:9090\" }} {{ stripPort \"[::1]:9090\" }} {{ stripPort \"host\" }}",
     "host ::1 host"},
    {"{{ stripDomain \"a.example.org:80\" }} {{ stripDomain \"a.b\" }} {{ stripDomain \"10.1.2.3:80\" }}",
     "a:80 a 10.1.2.3:80"},
    {"{{ graphLink \"up == 0\" }}", "/graph?g0.expr=up+%3D%3D+0&g0.tab=0"},
    {"{{ tableLink \"up\" }}", "/graph?g0.expr=up&g0.tab=1"},
    {"{{ urlQueryEscape \"a b&c\" }} {{ urlquery \"a b\" \"c\" }}", "a+b%26c a+bc"},
    {"{{ safeHtml \"<b>\" }} {{ html \"<b> & 'x'\" }}", "<b> &lt;b&gt; &amp; &#39;x&#39;"},
    {"{{ js \"it's <x>\" }}", "it\\'s \\u003Cx\\u003E"},
    /* conditions and comparisons */
    {"{{ if eq $labels.severity \"page\" }}P{{ else }}T{{ end }}", "P"},
    {"{{ if eq $labels.job \"a\" \"b\" \"node\" }}one of{{ end }}", "one of"},
    {"{{ if ne $labels.job \"x\" }}other{{ end }}", "other"},
    {"{{ if gt $value 0.1 }}high{{ else }}low{{ end }}", "high"},
    {"{{ lt 1 2 }} {{ le 2 2 }} {{ ge 1.5 2.5 }} {{ gt \"b\" \"a\" }}", "true true false true"},
    {"{{ if and (gt $value 0.1) (lt $value 0.2) }}between{{ end }}", "between"},
    {"{{ and \"\" \"x\" }}|{{ and 1 2 }}|{{ or \"\" \"x\" }}|{{ or 0 nil }}", "|2|x|<nil>"},
    {"{{ or $labels.missing \"fallback\" }}", "fallback"},
    {"{{ not true }} {{ not 0 }} {{ not $labels.job }}", "false true false"},
    {"{{ if $labels.missing }}a{{ else }}b{{ end }}", "b"},
    {"{{ if not $labels.missing }}none{{ end }}", "none"},
    {"{{ if 0.0 }}a{{ else if \"\" }}b{{ else if 1 }}c{{ else }}d{{ end }}", "c"},
    {"{{ with $labels.job }}{{ . }}!{{ end }}", "node!"},
    {"{{ with $x := $labels.job }}{{ $x }}{{ end }}", "node"},
    {"{{ with \"\" }}a{{ else with \"b\" }}{{ . }}{{ else }}c{{ end }}", "b"},
    {"{{ with $labels }}{{ .job }}{{ $value }}{{ end }}", "node0.123456"},
    /* variables and loops */
    {"{{ $x := 1 }}{{ $x = 2 }}{{ $x }}", "2"},
    {"{{ $x := 1 }}{{ if true }}{{ $x = 3 }}{{ end }}{{ $x }}", "3"},
    {"{{ $x := 1 }}{{ if true }}{{ $x := 3 }}{{ end }}{{ $x }}", "1"},
    {"{{ range $k, $v := $labels }}{{ $k }}={{ $v }},{{ end }}",
     "instance=web-1.example.org:9100,job=node,severity=page,"},
    {"{{ range $v := $externalLabels }}{{ $v }} {{ end }}", "eu1 A "},
    {"{{ range 3 }}{{ . }}{{ end }}", "012"},
    {"{{ range query \"none\" }}a{{ else }}empty{{ end }}", "empty"},
    {"{{ range $i, $s := query \"metric\" }}{{ if $i }}, {{ end }}{{ .Labels.instance }}{{ end }}", "b, a"},
    {"{{ range query \"metric\" }}{{ .Value }}{{ break }}{{ end }}", "11"},
    {"{{ range query \"metric\" }}{{ if eq .Value 11.0 }}{{ continue }}{{ end }}{{ .Value }}{{ end }}", "21"},
    {"{{ range 2 }}{{ range 3 }}{{ if eq . 1 }}{{ break }}{{ end }}{{ . }}{{ end }};{{ end }}", "0;0;"},
    {"{{ $ }}", "{map[instance:web-1.example.org:9100 job:node severity:page] map[cluster:eu1 replica:A] "
                "http://prom.example.org:9090/prefix 0.123456}"},
    {"{{ $.Labels.job }}{{ range 1 }}{{ $.Labels.job }}{{ end }}", "nodenode"},
    /* templates inside of templates */
    {"{{ define \"x\" }}<{{ . }}>{{ end }}{{ template \"x\" $labels.job }}", "<node>"},
    {"{{ define \"x\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"x\" (args 1 \"b\") }}", "1-b"},
    {"{{ template \"x\" 5 }}{{ define \"x\" }}{{ $ }}{{ end }}", "5"},
    {"{{ block \"b\" $value }}[{{ . }}]{{ end }}", "[0.123456]"},
    {"{{ define \"r\" }}{{ if gt . 0 }}{{ . }}{{ end }}{{ end }}{{ template \"r\" 1 }}{{ template \"r\" 0 }}",
     "1"},
    /* pieces */
    {"{{ len $labels.job }} {{ len $labels }}", "4 3"},
    {"{{ index $labels \"job\" }}[{{ index $labels \"none\" }}]", "node[]"},
    {"{{ index \"abc\" 1 }}", "98"},
    {"{{ slice \"abcdef\" 1 3 }} {{ slice \"abc\" 2 }} {{ slice \"abc\" }}", "bc c abc"},
    {"{{ print \"a\" 1 2 \"b\" }} {{ print 1 2 }} {{ print nil }}", "a1 2b 1 2 <nil>"},
    {"{{ println \"a\" 1 }}", "a 1\n"},
    {"{{ \"a\" | printf \"%s-%s\" \"b\" }}", "b-a"},
    /* printf */
    {"{{ printf \"%d|%5d|%-5d|%05d|%x|%X|%o|%b|%+d|%c|%q|%U\" 42 42 42 42 42 42 42 42 42 65 65 65 }}",
     "42|   42|42   |00042|2a|2A|52|101010|+42|A|'A'|U+0041"},
    {"{{ printf \"%f|%.0f|%8.3f|%e|%g|%v|%G\" 3.14159 2.5 3.14159 1234.5678 1e21 1e6 1e-7 }}",
     "3.141590|2|   3.142|1.234568e+03|1e+21|1e+06|1E-07"},
    {"{{ printf \"%s|%10s|%-4s|%.2s|%q|%x\" \"abc\" \"abc\" \"a\" \"abc\" \"a\\\"b\" \"hi\" }}",
     "abc|       abc|a   |ab|\"a\\\"b\"|6869"},
    {"{{ printf \"%t %v %T %T\" true false 1.5 \"s\" }}", "true false float64 string"},
    {"{{ printf \"%d\" $value }}", "%!d(float64=0.123456)"},
    {"{{ printf \"%s\" 1 }}", "%!s(int=1)"},
    {"{{ printf \"%s %s\" \"a\" }}", "a %!s(MISSING)"},
    {"{{ printf \"a\" 1 \"b\" }}", "a%!(EXTRA int=1, string=b)"},
    {"{{ printf \"100%\" }}", "100%!(NOVERB)"},
    {"{{ printf \"%*d|%.*f\" 5 42 2 3.14159 }}", "   42|3.14"},
    {"{{ printf \"%08.3f|%+.1f|% d\" -3.14159 2.0 7 }}", "-003.142|+2.0| 7"},
    {"{{ printf \"%.4g %.3g %#x\" 0.000012345 123456.0 255 }}", "1.234e-05 1.23e+05 0xff"},
    {"{{ printf \"%v\" $labels.missing }}", "<nil>"},
    {"{{ printf \"%v %s\" nil nil }}", "<nil> %!s(<nil>)"},
    /* idioms of public collections */
    {"{{ $labels.instance }} is at {{ printf \"%.2f\" $value }}% (threshold {{ 0.1 | humanizePercentage }}).",
     "web-1.example.org:9100 is at 0.12% (threshold 10%)."},
    {"{{ with printf \"node_load1{instance=\\\"%s\\\"}\" $labels.instance | query }}{{ . | first | value | "
     "printf \"%.1f\" }}{{ end }}",
     "11.0"},
    {"{{ if $labels.namespace }}{{ $labels.namespace }}/{{ end }}{{ $labels.job }}", "node"},
    {"\n{{- range query \"metric\" -}}\n{{ .Labels.instance }}\n{{- end -}}\n", "ba"},
    {"{{ (printf \"%s\" $labels.job) | toUpper }}", "NODE"},
    {"{{ $labels.instance | stripPort | stripDomain }}", "web-1"},
    {"{{ if (gt (query \"one\" | first | value) 10.0) }}over{{ end }}", "over"},
};

static const struct expansion bad[] = {
    {"{{ foo }}", "error parsing template t: template: t:1: function \"foo\" not defined"},
    {"a\n{{ $nope }}", "error parsing template t: template: t:2: undefined variable \"$nope\""},
    {"{{ if true }}", "error parsing template t: template: t:1: unexpected EOF"},
    {"{{ end }}", "error parsing template t: template: t:1: unexpected {{end}}"},
    {"{{ else }}", "error parsing template t: template: t:1: unexpected {{else}}"},
    {"{{ \"abc }}", "error parsing template t: template: t:1: unterminated quoted string"},
    {"{{ .x", "error parsing template t: template: t:1: unclosed action"},
    {"{{ (1 }}", "error parsing template t: template: t:1: unclosed left paren"},
    {"{{ }}", "error parsing template t: template: t:1: missing value for command"},
    {"{{ 1 | 2 }}", "error parsing template t: template: t:1: non executable command in pipeline stage 2"},
    {"{{ break }}", "error parsing template t: template: t:1: {{break}} outside {{range}}"},
    {"{{ /* x }}", "error parsing template t: template: t:1: unexpected \"/\" in command"},
    {"{{/* x }}", "error parsing template t: template: t:1: unclosed comment"},
    {"{{ range $a, $b, $c := 1 }}{{ end }}",
     "error parsing template t: template: t:1: too many declarations in range"},
    {"{{ tmpl \"x\" 1 }}", "error parsing template t: template: t:1: function \"tmpl\" not defined"},
    {"{{ define \"x\" }}a{{ end }}{{ define \"x\" }}b{{ end }}",
     "error parsing template t: template: t:1: template: multiple definition of template \"x\""},
    {"{{ $labels.job.x }}", "error executing template t: template: t:1:122: executing \"t\" at "
                            "<$labels.job.x>: can't evaluate field "
                            "x in type string"},
    {"{{ .Foo }}", "error executing template t: template: t:1:115: executing \"t\" at <.Foo>: can't evaluate "
                   "field Foo in type struct { Labels map[string]string; ExternalLabels map[string]string; "
                   "ExternalURL string; Value interface {} }"},
    {"{{ query \"broken\" }}", "error executing template t: template: t:1:115: executing \"t\" at <query "
                               "\"broken\">: error calling query: query failed"},
    {"{{ query \"none\" | first }}",
     "error executing template t: template: t:1:130: executing \"t\" at <first>: error calling first: "
     "first() called on vector with no elements"},
    {"{{ gt $value 1 }}", "error executing template t: template: t:1:115: executing \"t\" at <gt $value 1>: "
                          "error calling gt: incompatible types for comparison"},
    {"{{ humanize \"x\" }}",
     "error executing template t: template: t:1:115: executing \"t\" at <humanize \"x\">: error calling "
     "humanize: strconv.ParseFloat: parsing \"x\": invalid syntax"},
    {"{{ title 1 }}", "error executing template t: template: t:1:121: executing \"t\" at <1>: expected "
                      "string; found 1"},
    {"{{ title $value }}",
     "error executing template t: template: t:1:121: executing \"t\" at <$value>: wrong "
     "type for value; expected string; got float64"},
    {"{{ template \"no\" }}", "error executing template t: template: t:1:124: executing \"t\" at <{{template "
                              "\"no\"}}>: template \"no\" not defined"},
    {"{{ index \"a\" 5 }}", "error executing template t: template: t:1:115: executing \"t\" at <index \"a\" "
                            "5>: error calling index: index out of range: 5"},
    {"{{ title }}", "error executing template t: template: t:1:115: executing \"t\" at <title>: wrong number "
                    "of args for title: want 1 got 0"},
    {"{{ $value 1 }}", "error executing template t: template: t:1:115: executing \"t\" at <$value>: can't "
                       "give argument to non-function $value"},
    {"{{ reReplaceAll \"(\" \"\" \"x\" }}",
     "error executing template t: template: t:1:115: executing \"t\" at <reReplaceAll \"(\" \"\" \"x\">: "
     "error calling reReplaceAll: regexp: Compile(`(`): error parsing regexp: missing closing ): `(`"},
};

static void check_table(const struct expansion *table, size_t count, bool succeeds) {
    for (size_t i = 0; i < count; i++) {
        struct buf out;
        buf_init(&out, TEMPLATE_MAX_OUTPUT);
        int rc = expand(table[i].text, &usual, &out);
        ck_assert_msg(strcmp(buf_text(&out), table[i].expected) == 0, "%s\n got %s\n not %s", table[i].text,
                      buf_text(&out), table[i].expected);
        ck_assert_msg((rc == 0) == succeeds, "%s: %d", table[i].text, rc);
        buf_release(&out);
    }
}

START_TEST(templates_expand_as_in_go) {
    check_table(good, sizeof good / sizeof *good, true);
}
END_TEST

START_TEST(refusals_have_the_words_of_go) {
    check_table(bad, sizeof bad / sizeof *bad, false);
}
END_TEST

START_TEST(special_numbers_are_named) {
    static const struct {
        double value;
        const char *text, *expected;
    } cases[] = {
        {NAN, "{{ $value }} {{ humanize $value }} {{ humanizeDuration $value }}", "NaN NaN NaN"},
        {INFINITY, "{{ $value }} {{ humanize1024 $value }} {{ printf \"%.2f\" $value }}", "+Inf +Inf +Inf"},
        {-INFINITY, "{{ humanizePercentage $value }} {{ humanizeTimestamp $value }}", "-Inf% -Inf"},
        {1e6, "{{ $value }}", "1e+06"},
        {123456, "{{ $value }}", "123456"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct template_env env = usual;
        struct buf out;
        env.value.value = cases[i].value;
        buf_init(&out, 1000);
        ck_assert_int_eq(expand(cases[i].text, &env, &out), 0);
        ck_assert_str_eq(buf_text(&out), cases[i].expected);
        buf_release(&out);
    }
}
END_TEST

/* how far a hostile text gets */
static void check_refused(const char *text, const char *part) {
    struct buf out;
    buf_init(&out, 2 * TEMPLATE_MAX_OUTPUT);
    ck_assert_int_lt(expand(text, &usual, &out), 0);
    ck_assert_msg(strstr(buf_text(&out), part) != NULL, "%s: %s", text, buf_text(&out));
    buf_release(&out);
}

START_TEST(hostile_templates_reach_a_limit) {
    struct buf deep;
    buf_init(&deep, 1 << 20);
    for (int i = 0; i < 5000; i++) buf_putc(&deep, i ? '(' : ' ');
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_printf(&text, "{{%s1", buf_text(&deep));
    check_refused(buf_text(&text), "nested too deeply");
    buf_release(&text);
    buf_release(&deep);
    check_refused("{{ range 1000000000 }}{{ end }}", "steps");
    check_refused("{{ range 100000 }}0123456789012345678901234567890123456789{{ end }}", "output is larger");
    check_refused("{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}",
                  "exceeded maximum template depth");
    check_refused("{{ range 1000 }}{{ query \"one\" | first | value }}{{ end }}", "more than 100 queries");
    check_refused("{{ if false }}{{ $x := 1 }}{{ else }}{{ $x }}{{ end }}", "undefined variable: $x");
}
END_TEST

CHECK_MAIN("template", templates_expand_as_in_go, refusals_have_the_words_of_go, special_numbers_are_named,
           hostile_templates_reach_a_limit)
