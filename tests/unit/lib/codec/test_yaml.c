#include "lib/base/buf.h"
#include "lib/codec/yaml.h"
#include "tests/check_main.h"

static struct arena arena;

static const struct ynode *parse(const char *text) {
    const struct ynode *root = NULL;
    struct ymark where;
    struct err err = {0};
    arena_init(&arena, 64u << 20, NULL);
    int rc = ynode_parse(span_from(text), &arena, &root, &where, &err);
    ck_assert_msg(rc == 0, "%s\n%u:%u: %s", text, where.line, where.column, err.text);
    return root;
}

/* the tree in one line: maps {k:v,...}, lists [..], quoted scalars '..' */
static void show(const struct ynode *node, struct buf *out) {
    if (node->kind == YNODE_SCALAR) {
        buf_printf(out, node->is_plain ? "%.*s" : "'%.*s'", SPAN_ARG(node->text));
        return;
    }
    buf_putc(out, node->kind == YNODE_LIST ? '[' : '{');
    for (uint32_t i = 0; i < node->count; i++) {
        if (i) buf_putc(out, ',');
        if (node->kind == YNODE_MAP) buf_printf(out, "%.*s:", SPAN_ARG(node->entries[i].key->text));
        show(node->kind == YNODE_LIST ? node->items[i] : node->entries[i].value, out);
    }
    buf_putc(out, node->kind == YNODE_LIST ? ']' : '}');
}

static void expect(const char *text, const char *wanted) {
    struct buf out;
    buf_init(&out, 1 << 20);
    show(parse(text), &out);
    ck_assert_str_eq(buf_text(&out), wanted);
    buf_release(&out);
    arena_release(&arena);
}

static void expect_error(const char *text, int code, uint32_t line, uint32_t column, const char *message) {
    const struct ynode *root = (const struct ynode *)&arena;
    struct ymark where;
    struct err err = {0};
    arena_init(&arena, 256u << 20, NULL);
    int rc = ynode_parse(span_from(text), &arena, &root, &where, &err);
    ck_assert_int_eq(rc, code);
    ck_assert_ptr_eq(root, &arena); /* outputs untouched */
    ck_assert_msg(strstr(err.text, message), "\"%s\" is not in \"%s\"", message, err.text);
    ck_assert_msg(where.line == line && where.column == column, "%s at %u:%u", err.text, where.line,
                  where.column);
    arena_release(&arena);
}

START_TEST(a_tree_has_maps_lists_and_scalars_with_their_style) {
    expect("a: 1\nb: [x, 'y', \"z\"]\nc:\n  d: |\n    t\n", "{a:1,b:[x,'y','z'],c:{d:'t\n'}}");
    expect("- 1\n- - 2\n  - !!str 3\n", "[1,[2,'3']]");
    expect("{}", "{}");
    expect("\xef\xbb\xbf"
           "a: b",
           "{a:b}");
    expect("a:\r\n  b: c\r\n", "{a:{b:c}}");
}
END_TEST

START_TEST(an_empty_file_has_no_tree) {
    ck_assert_ptr_null(parse(""));
    ck_assert_ptr_null(parse("# only a comment\n"));
    arena_release(&arena);
}
END_TEST

START_TEST(a_node_knows_its_line_and_column) {
    const struct ynode *root = parse("a: 1\nbb:\n  - x\n  -   y: z\n");
    const struct yentry *bb = ynode_entry(root, SPAN("bb"));
    ck_assert_uint_eq(bb->key->mark.line, 2);
    ck_assert_uint_eq(bb->key->mark.column, 1);
    const struct ynode *second = bb->value->items[1];
    ck_assert_uint_eq(second->mark.line, 4);
    ck_assert_uint_eq(second->mark.column, 7);
    ck_assert_uint_eq(second->entries[0].value->mark.column, 10);
    ck_assert_ptr_null(ynode_entry(root, SPAN("c")));
    ck_assert_ptr_null(ynode_entry(NULL, SPAN("c")));
    arena_release(&arena);
}
END_TEST

START_TEST(aliases_and_merges_are_followed) {
    expect("a: &x [1]\nb: *x\n", "{a:[1],b:[1]}");
    expect("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n", "{a:{p:1,q:2},b:{q:3,p:1}}");
    expect("a: &x {p: 1}\nb: &y {p: 2, r: 4}\nc: {<<: [*x, *y]}\n", "{a:{p:1},b:{p:2,r:4},c:{p:1,r:4}}");
    expect("a: &x 1\nb: &x 2\nc: *x\n", "{a:1,b:2,c:2}");
    expect("'<<': 1\n", "{<<:1}");
}
END_TEST

START_TEST(words_are_judged_as_yaml_1_1_does) {
    const struct ynode *list = parse("[true, yes, On, off, n, 'true', ~, null, '', 1, x, {}, []]");
    bool value;
    for (uint32_t i = 0; i < 3; i++) ck_assert(ynode_bool(list->items[i], &value) && value);
    for (uint32_t i = 3; i < 5; i++) ck_assert(ynode_bool(list->items[i], &value) && !value);
    ck_assert(!ynode_bool(list->items[5], &value));
    ck_assert(ynode_is_null(list->items[6]) && ynode_is_null(list->items[7]) && ynode_is_null(NULL));
    ck_assert(!ynode_is_null(list->items[8]));
    static const char *const names[] = {"a bool", "a bool", "a bool",   "a bool", "a bool", "a text", "null",
                                        "null",   "a text", "a number", "a text", "a map",  "a list"};
    for (uint32_t i = 0; i < list->count; i++) ck_assert_str_eq(ynode_describe(list->items[i]), names[i]);
    arena_release(&arena);
}
END_TEST

START_TEST(mistakes_are_refused_with_their_place) {
    expect_error("a: 1\nb: 2\na: 3\n", ERR_INVALID, 3, 1, "duplicate key \"a\"");
    expect_error("a: [1\n", ERR_INVALID, 2, 1, "YAML syntax");
    expect_error("a:\n\tb: 1\n", ERR_INVALID, 2, 1, "YAML syntax");
    expect_error("a: *x\n", ERR_INVALID, 1, 4, "unknown anchor \"x\"");
    expect_error("a: &x [*x]\n", ERR_INVALID, 1, 8, "inside of its own anchor");
    expect_error("a: {<<: 1}\n", ERR_INVALID, 1, 9, "<< takes a map");
    expect_error("a: {<<: {}, <<: {}}\n", ERR_INVALID, 1, 13, "duplicate key \"<<\"");
    expect_error("? [a]\n: b\n", ERR_INVALID, 1, 3, "a key must be a text");
    expect_error("a: !!binary xx\n", ERR_INVALID, 1, 4, "tag");
    expect_error("a: \"x\\0y\"\n", ERR_INVALID, 1, 4, "NUL");
    expect_error("a: 1\n---\nb: 1\n", ERR_INVALID, 2, 1, "second document");
    expect_error("a: \xff\n", ERR_INVALID, 0, 0, "not readable");
}
END_TEST

START_TEST(nesting_is_counted) {
    char text[600] = {0};
    memset(text, '[', YNODE_MAX_DEPTH - 1);
    text[YNODE_MAX_DEPTH - 1] = '1';
    memset(text + YNODE_MAX_DEPTH, ']', YNODE_MAX_DEPTH - 1);
    ck_assert_uint_eq(parse(text)->height, YNODE_MAX_DEPTH);
    arena_release(&arena);
    memset(text, '[', 500);
    expect_error(text, ERR_LIMIT, 1, YNODE_MAX_DEPTH + 1, "nested too deeply");
    /* the same through aliases */
    struct buf deep;
    buf_init(&deep, 1 << 16);
    buf_puts(&deep, "a0: &a0 [1]\n");
    for (int i = 1; i < 80; i++) buf_printf(&deep, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    expect_error(buf_text(&deep), ERR_LIMIT, 63, 12, "nested too deeply");
    buf_release(&deep);
}
END_TEST

START_TEST(a_billion_laughs_are_refused) {
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 12; i++) {
        buf_printf(&text, "a%d: &a%d [*a%d", i, i, i - 1);
        for (int j = 0; j < 9; j++) buf_printf(&text, ",*a%d", i - 1);
        buf_puts(&text, "]\n");
    }
    expect_error(buf_text(&text), ERR_LIMIT, 6, 46, "too many values");
    buf_release(&text);
}
END_TEST

START_TEST(the_arena_bounds_the_tree) {
    struct arena small;
    arena_init(&small, 100, NULL);
    const struct ynode *root = NULL;
    struct ymark where;
    struct err err = {0};
    ck_assert_int_eq(ynode_parse(SPAN("{a: [1, 2, 3], b: {c: d}}"), &small, &root, &where, &err), ERR_LIMIT);
    ck_assert_ptr_null(root);
    arena_release(&small);
}
END_TEST

CHECK_MAIN("yaml", a_tree_has_maps_lists_and_scalars_with_their_style, an_empty_file_has_no_tree,
           a_node_knows_its_line_and_column, aliases_and_merges_are_followed,
           words_are_judged_as_yaml_1_1_does, mistakes_are_refused_with_their_place, nesting_is_counted,
           a_billion_laughs_are_refused, the_arena_bounds_the_tree)
