#include "cmd/check_metrics.h"

#include <ctype.h>
#include <string.h>

/*
 * The rules of naming: https://prometheus.io/docs/practices/naming/, with the texts users know.
 */

static bool ends_with(struct span name, const char *end) {
    return span_ends_with(name, span_from(end));
}

/* _word_ within the name or _word at its end, in any case */
static bool has_word(struct span name, const char *word) {
    size_t length = strlen(word);
    for (size_t i = 0; i + 1 + length <= name.len; i++) {
        bool is_end = i + 1 + length == name.len;
        if (name.ptr[i] == '_' && strncasecmp(name.ptr + i + 1, word, length) == 0 &&
            (is_end || name.ptr[i + 1 + length] == '_'))
            return true;
    }
    return false;
}

static bool is_camel_case(struct span name) {
    for (size_t i = 1; i < name.len; i++)
        if (islower((unsigned char)name.ptr[i - 1]) && isupper((unsigned char)name.ptr[i])) return true;
    return false;
}

/* ---- units ---- */

static const struct {
    const char *unit, *base;
} units[] = {
    {"amperes", "amperes"}, {"bytes", "bytes"},     {"celsius", "celsius"}, {"grams", "grams"},
    {"joules", "joules"},   {"kelvin", "kelvin"},   {"meters", "meters"},   {"metres", "metres"},
    {"seconds", "seconds"}, {"volts", "volts"},     {"minutes", "seconds"}, {"hours", "seconds"},
    {"days", "seconds"},    {"weeks", "seconds"},   {"kelvins", "kelvin"},  {"fahrenheit", "celsius"},
    {"rankine", "celsius"}, {"inches", "meters"},   {"yards", "meters"},    {"miles", "meters"},
    {"bits", "bytes"},      {"calories", "joules"}, {"pounds", "grams"},    {"ounces", "grams"}};

static const char *const prefixes[] = {"",     "pico",  "nano", "micro", "milli", "centi", "deci",
                                       "deca", "hecto", "kilo", "kibi",  "mega",  "mibi",  "giga",
                                       "gibi", "tera",  "tebi", "peta",  "pebi"};

static const char *base_of(struct span word) {
    for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
        size_t skip = strlen(prefixes[p]);
        if (!span_starts_with(word, span_from(prefixes[p]))) continue;
        for (size_t u = 0; u < sizeof units / sizeof *units; u++)
            if (span_is(span_of(word.ptr + skip, word.len - skip), units[u].unit)) return units[u].base;
    }
    return NULL;
}

/* the first word of the name that is a unit decides */
static void lint_unit(struct span name, struct buf *out) {
    for (size_t from = 0; from <= name.len;) {
        size_t end = span_find_byte(name, '_', from);
        struct span word = span_of(name.ptr + from, end - from);
        const char *base = base_of(word);
        if (base) {
            if (!span_is(word, base))
                buf_printf(out, "use base unit \"%s\" instead of \"%.*s\"\n", base, SPAN_ARG(word));
            return;
        }
        from = end + 1;
    }
}

static void lint_abbreviations(struct span name, struct buf *out) {
    static const char *const short_units[] = {"s",  "ms", "us", "ns", "sec", "b", "kb",
                                              "mb", "gb", "tb", "pb", "m",   "h", "d"};
    for (size_t i = 0; i < sizeof short_units / sizeof *short_units; i++)
        if (has_word(name, short_units[i]))
            buf_puts(out, "metric names should not contain abbreviated units\n");
}

/* ---- types ---- */

static bool has_label(const struct metric_family *family, const char *name) {
    for (size_t i = 0; i < family->label_names.count; i++)
        if (span_is(family->label_names.items[i], name)) return true;
    return false;
}

static void lint_suffixes(const struct metric_family *family, struct buf *out) {
    bool is_histogram = family->type == EXPOSE_HISTOGRAM || family->type == EXPOSE_GAUGE_HISTOGRAM;
    bool is_summary = family->type == EXPOSE_SUMMARY, is_counter = family->type == EXPOSE_COUNTER;
    struct span name = family->name;
    if (is_counter && !ends_with(name, "_total"))
        buf_puts(out, "counter metrics should have \"_total\" suffix\n");
    if (!is_counter && ends_with(name, "_total"))
        buf_puts(out, "non-counter metrics should not have \"_total\" suffix\n");
    if (!is_histogram && ends_with(name, "_bucket"))
        buf_puts(out, "non-histogram metrics should not have \"_bucket\" suffix\n");
    if (!is_histogram && !is_summary && ends_with(name, "_count"))
        buf_puts(out, "non-histogram and non-summary metrics should not have \"_count\" suffix\n");
    if (!is_histogram && !is_summary && ends_with(name, "_sum"))
        buf_puts(out, "non-histogram and non-summary metrics should not have \"_sum\" suffix\n");
    if (!is_histogram && has_label(family, "le"))
        buf_puts(out, "non-histogram metrics should not have \"le\" label\n");
    if (!is_summary && has_label(family, "quantile"))
        buf_puts(out, "non-summary metrics should not have \"quantile\" label\n");
}

static void lint_type_in_name(struct span name, struct buf *out) {
    static const char *const types[] = {"counter", "gauge", "summary", "histogram", "gauge_histogram"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (has_word(name, types[i])) buf_printf(out, "metric name should not include type '%s'\n", types[i]);
}

void metric_lint(const struct metric_family *family, struct buf *out) {
    struct span name = family->name;
    if (!family->has_help) buf_puts(out, "no help text\n");
    if (family->has_repeated) buf_puts(out, "metric not unique\n");
    lint_unit(name, out);
    if (family->type != EXPOSE_UNKNOWN) lint_suffixes(family, out);
    lint_type_in_name(name, out);
    if (memchr(name.ptr, ':', name.len)) buf_puts(out, "metric names should not contain ':'\n");
    if (is_camel_case(name))
        buf_puts(out, "metric names should be written in 'snake_case' not 'camelCase'\n");
    for (size_t i = 0; i < family->label_names.count; i++)
        if (is_camel_case(family->label_names.items[i]))
            buf_puts(out, "label names should be written in 'snake_case' not 'camelCase'\n");
    lint_abbreviations(name, out);
}
