#include "lib/codec/json_read.h"

#include "lib/codec/base64.h"
#include "tests/check_main.h"

#include <stdio.h>

static struct arena arena;
static struct ymark where;
static struct err err;

static const struct ynode *read_json(const char *text) {
    const struct ynode *root = NULL;
    arena_release(&arena);
    arena_init(&arena, (size_t)1 << 20, NULL);
    err.text[0] = '\0';
    return json_read(span_from(text), &arena, &root, &where, &err) ? NULL : root;
}

static bool text_is(const struct ynode *root, const char *path, const char *text) {
    return span_is(ynode_text_at(root, path), text);
}

START_TEST(an_object_becomes_a_map_and_an_array_a_list) {
    const struct ynode *root =
        read_json("{\"a\": {\"b\": \"x\", \"n\": -17, \"t\": true}, \"l\": [\"1\", 2, null]}");
    ck_assert_ptr_nonnull(root);
    ck_assert(text_is(root, "a.b", "x") && text_is(root, "a.n", "-17") && text_is(root, "a.t", "true"));
    const struct ynode *list = ynode_at(root, "l");
    ck_assert_int_eq(list->kind, YNODE_LIST);
    ck_assert_uint_eq(list->count, 3);
    ck_assert(!ynode_item(list, 0)->is_plain && ynode_item(list, 1)->is_plain);
    ck_assert(ynode_is_null(ynode_item(list, 2)));
    ck_assert_ptr_null(ynode_item(list, 3));
    ck_assert_ptr_null(ynode_at(root, "a.b.c"));
    ck_assert_ptr_null(ynode_at(root, "x.b"));
    arena_release(&arena);
}
END_TEST

START_TEST(texts_are_unescaped_and_the_last_of_equal_keys_counts) {
    const struct ynode *root = read_json("{\"a\": 1, \"a\": \"\\ud83d\\ude00\\n\", \"null\": \"null\"}");
    ck_assert(text_is(root, "a", "\xf0\x9f\x98\x80\n"));
    ck_assert(text_is(root, "null", "null")); /* a text, though it looks like none */
    ck_assert_uint_eq(root->count, 2);
    arena_release(&arena);
}
END_TEST

START_TEST(what_is_no_json_is_refused_with_its_place) {
    static const char *const bad[] = {"",         "[",    "[1,]",          "{'a': 1}",
                                      "[1] x",    "nul",  "[\"\\u0000\"]", "[\"\xff\"]",
                                      "// a\n[]", "[01]", "{\"a\"}",       "[99999999999999999999]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(!read_json(bad[i]), "%s", bad[i]);
    ck_assert_ptr_null(read_json("[\n  1,\n  x]"));
    ck_assert_uint_eq(where.line, 3);
    ck_assert_ptr_nonnull(strstr(err.text, "JSON syntax"));
    arena_release(&arena);
}
END_TEST

START_TEST(depth_and_memory_are_limited) {
    char text[300] = "";
    for (int i = 0; i < YNODE_MAX_DEPTH + 2; i++) text[i] = '[';
    for (int i = 0; i < YNODE_MAX_DEPTH + 2; i++) text[YNODE_MAX_DEPTH + 2 + i] = ']';
    ck_assert_ptr_null(read_json(text));
    ck_assert_str_eq(err.text, "nested too deeply");
    text[YNODE_MAX_DEPTH * 2 + 3] = '\0'; /* one level less */
    ck_assert_ptr_nonnull(read_json(text + 1));
    const struct ynode *root = NULL;
    struct arena small;
    arena_init(&small, 100, NULL);
    ck_assert_int_eq(json_read(SPAN("[\"a\", \"b\", \"c\", \"d\", \"e\"]"), &small, &root, &where, &err),
                     ERR_LIMIT);
    ck_assert_ptr_null(root);
    arena_release(&small);
    arena_release(&arena);
}
END_TEST

static bool decodes(const char *text, const char *expected) {
    struct buf out;
    buf_init(&out, 100);
    int rc = base64_read(span_from(text), &out, &err);
    bool is_right = rc ? !expected : expected && span_is(buf_view(&out), expected);
    buf_release(&out);
    return is_right;
}

START_TEST(base64_is_read_strictly) {
    ck_assert(decodes("", "") && decodes("Zg==", "f") && decodes("Zm8=", "fo") &&
              decodes("Zm9v\nYmFy\n", "foobar"));
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg==Zg==", "=", "Z===", "Zm9v!", "Zm9-", "Zg=a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(decodes(bad[i], NULL), "%s", bad[i]);
    struct buf small;
    buf_init(&small, 2);
    ck_assert_int_eq(base64_read(SPAN("Zm9v"), &small, &err), ERR_LIMIT);
    buf_release(&small);
}
END_TEST

CHECK_MAIN("json read", an_object_becomes_a_map_and_an_array_a_list,
           texts_are_unescaped_and_the_last_of_equal_keys_counts, what_is_no_json_is_refused_with_its_place,
           depth_and_memory_are_limited, base64_is_read_strictly)
