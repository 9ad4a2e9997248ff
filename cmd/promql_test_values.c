/*
 * promql_test_values.c - one series line: `name{a="b"} 1 2 _ stale 3+1x4 {{count:1}}x2`.
 */
#include "cmd/promql_test_histogram.h"

#include "lib/base/buf.h"
#include "lib/codec/number.h"
#include "lib/model/duration.h"
#include "lib/model/sample.h"

#include <ctype.h>

#define MAX_REPEATS 1000000u
#define MAX_LABELS 128u

static char peek(struct span s, size_t at) {
    return at < s.len ? s.ptr[at] : '\0';
}

static void skip(struct span *s, size_t count) {
    s->ptr += count;
    s->len -= count;
}

static void skip_spaces(struct span *s) {
    while (s->len > 0 && (s->ptr[0] == ' ' || s->ptr[0] == '\t')) skip(s, 1);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static void put_utf8(struct buf *out, uint32_t point) {
    if (point < 0x80) {
        buf_putc(out, (char)point);
    } else if (point < 0x800) {
        buf_putc(out, (char)(0xc0 | point >> 6));
        buf_putc(out, (char)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        buf_putc(out, (char)(0xe0 | point >> 12));
        buf_putc(out, (char)(0x80 | (point >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (point & 0x3f)));
    } else {
        buf_putc(out, (char)(0xf0 | point >> 18));
        buf_putc(out, (char)(0x80 | (point >> 12 & 0x3f)));
        buf_putc(out, (char)(0x80 | (point >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (point & 0x3f)));
    }
}

/* `digits` digits of `base` after the escape's letter, as a byte or a code point */
static bool put_coded(struct span *s, size_t digits, int base, bool is_byte, struct buf *out) {
    uint32_t code = 0;
    if (s->len < digits) return false;
    for (size_t i = 0; i < digits; i++) {
        int digit = hex_digit(s->ptr[i]);
        if (digit < 0 || digit >= base) return false;
        code = code * (uint32_t)base + (uint32_t)digit;
    }
    if (code > (is_byte ? 0xffu : 0x10ffffu)) return false;
    skip(s, digits);
    if (is_byte)
        buf_putc(out, (char)code);
    else
        put_utf8(out, code);
    return true;
}

/* one escape, s behind the backslash */
static bool put_escape(struct span *s, struct buf *out) {
    static const char letters[] = "abfnrtv\\'\"";
    static const char bytes[] = "\a\b\f\n\r\t\v\\'\"";
    char letter = peek(*s, 0);
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (found) {
        skip(s, 1);
        return buf_putc(out, bytes[found - letters]);
    }
    if (letter >= '0' && letter <= '7') return put_coded(s, 3, 8, true, out);
    if (letter != 'x' && letter != 'u' && letter != 'U') return false;
    skip(s, 1);
    return put_coded(s, letter == 'x' ? 2 : letter == 'u' ? 4 : 8, 16, letter == 'x', out);
}

int promql_test_unquote(struct span *rest, struct arena *arena, struct span *text, struct err *err) {
    struct span s = *rest;
    char quote = peek(s, 0);
    if (quote != '"' && quote != '\'' && quote != '`') return err_set(err, ERR_INVALID, "expected a string");
    skip(&s, 1);
    struct buf out;
    buf_init(&out, rest->len * 4);
    bool good = true;
    while (good && s.len > 0 && s.ptr[0] != quote) {
        char c = s.ptr[0];
        skip(&s, 1);
        good = c == '\\' && quote != '`' ? put_escape(&s, &out) : buf_putc(&out, c);
    }
    int rc = 0;
    char *copy = NULL;
    if (!good || s.len == 0)
        rc = err_set(err, ERR_INVALID, "bad string %.*s", SPAN_ARG(*rest));
    else if (!(copy = arena_strndup(arena, out.data ? out.data : "", out.len)))
        rc = arena_limit(arena, "test file", err);
    if (rc == 0) {
        *text = span_of(copy, out.len);
        skip(&s, 1);
        *rest = s;
    }
    buf_release(&out);
    return rc;
}

static bool is_name_byte(char c, bool first) {
    return isalpha((unsigned char)c) || c == '_' || c == ':' || (!first && isdigit((unsigned char)c));
}

static struct span take_name(struct span *s) {
    size_t end = 0;
    while (end < s->len && is_name_byte(s->ptr[end], end == 0)) end++;
    struct span name = span_of(s->ptr, end);
    skip(s, end);
    return name;
}

/* `name="value"` or `"metric name"` inside the braces */
static int read_label(struct span *s, struct arena *arena, struct label_builder *labels, struct err *err) {
    struct span name, value;
    int rc = 0;
    bool is_quoted = peek(*s, 0) == '"' || peek(*s, 0) == '\'';
    if (is_quoted)
        rc = promql_test_unquote(s, arena, &name, err);
    else
        name = take_name(s);
    if (rc) return rc;
    skip_spaces(s);
    if (peek(*s, 0) != '=') {
        if (!is_quoted) return err_set(err, ERR_INVALID, "expected = in labels at \"%.*s\"", SPAN_ARG(*s));
        label_builder_set(labels, SPAN(LABEL_NAME), name);
        return 0;
    }
    skip(s, 1);
    skip_spaces(s);
    rc = promql_test_unquote(s, arena, &value, err);
    if (rc == 0) label_builder_set(labels, name, value);
    return rc;
}

static int read_labels(struct span *s, struct arena *arena, struct labels *labels, struct err *err) {
    struct label_builder builder;
    label_builder_init(&builder, arena, (struct labels){0});
    struct span name = take_name(s);
    if (name.len > 0) label_builder_set(&builder, SPAN(LABEL_NAME), name);
    if (name.len == 0 && peek(*s, 0) != '{') {
        return err_set(err, ERR_INVALID, "expected a metric at \"%.*s\"", SPAN_ARG(*s));
    }
    if (peek(*s, 0) == '{') {
        skip(s, 1);
        for (size_t i = 0; i < MAX_LABELS; i++) {
            skip_spaces(s);
            if (peek(*s, 0) == '}') break;
            int rc = read_label(s, arena, &builder, err);
            if (rc) return rc;
            skip_spaces(s);
            if (peek(*s, 0) == ',') skip(s, 1);
        }
        if (peek(*s, 0) != '}') return err_set(err, ERR_INVALID, "expected } at \"%.*s\"", SPAN_ARG(*s));
        skip(s, 1);
    }
    return label_builder_finish(&builder, labels, err);
}

/* the length of the number at s: sign, then Inf, NaN or decimal; 0 when there is none */
static size_t number_length(struct span s) {
    size_t at = peek(s, 0) == '+' || peek(s, 0) == '-';
    if (s.len - at >= 3 && isalpha((unsigned char)s.ptr[at])) {
        return strncasecmp(s.ptr + at, "inf", 3) == 0 || strncasecmp(s.ptr + at, "nan", 3) == 0 ? at + 3 : 0;
    }
    size_t start = at;
    while (isdigit((unsigned char)peek(s, at)) || peek(s, at) == '.') at++;
    if (at == start) return 0;
    if (peek(s, at) == 'e' || peek(s, at) == 'E') {
        size_t exponent = at + 1;
        if (peek(s, exponent) == '+' || peek(s, exponent) == '-') exponent++;
        if (isdigit((unsigned char)peek(s, exponent))) {
            at = exponent;
            while (isdigit((unsigned char)peek(s, at))) at++;
        }
    }
    return at;
}

bool promql_test_number(struct span text, double *number) {
    return number_length(text) == text.len && text.len > 0 && number_parse(text, number);
}

static bool take_number(struct span *s, double *number) {
    size_t length = number_length(*s);
    if (length == 0 || !number_parse(span_of(s->ptr, length), number)) return false;
    skip(s, length);
    return true;
}

/* one item of the sequence: count values starting at `number`, each `delta` more than the one before */
struct item {
    enum test_value_kind kind;
    double number, delta;
    struct test_histogram histogram, histogram_delta; /* the second may have none */
    double sign;                                      /* of the second */
    size_t count;
};

/* xN at s, or nothing; `extra` is what a repetition counts beyond N */
static int take_repeat(struct span *s, size_t extra, struct item *item, struct err *err) {
    item->count = 1;
    if (peek(*s, 0) != 'x') return 0;
    skip(s, 1);
    uint64_t repeats = 0;
    size_t digits = 0;
    while (isdigit((unsigned char)peek(*s, digits))) digits++;
    if (!number_parse_uint(span_of(s->ptr, digits), &repeats) || repeats > MAX_REPEATS)
        return err_set(err, ERR_INVALID, "bad repetition at \"x%.*s\"", SPAN_ARG(*s));
    skip(s, digits);
    item->count = (size_t)repeats + extra;
    return 0;
}

static int take_histogram(struct span *s, struct arena *arena, struct item *item, struct err *err) {
    int rc = promql_test_histogram(s, arena, &item->histogram, err);
    item->kind = TEST_VALUE_HISTOGRAM;
    if (!rc && (peek(*s, 0) == '+' || peek(*s, 0) == '-')) {
        item->sign = peek(*s, 0) == '+' ? 1 : -1;
        skip(s, 1);
        rc = promql_test_histogram(s, arena, &item->histogram_delta, err);
    }
    return rc ? rc : take_repeat(s, 1, item, err);
}

static int take_item(struct span *s, struct arena *arena, struct item *item, struct err *err) {
    *item = (struct item){.kind = TEST_VALUE_FLOAT};
    if (peek(*s, 0) == '_') {
        item->kind = TEST_VALUE_NONE;
        skip(s, 1);
        return take_repeat(s, 0, item, err);
    }
    if (span_starts_with(*s, SPAN("stale"))) {
        item->number = value_stale();
        skip(s, 5);
        return take_repeat(s, 1, item, err);
    }
    if (span_starts_with(*s, SPAN("{{"))) return take_histogram(s, arena, item, err);
    if (!take_number(s, &item->number))
        return err_set(err, ERR_INVALID, "expected a value at \"%.*s\"", SPAN_ARG(*s));
    if ((peek(*s, 0) == '+' || peek(*s, 0) == '-') && !take_number(s, &item->delta))
        return err_set(err, ERR_INVALID, "expected a number at \"%.*s\"", SPAN_ARG(*s));
    return take_repeat(s, 1, item, err);
}

/* a duration with or without a sign, in ms; a bare 0 needs no unit */
static bool take_offset(struct span *s, double *ms) {
    size_t sign = peek(*s, 0) == '+' || peek(*s, 0) == '-', end = sign;
    bool is_negative = peek(*s, 0) == '-';
    int64_t parsed = 0;
    while (isdigit((unsigned char)peek(*s, end)) || (peek(*s, end) && strchr("smhdwy", peek(*s, end)))) end++;
    struct span text = span_of(s->ptr + sign, end - sign);
    if (!span_is(text, "0") && duration_parse(text, &parsed, NULL)) return false;
    *ms = is_negative ? -(double)parsed : (double)parsed;
    skip(s, end);
    return true;
}

/* of an @st line: how long before (-) or after its sample the counter began */
static int take_start(struct span *s, struct item *item, struct err *err) {
    *item = (struct item){.kind = TEST_VALUE_FLOAT};
    if (peek(*s, 0) == '_') {
        item->kind = TEST_VALUE_NONE;
        skip(s, 1);
        return take_repeat(s, 0, item, err);
    }
    bool good = take_offset(s, &item->number);
    if (good && (peek(*s, 0) == '+' || peek(*s, 0) == '-')) good = take_offset(s, &item->delta);
    if (!good) return err_set(err, ERR_INVALID, "expected a duration at \"%.*s\"", SPAN_ARG(*s));
    return take_repeat(s, 1, item, err);
}

static int append_item(struct arena *arena, struct test_series *series, size_t *capacity,
                       const struct item *item, struct err *err) {
    if (series->count + item->count > *capacity) {
        size_t wanted = (series->count + item->count) * 2;
        struct test_value *grown = arena_array(arena, wanted, sizeof *grown);
        if (!grown) return arena_limit(arena, "test file", err);
        if (series->count > 0) memcpy(grown, series->values, series->count * sizeof *grown);
        series->values = grown;
        *capacity = wanted;
    }
    struct test_value value = {item->number, item->histogram, item->kind};
    for (size_t i = 0; i < item->count; i++) {
        if (item->kind == TEST_VALUE_HISTOGRAM && !value.histogram.value)
            return err_set(err, ERR_INVALID, "histograms that do not mix");
        series->values[series->count++] = value;
        value.number += item->delta;
        if (item->histogram_delta.value)
            value.histogram.value = promql_test_histogram_add(value.histogram.value,
                                                              item->histogram_delta.value, item->sign, arena);
    }
    if (item->kind == TEST_VALUE_HISTOGRAM) series->has_histogram = true;
    return 0;
}

int promql_test_series(struct span line, struct arena *arena, struct test_series *series, struct err *err) {
    struct span s = line;
    struct test_series made = {0};
    size_t capacity = 0;
    int rc = read_labels(&s, arena, &made.labels, err);
    if (rc == 0 && span_starts_with(s, SPAN("@st"))) {
        made.is_start_times = true;
        skip(&s, 3);
    }
    for (skip_spaces(&s); rc == 0 && s.len > 0; skip_spaces(&s)) {
        struct item item;
        rc = made.is_start_times ? take_start(&s, &item, err) : take_item(&s, arena, &item, err);
        if (rc == 0 && s.len > 0 && s.ptr[0] != ' ' && s.ptr[0] != '\t')
            rc = err_set(err, ERR_INVALID, "unexpected \"%.*s\"", SPAN_ARG(s));
        if (rc == 0) rc = append_item(arena, &made, &capacity, &item, err);
    }
    if (rc == 0) *series = made;
    return rc;
}
