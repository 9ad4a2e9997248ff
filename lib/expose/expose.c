#include "lib/expose/expose.h"

#include "lib/codec/number.h"
#include "lib/expose/series_scan.h"

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
    static const bool is_one[256] = {
        ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['_'] = true, [':'] = true};
    return is_one[(unsigned char)c];
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

/* To the next part of a line, over blanks, in OpenMetrics over one space; *is_there: there is one. */
static inline int next_part(const struct expose_reader *reader, struct scan *scan, bool *is_there,
                            struct err *err) {
    *is_there = false;
    if (reader->format == EXPOSE_TEXT) {
        skip_blanks(scan);
    } else if (scan->p < scan->end) {
        struct scan from = *scan;
        if (*scan->p++ != ' ' || scan->p == scan->end || is_blank(*scan->p))
            return fail(reader, err, "expected one space between the parts of a line", from);
    }
    *is_there = scan->p < scan->end;
    return 0;
}

/* seconds with a fraction; what is finer than a millisecond is cut off, as Prometheus does */
static int take_seconds(const struct expose_reader *reader, struct scan *scan, const char *what,
                        int64_t *time_ms, struct err *err) {
    struct scan from = *scan;
    double seconds;
    if (!number_parse(take_word(scan), &seconds) || !isfinite(seconds)) return fail(reader, err, what, from);
    if (!(fabs(seconds) < 9.2e15)) return fail(reader, err, "timestamp out of range", from);
    *time_ms = (int64_t)(seconds * 1000);
    return 0;
}

/* milliseconds in the text format, seconds in OpenMetrics */
static int take_time(struct expose_reader *reader, struct scan *scan, struct expose_entry *entry,
                     struct err *err) {
    struct scan from = *scan;
    entry->has_time = true;
    if (reader->format != EXPOSE_TEXT)
        return take_seconds(reader, scan, "bad timestamp", &entry->time_ms, err);
    return number_parse_int(take_word(scan), &entry->time_ms) ? 0 : fail(reader, err, "bad timestamp", from);
}

/* # {labels} value [timestamp]; in OpenMetrics 2.0 the timestamp is needed */
static int check_exemplar(struct expose_reader *reader, struct scan *scan, struct err *err) {
    struct scan from = *scan;
    double number;
    int64_t time_ms;
    bool more;
    scan->p++;
    int rc = next_part(reader, scan, &more, err);
    if (rc) return rc;
    if (!more || *scan->p != '{') return fail(reader, err, "expected an exemplar's labels", from);
    if (!skip_braces(scan)) return fail(reader, err, "unclosed labels of an exemplar", from);
    rc = next_part(reader, scan, &more, err);
    if (rc) return rc;
    if (!number_parse(take_word(scan), &number)) return fail(reader, err, "bad value of an exemplar", from);
    rc = next_part(reader, scan, &more, err);
    bool has_time = !rc && more && *scan->p != '#';
    if (has_time) rc = take_seconds(reader, scan, "bad timestamp of an exemplar", &time_ms, err);
    if (!rc && has_time) rc = next_part(reader, scan, &more, err);
    if (!rc && !has_time && reader->format == EXPOSE_OPENMETRICS2)
        rc = fail(reader, err, "expected the timestamp of an exemplar", from);
    return rc;
}

static int check_exemplars(struct expose_reader *reader, struct scan *scan, struct expose_entry *entry,
                           struct err *err) {
    const char *first = scan->p;
    do {
        int rc = check_exemplar(reader, scan, err);
        if (rc) return rc;
    } while (reader->format == EXPOSE_OPENMETRICS2 && scan->p < scan->end && *scan->p == '#');
    if (scan->p < scan->end) return fail(reader, err, "unexpected text after an exemplar", *scan);
    entry->exemplar = span_of(first + 2, (size_t)(scan->end - first) - 2); /* behind "# " */
    return 0;
}

/* {count:5,sum:1,...}, without blanks */
static int take_composite(struct expose_reader *reader, struct scan *scan, struct expose_entry *entry,
                          struct err *err) {
    struct span word = take_word(scan);
    if (!span_ends_with(word, SPAN("}")))
        return fail(reader, err, "unclosed composite value", (struct scan){word.ptr, scan->end});
    entry->is_composite = true;
    entry->value = span_of(word.ptr + 1, word.len - 2);
    return 0;
}

/* [timestamp] [st@start] [exemplars] */
static int read_rest(struct expose_reader *reader, struct scan scan, struct expose_entry *entry,
                     struct err *err) {
    static const struct span start = {"st@", 3};
    bool is_second = reader->format == EXPOSE_OPENMETRICS2, more;
    int rc = next_part(reader, &scan, &more, err);
    if (rc || !more) return rc;
    if (*scan.p != '#' &&
        !(is_second && span_starts_with(span_of(scan.p, (size_t)(scan.end - scan.p)), start))) {
        rc = take_time(reader, &scan, entry, err);
        if (!rc) rc = next_part(reader, &scan, &more, err);
        if (rc || !more) return rc;
    }
    if (is_second && span_starts_with(span_of(scan.p, (size_t)(scan.end - scan.p)), start)) {
        scan.p += start.len;
        rc = take_seconds(reader, &scan, "bad start timestamp", &entry->start_ms, err);
        entry->has_start = true;
        if (!rc) rc = next_part(reader, &scan, &more, err);
        if (rc || !more) return rc;
    }
    if (*scan.p == '#' && reader->format != EXPOSE_TEXT) return check_exemplars(reader, &scan, entry, err);
    return fail(reader, err, "unexpected text after the value", scan);
}

/* what stands behind the series */
static int read_value(struct expose_reader *reader, struct scan scan, struct expose_entry *entry,
                      struct err *err) {
    bool more;
    int rc = next_part(reader, &scan, &more, err);
    if (rc) return rc;
    if (!more) return fail(reader, err, "expected a value after the series", scan);
    if (reader->format == EXPOSE_OPENMETRICS2 && *scan.p == '{')
        rc = take_composite(reader, &scan, entry, err);
    else
        entry->value = take_word(&scan);
    return rc || scan.p == scan.end ? rc : read_rest(reader, scan, entry, err);
}

/* OpenMetrics 2.0 binds a type to the lines of its family, and those to it */
static int check_family(struct expose_reader *reader, const struct expose_entry *entry, struct scan from,
                        struct err *err) {
    struct span name = series_scan_metric(entry->series);
    double value;
    if (!span_equal(name, reader->family)) {
        reader->family = name;
        reader->type = EXPOSE_UNKNOWN;
    }
    if (entry->is_composite) return 0;
    if (reader->type == EXPOSE_SUMMARY || reader->type == EXPOSE_HISTOGRAM ||
        reader->type == EXPOSE_GAUGE_HISTOGRAM)
        return fail(reader, err, "composite value required for metrics of this type", from);
    if (!number_parse(entry->value, &value)) return 0; /* expose_value tells */
    if (reader->type == EXPOSE_COUNTER && isnan(value))
        return fail(reader, err, "counter sample value must not be NaN", from);
    if (reader->type == EXPOSE_INFO && value != 1)
        return fail(reader, err, "info sample value must be 1", from);
    if (reader->type == EXPOSE_STATESET && value != 0 && value != 1)
        return fail(reader, err, "stateset sample value must be 0 or 1", from);
    return 0;
}

static int read_series(struct expose_reader *reader, struct scan scan, struct expose_entry *entry,
                       struct err *err) {
    struct scan from = scan;
    *entry = (struct expose_entry){.kind = EXPOSE_SERIES};
    skip_name(&scan);
    const char *series_end = scan.p;
    if (reader->format == EXPOSE_TEXT) skip_blanks(&scan);
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
    int rc = read_value(reader, (struct scan){series_end, scan.end}, entry, err);
    return rc || reader->format != EXPOSE_OPENMETRICS2 ? rc : check_family(reader, entry, from, err);
}

struct span expose_peek(const struct expose_reader *reader, size_t len) {
    const struct span none = {0};
    struct scan scan = {reader->body.ptr + reader->at, reader->body.ptr + reader->body.len};
    if (reader->at >= reader->body.len || (size_t)(scan.end - scan.p) <= len || reader->seen_eof ||
        reader->format == EXPOSE_OPENMETRICS2) /* each line of that is judged by its family */
        return none;
    struct span series = span_of(scan.p, len);
    scan.p += len;
    if (!is_blank(*scan.p)) return none;
    skip_blanks(&scan);
    bool has_labels_after = scan.p < scan.end && *scan.p == '{';
    return has_labels_after ? none : series;
}

/* "untyped" is the text format's word for unknown, the rest but four are OpenMetrics' alone */
static bool type_of(struct span text, enum expose_format format, enum expose_type *type) {
    static const enum expose_type in_text[] = {EXPOSE_COUNTER, EXPOSE_GAUGE, EXPOSE_HISTOGRAM,
                                               EXPOSE_SUMMARY};
    if (format == EXPOSE_TEXT) {
        *type = EXPOSE_UNKNOWN;
        for (size_t i = 0; i < sizeof in_text / sizeof *in_text; i++)
            if (span_is(text, expose_type_name(in_text[i]))) *type = in_text[i];
        return *type != EXPOSE_UNKNOWN || span_is(text, "untyped");
    }
    for (*type = EXPOSE_UNKNOWN; *type <= EXPOSE_STATESET; ++*type)
        if (span_is(text, expose_type_name(*type))) return true;
    return false;
}

/* the family's name, with its quotes taken off */
static bool take_family(struct scan *scan, struct span *name) {
    const char *start = scan->p;
    if (scan->p < scan->end && *scan->p == '"') {
        if (!skip_quoted(scan)) return false;
        *name = span_of(start + 1, (size_t)(scan->p - start) - 2);
        return name->len > 0 && span_is_utf8(*name);
    }
    skip_name(scan);
    *name = span_of(start, (size_t)(scan->p - start));
    return name->len > 0;
}

static bool has_unit_suffix(const struct expose_entry *entry) {
    struct span name = entry->metric, unit = entry->text;
    return name.len > unit.len && span_ends_with(name, unit) && name.ptr[name.len - unit.len - 1] == '_';
}

static int check_type(struct expose_reader *reader, struct expose_entry *entry, struct scan from,
                      struct err *err) {
    if (reader->format == EXPOSE_TEXT) entry->text = span_trim(entry->text);
    if (!type_of(entry->text, reader->format, &reader->type))
        return fail(reader, err, "invalid metric type", from);
    reader->family = entry->metric;
    if (reader->format == EXPOSE_OPENMETRICS2 && reader->type == EXPOSE_INFO &&
        !span_ends_with(entry->metric, SPAN("_info")))
        return fail(reader, err, "name of an info metric must end with _info", from);
    return 0;
}

static int check_unit(struct expose_reader *reader, const struct expose_entry *entry, struct scan from,
                      struct err *err) {
    if (!entry->text.len) return 0;
    if (reader->format == EXPOSE_OPENMETRICS && !has_unit_suffix(entry))
        return fail(reader, err, "unit is not the suffix of the metric", from);
    bool is_unitless = reader->type == EXPOSE_INFO || reader->type == EXPOSE_STATESET;
    if (reader->format == EXPOSE_OPENMETRICS2 && is_unitless && span_equal(reader->family, entry->metric))
        return fail(reader, err, "metrics of this type must have an empty unit", from);
    return 0;
}

/* which line this is; the scan is behind the word. EXPOSE_END: a comment */
static enum expose_kind take_kind(const struct expose_reader *reader, struct scan *scan, struct span *word) {
    bool is_text = reader->format == EXPOSE_TEXT, is_apart = scan->p < scan->end && is_blank(*scan->p);
    if (is_text)
        skip_blanks(scan);
    else
        scan->p += is_apart;
    *word = take_word(scan);
    /* as Prometheus: #TYPE, and a TYPE that ends the line, are comments like any other */
    if (!is_apart || (is_text && scan->p == scan->end)) return EXPOSE_END;
    return span_is(*word, "HELP")               ? EXPOSE_HELP
           : span_is(*word, "TYPE")             ? EXPOSE_TYPE
           : !is_text && span_is(*word, "UNIT") ? EXPOSE_UNIT
                                                : EXPOSE_END;
}

/* # HELP, # TYPE, # UNIT; *is_meta tells a plain comment */
static int read_meta(struct expose_reader *reader, struct scan scan, struct expose_entry *entry,
                     bool *is_meta, struct err *err) {
    struct scan from = scan;
    struct span word;
    bool is_text = reader->format == EXPOSE_TEXT, has_text;
    scan.p++;
    *entry = (struct expose_entry){.kind = take_kind(reader, &scan, &word)};
    *is_meta = entry->kind != EXPOSE_END;
    if (!*is_meta) {
        reader->seen_eof = !is_text && from.end - from.p == 5 && span_is(word, "EOF");
        if (is_text || reader->seen_eof) return 0;
        return fail(reader, err, "a comment that is no HELP, TYPE, UNIT or EOF", from);
    }
    if (is_text)
        skip_blanks(&scan);
    else if (scan.p < scan.end)
        scan.p++;
    if (!take_family(&scan, &entry->metric)) return fail(reader, err, "expected a metric name", from);
    if (scan.p < scan.end && !is_blank(*scan.p))
        return fail(reader, err, "unexpected character after the metric name", from);
    has_text = scan.p < scan.end;
    if (is_text)
        skip_blanks(&scan);
    else if (!has_text)
        return fail(reader, err, "expected text after the metric name", from);
    else
        scan.p++;
    entry->text = span_of(scan.p, (size_t)(scan.end - scan.p));
    if (entry->kind == EXPOSE_TYPE) return check_type(reader, entry, scan, err);
    if (entry->kind == EXPOSE_UNIT) return check_unit(reader, entry, scan, err);
    return span_is_utf8(entry->text) ? 0 : fail(reader, err, "help text is not UTF-8", from);
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

bool expose_take_plain(struct expose_reader *reader, size_t len, double *value) {
    const char *line = reader->body.ptr + reader->at, *end = reader->body.ptr + reader->body.len;
    const char *text = line + len + 1;
    if (text[-1] != ' ' || text == end) return false;
    double magnitude;
    bool is_negative = *text == '-';
    text += is_negative;
    size_t used = number_scan(span_of(text, (size_t)(end - text)), &magnitude);
    if (!used || text + used == end || text[used] != '\n') return false;
    *value = is_negative ? -magnitude : magnitude;
    reader->at += (size_t)(text + used - line) + 1;
    reader->line++;
    return true;
}

int expose_next(struct expose_reader *reader, struct expose_entry *entry, struct err *err) {
    struct scan line;
    while (take_line(reader, 0, &line)) {
        int rc = check_length(reader, line, err);
        if (rc) return rc;
        if (reader->seen_eof) return fail(reader, err, "unexpected data after # EOF", line);
        if (reader->format == EXPOSE_TEXT) skip_blanks(&line);
        if (line.p == line.end) {
            if (reader->format != EXPOSE_TEXT) return fail(reader, err, "blank line", line);
            continue;
        }
        if (*line.p != '#') return read_series(reader, line, entry, err);
        bool is_meta = false;
        rc = read_meta(reader, line, entry, &is_meta, err);
        if (rc || is_meta) return rc;
    }
    if (reader->format != EXPOSE_TEXT && !reader->seen_eof)
        return err_set(err, ERR_INVALID, "data does not end with # EOF");
    *entry = (struct expose_entry){.kind = EXPOSE_END};
    return 0;
}

int expose_value(const struct expose_reader *reader, struct span text, double *value, struct err *err) {
    if (number_parse(text, value)) return 0;
    return fail(reader, err, "bad value", (struct scan){text.ptr, text.ptr + text.len});
}

int expose_exemplar(struct span *rest, int64_t time_ms, struct arena *arena, struct exemplar *exemplar,
                    struct err *err) {
    struct scan scan = {rest->ptr, rest->ptr + rest->len};
    double seconds;
    bool fits = skip_braces(&scan);
    struct span braces = span_of(rest->ptr, (size_t)(scan.p - rest->ptr));
    skip_blanks(&scan);
    if (!fits || !number_parse(take_word(&scan), &exemplar->value))
        return err_set(err, ERR_INVALID, "bad exemplar");
    skip_blanks(&scan);
    exemplar->time_ms = time_ms;
    if (scan.p < scan.end && *scan.p != '#' && number_parse(take_word(&scan), &seconds) &&
        fabs(seconds) < 9.2e15)
        exemplar->time_ms = (int64_t)(seconds * 1000);
    skip_blanks(&scan);
    if (scan.p < scan.end) scan.p++; /* the # of the next */
    skip_blanks(&scan);
    *rest = span_of(scan.p, (size_t)(scan.end - scan.p));
    return expose_label_set(braces, arena, &exemplar->labels, err);
}
