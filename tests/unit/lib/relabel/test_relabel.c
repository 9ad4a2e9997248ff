/* The rules of relabelling, case by case; upstream's words for what is refused are tested with lib/config. */
#include "lib/relabel/relabel.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <string.h>

static struct config_errors errors;

/* a configuration whose only job has these rules */
static struct config *load(const char *rules, const char *scheme) {
    struct config *config = NULL;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_printf(&text,
               "scrape_configs:\n- job_name: j\n  metric_name_validation_scheme: %s\n"
               "  metric_relabel_configs: [%s]\n",
               scheme, rules);
    int rc = config_load_text(buf_view(&text), "test.yml", &config, &errors);
    ck_assert_msg(rc == 0, "%s: %s", rules, errors.items[0].message);
    buf_release(&text);
    return config;
}

static const struct relabel_rules *rules_of(struct config *config) {
    const struct scrape_config *job = &config->scrape_configs.items[0];
    const struct relabel_rules *rules = NULL;
    ck_assert_int_eq(relabel_rules_of(config, &job->metric_relabel_configs,
                                      job->metric_name_validation_scheme, &rules, NULL),
                     0);
    return rules;
}

/* "a=1|b=2" */
static struct labels read_labels(const char *text, struct arena *arena) {
    struct label_builder builder;
    struct labels labels;
    label_builder_init(&builder, arena, (struct labels){0});
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "|"), name = strcspn(p, "=");
        label_builder_set(&builder, span_of(p, name), span_of(p + name + 1, len - name - 1));
        p += len + (p[len] == '|');
    }
    ck_assert_int_eq(label_builder_finish(&builder, &labels, NULL), 0);
    return labels;
}

static void write_plain(struct labels labels, struct buf *out) {
    for (uint32_t i = 0; i < labels.count; i++)
        buf_printf(out, "%s%.*s=%.*s", i ? "|" : "", SPAN_ARG(labels.items[i].name),
                   SPAN_ARG(labels.items[i].value));
}

struct expected {
    const char *rules, *before, *after; /* after NULL: dropped */
};

static void expect_as(const char *scheme, const struct expected *expected) {
    struct config *config = load(expected->rules, scheme);
    struct arena arena;
    struct label_builder builder;
    struct labels labels = {0};
    struct buf text;
    bool kept;
    arena_init(&arena, 1 << 20, NULL);
    buf_init(&text, 1 << 20);
    label_builder_init(&builder, &arena, read_labels(expected->before, &arena));
    ck_assert_int_eq(relabel_run(rules_of(config), &builder, &kept, NULL), 0);
    if (kept) ck_assert_int_eq(label_builder_finish(&builder, &labels, NULL), 0);
    if (kept) write_plain(labels, &text);
    const char *after = kept ? buf_text(&text) : "(dropped)";
    const char *wanted = expected->after ? expected->after : "(dropped)";
    ck_assert_msg(strcmp(after, wanted) == 0, "[%s] on %s: %s, not %s", expected->rules, expected->before,
                  after, wanted);
    buf_release(&text);
    arena_release(&arena);
    config_unref(config);
}

#define EXPECT_ALL(scheme, table)                                                                            \
    for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++) expect_as(scheme, &(table)[i])

START_TEST(replace_sets_by_what_matches) {
    static const struct expected table[] = {
        {"{source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'ch${1}-ch${1}'}", "a=foo|b=bar",
         "a=foo|b=bar|d=choo-choo"},
        {"{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'}",
         "a=foo|b=bar|c=baz", "a=boobam|b=bar|c=baz"},
        {"{source_labels: [a], target_label: b}", "a=1", "a=1|b=1"},
        {"{source_labels: [a], target_label: b}", "a=1|b=2", "a=1|b=1"},
        /* no match: nothing; the expression is anchored at both ends */
        {"{source_labels: [a], regex: 'o', target_label: d, replacement: x}", "a=foo", "a=foo"},
        {"{source_labels: [a], regex: '.*o', target_label: d, replacement: x}", "a=foo", "a=foo|d=x"},
        {"{source_labels: [a], regex: 'fo|oo', target_label: d, replacement: x}", "a=foo", "a=foo"},
        {"{source_labels: [a], regex: 'FOO', target_label: d, replacement: x}", "a=foo", "a=foo"},
        {"{source_labels: [a], regex: '(?i)FOO', target_label: d, replacement: x}", "a=foo", "a=foo|d=x"},
        {"{source_labels: [a], regex: 'f.o', target_label: d, replacement: x}", "a=f\no", "a=f\no|d=x"},
        /* an empty result deletes */
        {"{source_labels: [a], target_label: a, replacement: ''}", "a=1|b=2", "b=2"},
        {"{source_labels: [x], target_label: a}", "a=1|b=2", "b=2"},
        {"{source_labels: [a], regex: '(.)?.', target_label: a, replacement: '$1'}", "a=1|b=2", "b=2"},
        {"{target_label: a, replacement: ''}", "a=1|b=2", "b=2"},
        /* constants, with no source at all */
        {"{target_label: zone, replacement: z}", "a=1", "a=1|zone=z"},
        {"{target_label: zone, replacement: z}", "", "zone=z"},
        {"{source_labels: [nothing], target_label: zone, replacement: z}", "a=1", "a=1|zone=z"},
        {"{regex: 'x', target_label: zone, replacement: z}", "a=1", "a=1"},
        {"{source_labels: [a], regex: '', target_label: zone, replacement: z}", "a=1", "a=1"},
        {"{source_labels: [a], regex: '', target_label: zone, replacement: z}", "b=1", "b=1|zone=z"},
        /* joining */
        {"{source_labels: [a, b, c], target_label: d}", "a=1|c=3", "a=1|c=3|d=1;;3"},
        {"{source_labels: [a, b], separator: '', target_label: d}", "a=1|b=2", "a=1|b=2|d=12"},
        {"{source_labels: [a, b], separator: '--', target_label: d}", "a=1|b=2", "a=1|b=2|d=1--2"},
        {"{source_labels: [a, b], regex: '1;2', target_label: d, replacement: x}", "a=1|b=2", "a=1|b=2|d=x"},
        {"{source_labels: [__name__], regex: 'a_(.*)', target_label: __name__}", "__name__=a_b",
         "__name__=b"},
        {"{action: Replace, source_labels: [a], target_label: b}", "a=1", "a=1|b=1"},
    };
    EXPECT_ALL("utf8", table);
}
END_TEST

START_TEST(references_are_expanded_as_go_does) {
    static const struct expected table[] = {
        {"{source_labels: [a], regex: '(.)(.)', target_label: d, replacement: '$2$1'}", "a=xy", "a=xy|d=yx"},
        {"{source_labels: [a], regex: '(.)(.)', target_label: d, replacement: '$0'}", "a=xy", "a=xy|d=xy"},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: '$1x'}", "a=y", "a=y"},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: '${1}x'}", "a=y", "a=y|d=yx"},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: '$3-'}", "a=y", "a=y|d=-"},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: '$01-'}", "a=y", "a=y|d=-"},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: '$99999999999999999999-'}", "a=y",
         "a=y|d=-"},
        {"{source_labels: [a], regex: '(?P<n>.)', target_label: d, replacement: '${n}-$n'}", "a=y",
         "a=y|d=y-y"},
        {"{source_labels: [a], regex: '(?<n>.)', target_label: d, replacement: '$n.$m.'}", "a=y",
         "a=y|d=y.."},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: 'a$$1'}", "a=y", "a=y|d=a$1"},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: '${1'}", "a=y", "a=y|d=${1"},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: '$-$'}", "a=y", "a=y|d=$-$"},
        {"{source_labels: [a], regex: '(.)', target_label: d, replacement: '${}'}", "a=y", "a=y|d=${}"},
        {"{source_labels: [a], regex: '(.)|(..)', target_label: d, replacement: '[$1$2]'}", "a=xy",
         "a=xy|d=[xy]"},
        {"{source_labels: [a], regex: 'x(.*)', target_label: d, replacement: 'é$1'}", "a=xß", "a=xß|d=éß"},
    };
    EXPECT_ALL("utf8", table);
}
END_TEST

START_TEST(target_names_may_be_templates) {
    static const struct expected table[] = {
        {"{source_labels: [a], regex: 'some-([^-]+)-([^,]+)', target_label: '${1}', replacement: '${2}'}",
         "a=some-name-value", "a=some-name-value|name=value"},
        {"{source_labels: [a], regex: 'some-([^-]+)-([^,]+)', target_label: '${3}', replacement: '${2}'}",
         "a=some-name-value", "a=some-name-value"}, /* an empty name is none */
        {"{source_labels: [a], regex: '(.*)', target_label: 'my_$1', replacement: x}", "a=b", "a=b|my_b=x"},
        {"{source_labels: [a], regex: '(.*)', target_label: '${1}_b', replacement: ''}", "a=z|z_b=1", "a=z"},
    };
    static const struct expected utf8[] = {
        {"{source_labels: [a], regex: '(.*)', target_label: '$1', replacement: x}", "a=not a.name",
         "a=not a.name|not a.name=x"},
        {"{source_labels: [a], target_label: 'a.b'}", "a=1", "a=1|a.b=1"},
        {"{source_labels: [a], target_label: '${x'}", "a=1", "${x=1|a=1"},
    };
    static const struct expected legacy[] = {
        {"{source_labels: [a], regex: '(.*)', target_label: '$1', replacement: x}", "a=not a.name",
         "a=not a.name"}, /* passed over */
        {"{source_labels: [a], regex: '(.*)', target_label: '$1', replacement: x}", "a=0a", "a=0a"},
        {"{source_labels: [a], regex: '(.*)', target_label: 'a_${1}_$1', replacement: x}", "a=b",
         "a=b|a_b_b=x"},
    };
    EXPECT_ALL("utf8", table);
    EXPECT_ALL("legacy", table);
    EXPECT_ALL("utf8", utf8);
    EXPECT_ALL("legacy", legacy);
}
END_TEST

START_TEST(keep_and_drop_decide) {
    static const struct expected table[] = {
        {"{action: keep, source_labels: [a], regex: 'f.*'}", "a=foo", "a=foo"},
        {"{action: keep, source_labels: [a], regex: 'no'}", "a=foo", NULL},
        {"{action: keep, source_labels: [a], regex: 'o'}", "a=foo", NULL},
        {"{action: keep, source_labels: [nothing], regex: '.+'}", "a=foo", NULL},
        {"{action: keep, source_labels: [nothing], regex: ''}", "a=foo", "a=foo"},
        {"{action: keep, source_labels: [a, b], regex: '1;2|3;4'}", "a=3|b=4", "a=3|b=4"},
        {"{action: drop, source_labels: [a], regex: '.*o.*'}", "a=foo", NULL},
        {"{action: drop, source_labels: [a], regex: 'f'}", "a=foo", "a=foo"},
        {"{action: drop, source_labels: [a]}", "b=1", NULL}, /* .* matches nothing, too */
        {"{action: DROP, source_labels: [a], regex: 'foo'}", "a=foo", NULL},
        {"{action: keepequal, source_labels: [a], target_label: b}", "a=1|b=1", "a=1|b=1"},
        {"{action: keepequal, source_labels: [a], target_label: b}", "a=1|b=2", NULL},
        {"{action: keepequal, source_labels: [a], target_label: b}", "c=1", "c=1"}, /* both absent */
        {"{action: keepequal, source_labels: [a, b], target_label: c}", "a=1|b=2|c=1;2", "a=1|b=2|c=1;2"},
        {"{action: dropequal, source_labels: [a], target_label: b}", "a=1|b=1", NULL},
        {"{action: dropequal, source_labels: [a], target_label: b}", "a=1|b=2", "a=1|b=2"},
        {"{action: dropequal, source_labels: [a], target_label: b}", "c=1", NULL},
        /* nothing runs behind a drop, all runs in order */
        {"{action: drop, source_labels: [a], regex: x}, {target_label: a, replacement: y}", "a=x", NULL},
        {"{target_label: a, replacement: y}, {action: drop, source_labels: [a], regex: x}", "a=x", "a=y"},
        {"{action: keep, source_labels: [a], regex: x}, {action: drop, source_labels: [b], regex: x}",
         "a=x|b=x", NULL},
    };
    EXPECT_ALL("utf8", table);
}
END_TEST

START_TEST(labels_are_mapped_dropped_and_kept_by_name) {
    static const struct expected table[] = {
        {"{action: labelmap, regex: '__meta_(.*)'}", "__meta_a=1|__meta_b=2|c=3",
         "__meta_a=1|__meta_b=2|a=1|b=2|c=3"},
        {"{action: labelmap, regex: '(b.*)', replacement: 'bar_${1}'}", "a=foo|b1=bar|b2=baz",
         "a=foo|b1=bar|b2=baz|bar_b1=bar|bar_b2=baz"},
        {"{action: labelmap, regex: 'meta_(ns)_(.*)', replacement: '${2}'}", "meta_ns_x=1|meta_y=2",
         "meta_ns_x=1|meta_y=2|x=1"},
        {"{action: labelmap, regex: 'a(.*)', replacement: 'a${1}a'}", "a=1", "a=1|aa=1"}, /* not again */
        {"{action: labelmap, regex: '[ab]_(.*)'}", "a_x=1|b_x=2", "a_x=1|b_x=2|x=2"},     /* the last wins */
        {"{action: labelmap, regex: 'x'}", "a=1", "a=1"},
        {"{action: labelmap, regex: 'x', replacement: y}", "x=1|z=2", "x=1|y=1|z=2"},
        {"{action: labeldrop, regex: 'b.*'}", "a=1|b=2|bc=3|cb=4", "a=1|cb=4"},
        {"{action: labeldrop, regex: '.*'}", "a=1|b=2", ""},
        {"{action: labeldrop, regex: 'x'}", "a=1|b=2", "a=1|b=2"},
        {"{action: labelkeep, regex: 'b.*'}", "a=1|b=2|bc=3|cb=4", "b=2|bc=3"},
        {"{action: labelkeep, regex: 'a|__name__'}", "__name__=m|a=1|b=2", "__name__=m|a=1"},
        {"{action: labelkeep, regex: 'x'}", "a=1|b=2", ""},
    };
    EXPECT_ALL("utf8", table);
    EXPECT_ALL("legacy", table);
}
END_TEST

START_TEST(hashes_are_those_of_prometheus) {
    /* computed as int.from_bytes(md5(value).digest()[8:], "big") % modulus */
    static const struct expected table[] = {
        {"{action: hashmod, source_labels: [c], target_label: d, modulus: 1000}", "a=foo|b=bar|c=baz",
         "a=foo|b=bar|c=baz|d=976"},
        {"{action: hashmod, source_labels: [a], target_label: d, modulus: 1000}", "a=foo\nbar",
         "a=foo\nbar|d=734"},
        {"{action: hashmod, source_labels: [a, b], target_label: a, modulus: 8}", "a=1|b=2", "a=4|b=2"},
        {"{action: hashmod, source_labels: [x], target_label: d, modulus: 100}", "a=1", "a=1|d=58"},
        {"{action: hashmod, source_labels: [a], target_label: d, modulus: 1}", "a=1", "a=1|d=0"},
        {"{action: hashmod, source_labels: [a], target_label: d, modulus: 9000000000000000}",
         "a=0123456789012345678901234567890123456789012345678901234567890123456789",
         "a=0123456789012345678901234567890123456789012345678901234567890123456789|d=7298978682932205"},
    };
    EXPECT_ALL("utf8", table);
}
END_TEST

START_TEST(letters_of_all_scripts_change_their_size) {
    static const struct expected table[] = {
        {"{action: lowercase, source_labels: [a], target_label: b}", "a=Foo-BAR_9",
         "a=Foo-BAR_9|b=foo-bar_9"},
        {"{action: uppercase, source_labels: [a], target_label: a}", "a=Foo-bar_9", "a=FOO-BAR_9"},
        {"{action: uppercase, source_labels: [a, c], target_label: b}", "a=x|c=y", "a=x|b=X;Y|c=y"},
        {"{action: lowercase, source_labels: [x], target_label: a}", "a=1|b=2", "b=2"},
        {"{action: lowercase, source_labels: [a], target_label: a}", "a=ÄÖÜ ΣΦ ЖЯ ẞ", "a=äöü σφ жя ß"},
        {"{action: uppercase, source_labels: [a], target_label: a}", "a=äöü σφ жя ß 漢 𐐨",
         "a=ÄÖÜ ΣΦ ЖЯ ß 漢 𐐀"},
    };
    EXPECT_ALL("utf8", table);
}
END_TEST

START_TEST(a_trace_shows_each_step) {
    struct config *config =
        load("{target_label: b, replacement: x}, {action: drop, source_labels: [a], regex: "
             "'1'}, {target_label: c, replacement: y}",
             "utf8");
    struct arena arena;
    struct relabel_step *steps;
    size_t count;
    arena_init(&arena, 1 << 20, NULL);
    const struct relabel_rules *rules = rules_of(config);
    ck_assert_int_eq(relabel_trace(rules, read_labels("a=2", &arena), &arena, &steps, &count, NULL), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(steps[0].labels.count, 2);
    ck_assert_uint_eq(steps[1].labels.count, 2);
    ck_assert_uint_eq(steps[2].labels.count, 3);
    ck_assert(steps[0].kept && steps[1].kept && steps[2].kept);
    ck_assert_str_eq(steps[1].rule->action, "drop");
    ck_assert_int_eq(relabel_trace(rules, read_labels("a=1", &arena), &arena, &steps, &count, NULL), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert(steps[0].kept && !steps[1].kept && !steps[2].kept);
    ck_assert_uint_eq(steps[0].labels.count, 2);
    ck_assert_uint_eq(steps[1].labels.count, 0);
    ck_assert_int_eq(relabel_trace(NULL, read_labels("a=1", &arena), &arena, &steps, &count, NULL), 0);
    ck_assert_uint_eq(count, 0);
    arena_release(&arena);
    config_unref(config);
}
END_TEST

START_TEST(rules_are_compiled_once_and_none_is_none) {
    struct config *config = load("{target_label: b, replacement: x}", "utf8"), *empty = load("", "utf8");
    ck_assert_ptr_nonnull(rules_of(config));
    ck_assert_ptr_eq(rules_of(config), rules_of(config));
    ck_assert_ptr_null(rules_of(empty));
    config_unref(config);
    config_unref(empty);
}
END_TEST

START_TEST(labels_that_grow_without_end_are_refused) {
    struct config *config =
        load("{source_labels: [a], target_label: a, regex: '(.*)', replacement: '$1$1$1$1'}", "utf8");
    struct arena arena;
    struct label_builder builder;
    struct err err = {0};
    bool kept;
    int rc = 0;
    arena_init(&arena, 64 << 20, NULL);
    label_builder_init(&builder, &arena, read_labels("a=1234567890", &arena));
    for (int i = 0; i < 20 && !rc; i++) rc = relabel_run(rules_of(config), &builder, &kept, &err);
    ck_assert_int_eq(rc, ERR_LIMIT);
    ck_assert_str_eq(err.text, "relabelling makes a label longer than 1048576 bytes");
    arena_release(&arena);
    arena_init(&arena, 10000, NULL);
    label_builder_init(&builder, &arena, read_labels("a=1234567890", &arena));
    rc = 0;
    for (int i = 0; i < 20 && !rc; i++) rc = relabel_run(rules_of(config), &builder, &kept, &err);
    ck_assert_int_eq(rc, ERR_LIMIT);
    arena_release(&arena);
    config_unref(config);
}
END_TEST

CHECK_MAIN("relabel", replace_sets_by_what_matches, references_are_expanded_as_go_does,
           target_names_may_be_templates, keep_and_drop_decide, labels_are_mapped_dropped_and_kept_by_name,
           hashes_are_those_of_prometheus, letters_of_all_scripts_change_their_size, a_trace_shows_each_step,
           rules_are_compiled_once_and_none_is_none, labels_that_grow_without_end_are_refused)
