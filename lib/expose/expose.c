#include "lib/expose/expose.h"

#include "lib/codec/number.h"

#include <math.h>

void expose_reader_init(struct expose_reader *reader, enum expose_format format, struct span body) {
    *reader = (struct expose_reader){.body = body, .format = format};
}

/* a position in one line */
struct scan {
    const char *p, *end;
};

static int fail(const struct expose_reader *reader, struct err *err, const char *what, struct scan scan) {
    size_t shown = (size_t)(scan.end - scan.p) < 40 ? (size_t)(scan.end - scan.p) : 40;
    return err_set(err, ERR_INVALID, "line %u: %s: \"%.*s\"", reader->line, what, (int)shown, scan.p);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct scan *scan) {
    while (scan->p < scan->end && is_blank(*scan->p)) scan->p++;
}

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

static bool is_name_byte(char c) {
    return is_name_start(c) || (c >= '0' && c <= '9');
}

/* behind a quoted text whose opening quote is at p, or false when it does not end */
static bool skip_quoted(struct scan *scan) {
    for (scan->p++; scan->p < scan->end; scan->p++) {
        if (*scan->p == '\\')
            scan->p++;
        else if (*scan->p == '"') {
            scan->p++;
            return true;
        }
    }
    return false;
}

static void skip_name(struct scan *scan) {
    if (scan->p < scan->end && is_name_start(*scan->p))
        while (scan->p < scan->end && is_name_byte(*scan->p)) scan->p++;
}

/* to behind the closing brace; quotes hide braces */
static bool skip_braces(struct scan *scan) {
    while (scan->p < scan->end) {
        if (*scan->p == '"') {
            if (!skip_quoted(scan)) return false;
        } else if (*scan->p++ == '}') {
            return true;
        }
    }
    return false;
}

static struct span take_word(struct scan *scan) {
    const char *start = scan->p;
    while (scan->p < scan->end && !is_blank(*scan->p)) scan->p++;
    return span_of(start, (size_t)(scan->p - start));
}

/* milliseconds in the text format, seconds with a fraction in OpenMetrics */
static int take_time(struct expose_reader *reader, struct scan *scan, struct expose_entry *entry,
                     struct err *err) {
    struct scan from = *scan;
    struct span word = take_word(scan);
    double seconds;
    if (reader->format == EXPOSE_TEXT) {
        if (!number_parse_int(word, &entry->time_ms)) return fail(reader, err, "bad timestamp", from);
    } else {
        if (!number_parse(word, &seconds) || isnan(seconds) || isinf(seconds))
            return fail(reader, err, "bad timestamp", from);
        if (!(fabs(seconds) < 9.2e15)) return fail(reader, err, "timestamp out of range", from);
        entry->time_ms = (int64_t)llround(seconds * 1000);
    }
    entry->has_time = true;
    return 0;
}

/* # {labels} value [timestamp] */
static int check_exemplar(struct expose_reader *reader, struct scan *scan, struct expose_entry *entry,
                          struct err *err) {
    struct scan from = *scan;
    double number;
    scan->p++;
    skip_blanks(scan);
    entry->exemplar = span_of(scan->p, (size_t)(scan->end - scan->p));
    if (scan->p == scan->end || *scan->p != '{')
        return fail(reader, err, "expected an exemplar's labels", from);
    if (!skip_braces(scan)) return fail(reader, err, "unclosed labels of an exemplar", from);
    skip_blanks(scan);
    if (!number_parse(take_word(scan), &number)) return fail(reader, err, "bad value of an exemplar", from);
    skip_blanks(scan);
    if (scan->p < scan->end && (!number_parse(take_word(scan), &number) || !isfinite(number)))
        return fail(reader, err, "bad timestamp of an exemplar", from);
    skip_blanks(scan);
    return scan->p == scan->end ? 0 : fail(reader, err, "unexpected text after an exemplar", *scan);
}

/* what stands behind the series */
static int read_value(struct expose_reader *reader, struct scan scan, struct expose_entry *entry,
                      struct err *err) {
    skip_blanks(&scan);
    if (scan.p == scan.end) return fail(reader, err, "expected a value after the series", scan);
    entry->value = take_word(&scan);
    skip_blanks(&scan);
    if (scan.p < scan.end && *scan.p != '#') {
        int rc = take_time(reader, &scan, entry, err);
        if (rc) return rc;
        skip_blanks(&scan);
    }
    if (scan.p == scan.end) return 0;
    if (*scan.p == '#' && reader->format == EXPOSE_OPENMETRICS)
        return check_exemplar(reader, &scan, entry, err);
    return fail(reader, err, "unexpected text after the value", scan);
}

static int read_series(struct expose_reader *reader, struct scan scan, struct expose_entry *entry,
                       struct err *err) {
    struct scan from = scan;
    *entry = (struct expose_entry){.kind = EXPOSE_SERIES};
    skip_name(&scan);
    const char *series_end = scan.p;
    skip_blanks(&scan);
    if (scan.p < scan.end && *scan.p == '{') {
        if (!skip_braces(&scan)) return fail(reader, err, "unclosed labels", from);
        series_end = scan.p;
    } else if (scan.p == from.p) {
        return fail(reader, err, "expected a metric name", from);
    }
    entry->series = span_of(from.p, (size_t)(series_end - from.p));
    if (series_end == scan.end) return fail(reader, err, "expected a value after the series", from);
    if (!span_ends_with(entry->series, SPAN("}")) && !is_blank(*series_end))
        return fail(reader, err, "unexpected character after the metric name", from);
    return read_value(reader, (struct scan){series_end, scan.end}, entry, err);
}

struct span expose_peek(const struct expose_reader *reader, size_t len) {
    const struct span none = {0};
    struct scan scan = {reader->body.ptr + reader->at, reader->body.ptr + reader->body.len};
    if (reader->at >= reader->body.len || (size_t)(scan.end - scan.p) <= len || reader->seen_eof) return none;
    struct span series = span_of(scan.p, len);
    scan.p += len;
    if (!is_blank(*scan.p)) return none;
    skip_blanks(&scan);
    bool has_labels_after = scan.p < scan.end && *scan.p == '{';
    return has_labels_after ? none : series;
}

static bool is_type(struct span text, enum expose_format format) {
    static const char *const types[] = {"counter", "gauge", "histogram", "summary",       "untyped",
                                        "unknown", "info",  "stateset",  "gaugehistogram"};
    size_t count = sizeof types / sizeof *types;
    for (size_t i = 0; i < count; i++)
        if (span_is(text, types[i])) return format == EXPOSE_OPENMETRICS ? i != 4 : i < 5;
    return false;
}

/* the family's name, with its quotes taken off */
static bool take_family(struct scan *scan, struct span *name) {
    const char *start = scan->p;
    if (scan->p < scan->end && *scan->p == '"') {
        if (!skip_quoted(scan)) return false;
        *name = span_of(start + 1, (size_t)(scan->p - start) - 2);
        return true;
    }
    skip_name(scan);
    *name = span_of(start, (size_t)(scan->p - start));
    return name->len > 0;
}

/* # HELP, # TYPE, # UNIT; *is_meta tells a plain comment */
static int read_meta(struct expose_reader *reader, struct scan scan, struct expose_entry *entry,
                     bool *is_meta, struct err *err) {
    struct scan from = scan;
    scan.p++;
    bool openmetrics = reader->format == EXPOSE_OPENMETRICS,
         is_apart = scan.p < scan.end && is_blank(*scan.p);
    skip_blanks(&scan);
    struct span word = take_word(&scan);
    enum expose_kind kind = span_is(word, "HELP")                  ? EXPOSE_HELP
                            : span_is(word, "TYPE")                ? EXPOSE_TYPE
                            : openmetrics && span_is(word, "UNIT") ? EXPOSE_UNIT
                                                                   : EXPOSE_END;
    /* as Prometheus: #TYPE, and a TYPE that ends the line, are comments like any other */
    if (!openmetrics && (!is_apart || scan.p == scan.end)) kind = EXPOSE_END;
    *is_meta = kind != EXPOSE_END;
    if (!*is_meta) {
        if (openmetrics && span_is(word, "EOF") && scan.p == scan.end) {
            reader->seen_eof = true;
            return 0;
        }
        return openmetrics ? fail(reader, err, "a comment that is no HELP, TYPE, UNIT or EOF", from) : 0;
    }
    *entry = (struct expose_entry){.kind = kind};
    skip_blanks(&scan);
    if (!take_family(&scan, &entry->metric)) return fail(reader, err, "expected a metric name", from);
    if (scan.p < scan.end && !is_blank(*scan.p))
        return fail(reader, err, "unexpected character after the metric name", from);
    skip_blanks(&scan);
    entry->text = span_of(scan.p, (size_t)(scan.end - scan.p));
    if (kind == EXPOSE_TYPE && !is_type(span_trim(entry->text), reader->format))
        return fail(reader, err, "invalid metric type", scan);
    if (kind == EXPOSE_TYPE) entry->text = span_trim(entry->text);
    if (kind == EXPOSE_UNIT && entry->text.len &&
        !(span_ends_with(entry->metric, entry->text) && entry->metric.len > entry->text.len &&
          entry->metric.ptr[entry->metric.len - entry->text.len - 1] == '_'))
        return fail(reader, err, "unit is not the suffix of the metric", scan);
    return 0;
}

/* the next line without its end, of which so many bytes are known; false at the end of the body */
static bool take_line(struct expose_reader *reader, size_t known, struct scan *line) {
    if (reader->at >= reader->body.len) return false;
    size_t end = span_find_byte(reader->body, '\n', reader->at + known);
    *line = (struct scan){reader->body.ptr + reader->at, reader->body.ptr + end};
    reader->at = end + 1;
    reader->line++;
    if (reader->format == EXPOSE_TEXT && line->p < line->end && line->end[-1] == '\r') line->end--;
    return true;
}

static int check_length(const struct expose_reader *reader, struct scan line, struct err *err) {
    if ((size_t)(line.end - line.p) <= EXPOSE_MAX_LINE) return 0;
    return err_set(err, ERR_LIMIT, "line %u is longer than %zu bytes", reader->line, EXPOSE_MAX_LINE);
}

int expose_next_known(struct expose_reader *reader, struct span series, struct expose_entry *entry,
                      struct err *err) {
    struct scan line;
    *entry = (struct expose_entry){.kind = EXPOSE_SERIES, .series = series};
    (void)take_line(reader, series.len, &line);
    int rc = check_length(reader, line, err);
    line.p += series.len;
    return rc ? rc : read_value(reader, line, entry, err);
}

int expose_next(struct expose_reader *reader, struct expose_entry *entry, struct err *err) {
    struct scan line;
    while (take_line(reader, 0, &line)) {
        int rc = check_length(reader, line, err);
        if (rc) return rc;
        if (reader->seen_eof) return fail(reader, err, "unexpected data after # EOF", line);
        if (reader->format == EXPOSE_TEXT) skip_blanks(&line);
        if (line.p == line.end) {
            if (reader->format == EXPOSE_OPENMETRICS) return fail(reader, err, "blank line", line);
            continue;
        }
        if (*line.p != '#') return read_series(reader, line, entry, err);
        bool is_meta = false;
        rc = read_meta(reader, line, entry, &is_meta, err);
        if (rc || is_meta) return rc;
    }
    if (reader->format == EXPOSE_OPENMETRICS && !reader->seen_eof)
        return err_set(err, ERR_INVALID, "data does not end with # EOF");
    *entry = (struct expose_entry){.kind = EXPOSE_END};
    return 0;
}

int expose_value(const struct expose_reader *reader, struct span text, double *value, struct err *err) {
    if (number_parse(text, value)) return 0;
    return fail(reader, err, "bad value", (struct scan){text.ptr, text.ptr + text.len});
}

int expose_exemplar(struct span text, int64_t time_ms, struct arena *arena, struct exemplar *exemplar,
                    struct err *err) {
    struct scan scan = {text.ptr, text.ptr + text.len};
    double seconds;
    bool fits = skip_braces(&scan);
    struct span braces = span_of(text.ptr, (size_t)(scan.p - text.ptr));
    skip_blanks(&scan);
    if (!fits || !number_parse(take_word(&scan), &exemplar->value))
        return err_set(err, ERR_INVALID, "bad exemplar");
    skip_blanks(&scan);
    exemplar->time_ms = time_ms;
    if (scan.p < scan.end && number_parse(take_word(&scan), &seconds) && fabs(seconds) < 9.2e15)
        exemplar->time_ms = (int64_t)llround(seconds * 1000);
    return expose_label_set(braces, arena, &exemplar->labels, err);
}
