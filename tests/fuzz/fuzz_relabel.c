/*
 * fuzz_relabel.c - any rules on any labels: the first line is a flow list of rules, each further one a label,
 * name=value. No crash, no hang; the result is sorted and holds no empty value; a trace comes to the same.
 */
// links: lib_relabel
#include "lib/base/assert.h"
#include "lib/relabel/relabel.h"

#include <stdint.h>

static struct config_errors errors;

static struct config *load(struct span rules) {
    static const char head[] = "scrape_configs:\n- job_name: j\n  relabel_configs: [";
    struct config *config = NULL;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_puts(&text, head);
    buf_span(&text, rules);
    buf_puts(&text, "]\n");
    if (config_load_text(buf_view(&text), "fuzz.yml", &config, &errors)) config = NULL;
    buf_release(&text);
    if (config && config->scrape_configs.count == 1) return config;
    config_unref(config);
    return NULL;
}

static struct labels read_labels(struct span text, struct arena *arena) {
    struct label_builder builder;
    label_builder_init(&builder, arena, (struct labels){0});
    for (size_t i = 0; i < text.len;) {
        size_t end = span_find_byte(text, '\n', i), equals = span_find_byte(text, '=', i);
        if (equals > i && equals < end)
            label_builder_set(&builder, span_of(text.ptr + i, equals - i),
                              span_of(text.ptr + equals + 1, end - equals - 1));
        i = end + 1;
    }
    return (struct labels){builder.items, builder.count};
}

static void run(const struct relabel_rules *rules, struct labels labels, struct arena *arena) {
    struct label_builder builder;
    struct relabel_step *steps;
    size_t count;
    bool kept;
    label_builder_init(&builder, arena, labels);
    if (relabel_run(rules, &builder, &kept, NULL)) return;
    for (uint32_t i = 0; kept && i < builder.count; i++) {
        ASSERT(builder.items[i].value.len > 0);
        ASSERT(i == 0 || span_compare(builder.items[i - 1].name, builder.items[i].name) < 0);
    }
    if (relabel_trace(rules, labels, arena, &steps, &count, NULL) || !count) return;
    ASSERT(steps[count - 1].kept == kept);
    if (kept) ASSERT(labels_equal(steps[count - 1].labels, (struct labels){builder.items, builder.count}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span text = span_of((const char *)data, size);
    size_t line = span_find_byte(text, '\n', 0);
    struct config *config = load(span_of(text.ptr, line));
    const struct relabel_rules *rules = NULL;
    struct arena arena;
    if (!config) return 0;
    arena_init(&arena, 16 << 20, NULL);
    const struct scrape_config *job = &config->scrape_configs.items[0];
    struct labels labels = {0};
    if (line < size) labels = read_labels(span_of(text.ptr + line, size - line), &arena);
    if (relabel_rules_of(config, &job->relabel_configs, job->metric_name_validation_scheme, &rules, NULL) ==
        0)
        run(rules, labels, &arena);
    arena_release(&arena);
    config_unref(config);
    return 0;
}
