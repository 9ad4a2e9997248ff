/* A series text to labels: name{a="b"} or {"name", a="b"}. */
#include "lib/expose/expose.h"

#include "lib/codec/number.h"

#define LABELS_AT_MOST 4096

struct parse {
    struct span text;
    size_t at;
    enum expose_type type;
    struct label_builder builder;
    struct arena *arena;
    struct err *err;
};

static int fail(struct parse *parse, const char *what) {
    size_t shown = parse->text.len < 100 ? parse->text.len : 100;
    return err_set(parse->err, ERR_INVALID, "%s in \"%.*s\"", what, (int)shown, parse->text.ptr);
}

static char peek(const struct parse *parse) {
    return parse->at < parse->text.len ? parse->text.ptr[parse->at] : '\0';
}

static void skip_blanks(struct parse *parse) {
    while (peek(parse) == ' ' || peek(parse) == '\t') parse->at++;
}

static int unescape(struct arena *arena, struct span raw, bool has_quotes, struct span *text,
                    struct err *err) {
    if (span_find_byte(raw, '\\', 0) == raw.len) {
        *text = raw;
        return 0;
    }
    char *out = arena_alloc(arena, raw.len);
    size_t len = 0;
    if (!out) return arena_limit(arena, "text of a scrape", err);
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '\\' && i + 1 < raw.len) {
            char next = raw.ptr[++i];
            if (next == 'n')
                c = '\n';
            else if (next == '\\' || (has_quotes && next == '"'))
                c = next;
            else
                out[len++] = '\\', c = next; /* an unknown escape stands for itself */
        }
        out[len++] = c;
    }
    *text = span_of(out, len);
    return 0;
}

static int take_quoted(struct parse *parse, struct span *text) {
    size_t start = ++parse->at;
    for (; parse->at < parse->text.len; parse->at++) {
        if (parse->text.ptr[parse->at] == '\\')
            parse->at++;
        else if (parse->text.ptr[parse->at] == '"')
            break;
    }
    if (parse->at >= parse->text.len) return fail(parse, "unclosed quote");
    struct span raw = span_of(parse->text.ptr + start, parse->at++ - start);
    if (!span_is_utf8(raw)) return fail(parse, "invalid UTF-8");
    return unescape(parse->arena, raw, true, text, parse->err);
}

static struct span take_name(struct parse *parse, bool colons) {
    size_t start = parse->at;
    for (char c; (c = peek(parse), (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                                       (colons && c == ':') || (c >= '0' && c <= '9' && parse->at > start));)
        parse->at++;
    return span_of(parse->text.ptr + start, parse->at - start);
}

/* "1" and "1e0" are the same bound as "1.0": bounds and quantiles are kept in one form */
static int canonical(struct parse *parse, struct span *value) {
    double number;
    char text[NUMBER_MAX_TEXT + 2];
    if (!number_parse(*value, &number)) return 0;
    size_t len = expose_bound_write(number, text);
    if (span_equal(*value, span_of(text, len))) return 0;
    const char *copy = arena_strndup(parse->arena, text, len);
    if (!copy) return arena_limit(parse->arena, "labels of a scrape", parse->err);
    *value = span_of(copy, len);
    return 0;
}

/* as Prometheus: only of a family that was said to be of the type that has them */
static bool is_bound(const struct parse *parse, struct span name) {
    return (parse->type == EXPOSE_HISTOGRAM && span_is(name, "le")) ||
           (parse->type == EXPOSE_SUMMARY && span_is(name, "quantile"));
}

static int add(struct parse *parse, struct span name, struct span value) {
    if (parse->builder.count == LABELS_AT_MOST) /* what is above is kept sorted by moving it */
        return fail(parse, "more labels than any limit allows");
    if (label_builder_get(&parse->builder, name).len) return fail(parse, "label name is not unique");
    label_builder_set(&parse->builder, name, value);
    return 0;
}

/* one of: a="b"  "a.b"="c"  "metric.name" */
static int take_label(struct parse *parse) {
    struct span name, value;
    bool quoted = peek(parse) == '"';
    int rc = 0;
    if (quoted)
        rc = take_quoted(parse, &name);
    else
        name = take_name(parse, false);
    if (rc) return rc;
    if (!name.len) return fail(parse, "expected a label name");
    skip_blanks(parse);
    if (quoted && (peek(parse) == ',' || peek(parse) == '}')) return add(parse, SPAN(LABEL_NAME), name);
    if (peek(parse) != '=') return fail(parse, "expected = after a label name");
    parse->at++;
    skip_blanks(parse);
    if (peek(parse) != '"') return fail(parse, "expected a quoted label value");
    rc = take_quoted(parse, &value);
    if (!rc && is_bound(parse, name)) rc = canonical(parse, &value);
    return rc ? rc : add(parse, name, value);
}

static int take_labels(struct parse *parse) {
    parse->at++;
    for (;;) {
        skip_blanks(parse);
        if (peek(parse) == '}') break;
        int rc = take_label(parse);
        if (rc) return rc;
        skip_blanks(parse);
        if (peek(parse) == ',')
            parse->at++;
        else if (peek(parse) != '}')
            return fail(parse, "expected , or } after a label");
    }
    parse->at++;
    return 0;
}

static int read_labels(struct span text, enum expose_type type, bool needs_name, struct arena *arena,
                       struct labels *labels, struct err *err) {
    struct parse parse = {.text = text, .type = type, .arena = arena, .err = err};
    label_builder_init(&parse.builder, arena, (struct labels){0});
    struct span name = take_name(&parse, true);
    int rc = name.len ? add(&parse, SPAN(LABEL_NAME), name) : 0;
    skip_blanks(&parse);
    if (!rc && peek(&parse) == '{') rc = take_labels(&parse);
    if (rc) return rc;
    if (parse.at != text.len) return fail(&parse, "unexpected character");
    if (needs_name && !label_builder_get(&parse.builder, SPAN(LABEL_NAME)).len)
        return fail(&parse, "no metric name");
    return label_builder_finish(&parse.builder, labels, err);
}

int expose_labels(struct span series, enum expose_type type, struct arena *arena, struct labels *labels,
                  struct err *err) {
    return read_labels(series, type, true, arena, labels, err);
}

int expose_label_set(struct span braces, struct arena *arena, struct labels *labels, struct err *err) {
    return read_labels(braces, EXPOSE_UNKNOWN, false, arena, labels, err);
}

int expose_help(struct span text, enum expose_format format, struct arena *arena, struct span *help,
                struct err *err) {
    return unescape(arena, text, format != EXPOSE_TEXT, help, err);
}
