#include "cmd/features.h"

#include "lib/base/log.h"
#include "lib/config/text.h"

#include <stddef.h>

enum feature_kind { DONE, NO_OP, NOT_YET };

struct feature {
    const char *name;
    enum feature_kind kind;
    size_t offset; /* of a bool, for DONE */
};

#define SWITCH(text, member)                                                                                 \
    { .name = (text), .kind = DONE, .offset = offsetof(struct features, member) }
#define LATER(text)                                                                                          \
    { .name = (text), .kind = NOT_YET }
#define ALWAYS_ON(text)                                                                                      \
    { .name = (text), .kind = NO_OP }

static const struct feature table[] = {
    SWITCH("promql-experimental-functions", experimental_functions),
    SWITCH("promql-delayed-name-removal", delayed_name_removal),
    SWITCH("promql-extended-range-selectors", extended_range_selectors),
    SWITCH("promql-binop-fill-modifiers", binop_fill_modifiers),
    SWITCH("use-start-timestamps", use_start_timestamps),
    SWITCH("promql-per-step-stats", per_step_stats),
    SWITCH("concurrent-rule-eval", concurrent_rules),
    SWITCH("created-timestamp-zero-ingestion", start_zeros),
    SWITCH("type-and-unit-labels", type_and_unit_labels),
    SWITCH("extra-scrape-metrics", extra_scrape_metrics),
    LATER("st-storage"),
    LATER("st-synthesis"),
    LATER("old-ui"),
    LATER("delayed-compaction"),
    LATER("otlp-deltatocumulative"),
    LATER("otlp-native-delta-ingestion"),
    LATER("use-uncached-io"),
    LATER("xor2-encoding"),
    LATER("histograms-st-encoding"),
    ALWAYS_ON("exemplar-storage"),
    ALWAYS_ON("memory-snapshot-on-shutdown"),
    ALWAYS_ON("metadata-wal-records"),
    ALWAYS_ON("fast-startup"),
    ALWAYS_ON("native-histograms"),
    ALWAYS_ON("ooo-native-histograms"),
    ALWAYS_ON("promql-duration-expr"),
    ALWAYS_ON("auto-reload-config"),
    ALWAYS_ON("search-api"),
};
#define FEATURE_COUNT (sizeof table / sizeof *table)

static void warn_unknown(struct span name) {
    const char *names[FEATURE_COUNT];
    for (size_t i = 0; i < FEATURE_COUNT; i++) names[i] = table[i].name;
    const char *best = text_nearest(name, names, FEATURE_COUNT);
    LOG(LOG_WARN, "unknown option for --enable-feature", "option", log_text("%.*s", SPAN_ARG(name)),
        "nearest", best ? best : "none");
}

static void enable(struct features *features, struct span name) {
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        if (!span_is(name, table[i].name)) continue;
        if (table[i].kind == DONE) *(bool *)((char *)features + table[i].offset) = true;
        if (table[i].kind == NOT_YET) LOG(LOG_WARN, "this feature does nothing yet", "option", table[i].name);
        return;
    }
    warn_unknown(name);
}

void features_read(struct features *features, const struct flag_texts *lists) {
    *features = (struct features){0};
    for (size_t i = 0; i < lists->count; i++) {
        struct span rest = span_from(lists->items[i]);
        while (rest.len) {
            size_t comma = span_find_byte(rest, ',', 0);
            struct span name = span_trim(span_of(rest.ptr, comma));
            if (name.len) enable(features, name);
            size_t used = comma < rest.len ? comma + 1 : comma;
            rest = span_of(rest.ptr + used, rest.len - used);
        }
    }
}
