#include "lib/config/rule_file.h"
#include "tests/check_main.h"

static struct config_errors errors;

static int load(const char *text, struct arena *arena, struct rule_file *file) {
    arena_init(arena, 64 << 20, NULL);
    errors.count = errors.more = 0;
    return rule_file_load_text(span_from(text), "r.yml", false, arena, file, &errors);
}

START_TEST(a_file_is_read_with_its_defaults) {
    struct arena arena;
    struct rule_file file;
    ck_assert_int_eq(load("groups:\n- name: a\n  interval: 30s\n  limit: 5\n  labels: {x: y}\n  rules:\n"
                          "  - {record: r, expr: up, labels: {gone: ''}}\n"
                          "  - alert: A\n    expr: |\n      up == 0\n    for: 5m\n    keep_firing_for: 1m\n"
                          "- name: b\n  query_offset: 0s\n",
                          &arena, &file),
                     0);
    ck_assert_uint_eq(file.groups.count, 2);
    const struct rule_group_config *group = &file.groups.items[0];
    ck_assert_int_eq(group->interval_ms, 30000);
    ck_assert_int_eq(group->query_offset_ms, -1);
    ck_assert_uint_eq(group->limit, 5);
    ck_assert_uint_eq(group->rules.count, 2);
    ck_assert_str_eq(group->rules.items[0].labels.items[0].value, "");
    ck_assert_int_eq(group->rules.items[1].for_ms, 300000);
    ck_assert_int_eq(group->rules.items[1].keep_firing_for_ms, 60000);
    ck_assert_uint_eq(group->rules.items[1].expr_mark.line, 9);
    ck_assert_int_eq(file.groups.items[1].query_offset_ms, 0);
    arena_release(&arena);
    ck_assert_int_eq(load("", &arena, &file), 0);
    ck_assert_uint_eq(file.groups.count, 0);
    arena_release(&arena);
}
END_TEST

#define ONE(rule) "groups:\n- name: a\n  rules:\n  - " rule "\n"

START_TEST(refusals_have_prometheus_words_and_a_place) {
    static const struct {
        const char *text, *message;
        uint32_t line;
    } cases[] = {
        {ONE("{record: x, alert: y, expr: up}"), "only one of 'record' and 'alert' must be set", 4},
        {ONE("{expr: up}"), "one of 'record' or 'alert' must be set", 4},
        {ONE("{record: x}"), "field 'expr' must be set in rule", 4},
        {ONE("{record: x, expr: up, for: 1m}"), "invalid field 'for' in recording rule", 4},
        {ONE("{record: x, expr: up, annotations: {a: b}}"), "invalid field 'annotations' in recording rule",
         4},
        {ONE("{record: x, expr: up, keep_firing_for: 1m}"),
         "invalid field 'keep_firing_for' in recording rule", 4},
        {ONE("{record: 'x{a=\"b\"}', expr: up}"), "braces present in the recording rule name", 4},
        {ONE("{alert: x, expr: up, labels: {__name__: y}}"), "invalid label name: __name__", 4},
        {ONE("{alert: x, expr: up, fro: 5m}"), "unknown field \"fro\"", 4},
        {"groups:\n- name: a\n- name: a\n", "groupname: \"a\" is repeated in the same file", 3},
        {"groups:\n- name: ''\n", "Groupname must not be empty", 2},
        {"groups:\n- name: a\n  limit: -1\n", "", 3},
        {"groups: 5\n", "a list is expected", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct rule_file file;
        ck_assert_msg(load(cases[i].text, &arena, &file) == ERR_INVALID, "%s", cases[i].text);
        ck_assert_msg(strstr(errors.items[0].message, cases[i].message) != NULL, "%s: %s", cases[i].text,
                      errors.items[0].message);
        ck_assert_uint_eq(errors.items[0].line, cases[i].line);
        arena_release(&arena);
    }
}
END_TEST

CHECK_MAIN("rule_file", a_file_is_read_with_its_defaults, refusals_have_prometheus_words_and_a_place)
