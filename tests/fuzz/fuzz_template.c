// links: lib_template
/* fuzz_template.c - any text is parsed and, if it can be, executed. */
#include "lib/template/template.h"

static int query(void *context, struct span text, struct arena *arena, struct template_sample **samples,
                 size_t *count, struct err *err) {
    static const struct label items[] = {{SPAN("a"), SPAN("b")}};
    (void)context, (void)text;
    *samples = arena_array(arena, 2, sizeof **samples);
    if (!*samples) return arena_limit(arena, "query", err);
    (*samples)[0] = (struct template_sample){.labels = {items, 1}, .value = 1.5};
    *count = 2;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct label items[] = {{SPAN("job"), SPAN("node")}};
    struct template_env env = {
        .labels = {items, 1}, .external_url = SPAN("http://a/b"), .value = {.value = 3}, .query = query};
    const struct template *template;
    struct arena arena;
    struct buf out;
    arena_init(&arena, TEMPLATE_MAX_MEMORY, NULL);
    buf_init(&out, 2 * TEMPLATE_MAX_OUTPUT);
    if (!template_parse("fuzz", span_of((const char *)data, size), &arena, &template, &out))
        (void)template_execute(template, &env, &out);
    buf_release(&out);
    arena_release(&arena);
    return 0;
}
