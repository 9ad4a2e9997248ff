#include "storage/head/symbols.h"

#include "lib/base/mem.h"
#include "storage/head/shapes.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <string.h>

/* lengths such that slabs of 1 MiB end in the middle of a text */
static struct span text_of(size_t i, char text[8192]) {
    size_t len = i % 5 ? 8 + i % 60 : i % 8000 + 8;
    memset(text, 'a' + (int)(i % 26), len);
    (void)snprintf(text, 8, "%07zu", i);
    return span_of(text, len);
}

START_TEST(texts_are_known_by_what_was_given) {
    enum { COUNT = 20000 };
    struct symbols symbols;
    char text[8192];
    uint32_t *given = mem_array(COUNT, sizeof *given);
    symbols_init(&symbols);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(symbols_find(&symbols, text_of(i, text)), SYMBOL_NONE);
        given[i] = symbols_add(&symbols, text_of(i, text));
        ck_assert_uint_ne(given[i], SYMBOL_NONE);
        ck_assert_uint_eq(symbols_add(&symbols, text_of(i, text)), given[i]);
    }
    ck_assert_uint_gt(symbols_bytes(&symbols), 4 << 20); /* several slabs */
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(symbols_find(&symbols, text_of(i, text)), given[i]);
        ck_assert(span_equal(symbols_text(&symbols, given[i]), text_of(i, text)));
    }
    symbols_release(&symbols);
    mem_free(given);
}
END_TEST

START_TEST(odd_texts_are_texts_too) {
    struct symbols symbols;
    symbols_init(&symbols);
    char *large = mem_zalloc(SYMBOL_MAX_BYTES + 1);
    uint32_t empty = symbols_add(&symbols, span_of(NULL, 0));
    uint32_t zeros = symbols_add(&symbols, span_of(large, 3));
    uint32_t most = symbols_add(&symbols, span_of(large, SYMBOL_MAX_BYTES));
    ck_assert(empty && zeros && most && empty != zeros && zeros != most);
    ck_assert_uint_eq(symbols_find(&symbols, SPAN("")), empty);
    ck_assert_uint_eq(symbols_text(&symbols, most).len, SYMBOL_MAX_BYTES);
    ck_assert_uint_eq(symbols_add(&symbols, span_of(large, SYMBOL_MAX_BYTES + 1)), SYMBOL_NONE);
    mem_free(large);
    symbols_release(&symbols);
}
END_TEST

START_TEST(shapes_are_interned_by_their_names) {
    struct shapes shapes;
    uint32_t names[50];
    shapes_init(&shapes);
    for (uint32_t i = 0; i < 50; i++) names[i] = 100 + i;
    uint32_t given[51];
    for (uint32_t count = 0; count <= 50; count++) {
        ck_assert_uint_eq(shapes_find(&shapes, names, count), 0);
        given[count] = shapes_add(&shapes, names, count);
        ck_assert_uint_eq(shapes_add(&shapes, names, count), given[count]);
        ck_assert_uint_eq(shape_count(&shapes, given[count]), count);
    }
    for (uint32_t count = 0; count <= 50; count++) {
        ck_assert_uint_eq(shapes_find(&shapes, names, count), given[count]);
        ck_assert_uint_eq(shape_place(&shapes, given[count], 100 + 7), count > 7 ? 7 : count);
    }
    uint32_t words[] = {given[2], 7, 8};
    uint32_t record = shapes_add_record(&shapes, words);
    ck_assert_mem_eq(stable_at(&shapes.memory, record), words, sizeof words);
    shapes_release(&shapes);
}
END_TEST

CHECK_MAIN("symbols", texts_are_known_by_what_was_given, odd_texts_are_texts_too,
           shapes_are_interned_by_their_names)
