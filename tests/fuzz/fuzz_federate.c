/*
 * fuzz_federate.c - the first line of the input as an Accept header, the other lines as name, label, value:
 * what is written in the form that was chosen is read back as the same series; and as texts to search.
 */
// links: web_api
#include "lib/base/assert.h"
#include "lib/expose/expose.h"
#include "web/api/exposition.h"
#include "web/api/search_score.h"

#include <string.h>

#define TEXT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span take_line(struct span *rest) {
    size_t end = span_find_byte(*rest, '\n', 0), used = end < rest->len ? end + 1 : end;
    struct span line = span_of(rest->ptr, end);
    *rest = span_of(rest->ptr + used, rest->len - used);
    return line;
}

/* the one series of the text, without what the form had to replace in names */
static void check_text(const struct exposition *form, struct labels labels, struct buf *text) {
    struct expose_reader reader;
    struct expose_entry entry;
    struct arena arena;
    struct labels read;
    struct err err;
    arena_init(&arena, TEXT_MAX, NULL);
    expose_reader_init(&reader, EXPOSE_TEXT, buf_view(text));
    do ASSERT(expose_next(&reader, &entry, &err) == 0);
    while (entry.kind != EXPOSE_SERIES);
    ASSERT(expose_labels(entry.series, EXPOSE_UNKNOWN, &arena, &read, &err) == 0);
    ASSERT(!form->takes_utf8 || labels_equal(labels, read));
    ASSERT(entry.has_time && entry.time_ms == -5);
    ASSERT(expose_next(&reader, &entry, &err) == 0 && entry.kind == EXPOSE_END);
    arena_release(&arena);
}

static void search(struct span term, struct span text) {
    static struct search_term one;
    for (int i = 0; i < 4; i++) {
        struct search_terms terms = {&one, 1, i & 1 ? SEARCH_JARO_WINKLER : SEARCH_SUBSEQUENCE, i > 1, 0.3};
        double score;
        search_term_init(&one, term, terms.is_case_sensitive);
        if (search_score(&terms, text, &score)) ASSERT(score > 0 && score <= 1);
        ASSERT(search_score(&terms, term, &score) && score == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span rest = span_of((const char *)data, size);
    struct exposition form = exposition_choose(take_line(&rest));
    struct span name = take_line(&rest), label = take_line(&rest), value = rest;
    struct label items[2] = {{SPAN(LABEL_NAME), name}, {label, value}};
    struct exposed_sample sample = {.labels = {items, value.len ? 2 : 1}, .time_ms = -5, .value = 1.5};
    struct buf out;
    ASSERT(exposition_content_type(&form));
    search(name, value);
    bool is_text = span_is_utf8(name) && span_is_utf8(label) && span_is_utf8(value);
    if (!is_text || !name.len || !label.len || span_compare(label, items[0].name) <= 0) return 0;
    buf_init(&out, TEXT_MAX);
    exposition_write(&form, &sample, 1, (struct labels){0}, true, &out);
    if (!out.failed && form.form != EXPOSITION_PROTOBUF) check_text(&form, sample.labels, &out);
    buf_release(&out);
    return 0;
}
