/*
 * intake_influx.c - lines of InfluxDB's line protocol to rows: each field that is a number is a series.
 *
 *     cpu,host=a\ b,zone=eu idle=98.5,steal=2i,note="text, = \" 1" 1700000000000000000
 *
 *     cpu_idle{host="a b", zone="eu"} 98.5     cpu_steal{...} 2        texts are left out, truths are 1 and 0
 *
 * The grammar is that of the line protocol's reference of InfluxDB 2. A name is that of the measurement, "_",
 * and that of the field, as VictoriaMetrics makes it.
 */
#include "lib/codec/number.h"
#include "storage/remote/intake_inside.h"
#include "storage/remote/intake_labels.h"

#include <string.h>

#define FIELDS_MAX_BYTES ((size_t)8 << 20) /* of a line */

/* where the reading is, and the line at hand */
struct lines {
    struct intake_request *request;
    const struct intake_form *form;
    const char *p, *end;
    uint32_t line;
    struct span measurement;
    struct label tags[INTAKE_LABELS_MAX];
    uint32_t tag_count;
    struct buf fields; /* struct field, of the line: their time stands at its end */
};

struct field {
    struct span name;
    double value;
};

static int bad(const struct lines *lines, const char *what, struct err *err) {
    return err_set(err, ERR_INVALID, "line %u: %s", lines->line, what);
}

static bool is_at_end(const struct lines *lines) {
    return lines->p == lines->end || *lines->p == '\n' || *lines->p == '\r';
}

static void skip_blanks(struct lines *lines) {
    while (lines->p < lines->end && *lines->p == ' ') lines->p++;
}

static void skip_line(struct lines *lines) {
    const char *newline = memchr(lines->p, '\n', (size_t)(lines->end - lines->p));
    lines->p = newline ? newline + 1 : lines->end;
    lines->line++;
}

/* a name or value of a tag up to one of `stops`, each of which may be part of it behind a backslash */
static int read_word(struct lines *lines, const char *stops, struct span *word, struct err *err) {
    const char *begin = lines->p;
    bool has_escapes = false;
    while (!is_at_end(lines) && !strchr(stops, *lines->p)) {
        bool is_escape = *lines->p == '\\' && lines->p + 1 < lines->end && strchr(", =", lines->p[1]);
        has_escapes = has_escapes || is_escape;
        lines->p += is_escape ? 2 : 1;
    }
    *word = span_of(begin, (size_t)(lines->p - begin));
    if (!has_escapes) return 0;
    char *copy = arena_alloc(&lines->request->arena, word->len);
    size_t len = 0;
    if (!copy) return arena_limit(&lines->request->arena, "labels", err);
    for (size_t i = 0; i < word->len; i++) {
        bool is_escape = word->ptr[i] == '\\' && i + 1 < word->len && strchr(", =", word->ptr[i + 1]);
        if (is_escape) i++;
        copy[len++] = word->ptr[i];
    }
    *word = span_of(copy, len);
    return 0;
}

static int read_tags(struct lines *lines, struct err *err) {
    int rc = read_word(lines, ", ", &lines->measurement, err);
    lines->tag_count = 0;
    if (!rc && !lines->measurement.len) return bad(lines, "no name of a measurement", err);
    while (!rc && !is_at_end(lines) && *lines->p == ',') {
        struct label *tag = &lines->tags[lines->tag_count];
        lines->p++;
        if (lines->tag_count + 2 == INTAKE_LABELS_MAX) return bad(lines, "too many tags", err);
        rc = read_word(lines, "=, ", &tag->name, err);
        if (!rc && (is_at_end(lines) || *lines->p != '=' || !tag->name.len))
            return bad(lines, "a tag without a value", err);
        lines->p++;
        if (!rc) rc = read_word(lines, ", ", &tag->value, err);
        lines->tag_count++;
    }
    return rc;
}

/* ---- fields ---- */

/* behind the quote; false: it does not end */
static bool skip_text(struct lines *lines) {
    for (lines->p++; lines->p < lines->end; lines->p++) {
        if (*lines->p == '\n') lines->line++;
        if (*lines->p == '"') {
            lines->p++;
            return true;
        }
        if (*lines->p == '\\' && lines->p + 1 < lines->end) lines->p++;
    }
    return false;
}

static bool is_one_of(struct span text, const char *const *words) {
    for (; *words; words++)
        if (span_is(text, *words)) return true;
    return false;
}

static bool read_number(struct span text, double *value) {
    static const char *const truths[] = {"t", "T", "true", "True", "TRUE", NULL}, *const lies[] = {
                                                                                      "f",     "F",
                                                                                      "false", "False",
                                                                                      "FALSE", NULL};
    bool is_truth = is_one_of(text, truths);
    *value = is_truth;
    if (is_truth || is_one_of(text, lies)) return true;
    bool is_whole = text.len && strchr("iu", text.ptr[text.len - 1]);
    if (is_whole) text.len--;
    return text.len && strchr("+-.0123456789", text.ptr[0]) && number_parse(text, value);
}

static int read_field(struct lines *lines, struct err *err) {
    struct field field;
    int rc = read_word(lines, "=, ", &field.name, err);
    if (rc) return rc;
    if (is_at_end(lines) || *lines->p != '=' || !field.name.len)
        return bad(lines, "a field without a value", err);
    lines->p++;
    if (lines->p < lines->end && *lines->p == '"')
        return skip_text(lines) ? 0 : bad(lines, "a text that does not end", err);
    const char *begin = lines->p;
    while (!is_at_end(lines) && *lines->p != ',' && *lines->p != ' ') lines->p++;
    if (!read_number(span_of(begin, (size_t)(lines->p - begin)), &field.value))
        return bad(lines, "a field whose value is neither number, truth nor text", err);
    return buf_append(&lines->fields, &field, sizeof field) ? 0 : bad(lines, "too many fields", err);
}

/* ---- the time ---- */

static bool to_ms(int64_t time, int64_t unit_ns, int64_t *time_ms) {
    if (unit_ns >= 1000000) return !__builtin_mul_overflow(time, unit_ns / 1000000, time_ms);
    int64_t units = 1000000 / unit_ns;
    *time_ms = time / units - (time % units < 0);
    return true;
}

static int read_time(struct lines *lines, int64_t *time_ms, struct err *err) {
    const char *begin = lines->p;
    int64_t time;
    while (!is_at_end(lines) && *lines->p != ' ') lines->p++;
    struct span text = span_of(begin, (size_t)(lines->p - begin));
    *time_ms = lines->form->now_ms;
    if (!text.len || (number_parse_int(text, &time) && to_ms(time, lines->form->unit_ns, time_ms))) return 0;
    return bad(lines, "a time that is none", err);
}

/* ---- rows ---- */

/* the labels of a field's series, which becomes the series at hand */
static int begin_series(struct lines *lines, struct span field, bool *is_refused, struct err *err) {
    struct intake_request *request = lines->request;
    struct intake_miss miss = {.series = (uint32_t)intake_series_count(request)};
    struct intake_series entry = {field.ptr, (uint32_t)field.len, (uint32_t)request->batch->count};
    struct label *items = arena_array(&request->arena, lines->tag_count + 2, sizeof *items);
    size_t name_len = lines->measurement.len + 1 + field.len, bytes = name_len;
    char *name = arena_alloc(&request->arena, name_len);
    uint32_t count = lines->tag_count;
    if (!items || !name) return arena_limit(&request->arena, "labels", err);
    memcpy(name, lines->measurement.ptr, lines->measurement.len);
    name[lines->measurement.len] = '_';
    memcpy(name + lines->measurement.len + 1, field.ptr, field.len);
    memcpy(items, lines->tags, count * sizeof *items);
    items[count++] = (struct label){SPAN(LABEL_NAME), span_of(name, name_len)};
    if (lines->form->database.len) items[count++] = (struct label){SPAN("db"), lines->form->database};
    for (uint32_t i = 0; i < count; i++) bytes += items[i].name.len + items[i].value.len;
    *is_refused = intake_labels_check(items, &count, bytes, err) != 0;
    if (*is_refused) return intake_note(request, err);
    miss.labels = (struct labels){items, count};
    bool has_room = buf_append(&request->misses, &miss, sizeof miss) &&
                    buf_append(&request->series, &entry, sizeof entry);
    return has_room ? 0 : err_set(err, ERR_LIMIT, "no memory for the series of a request");
}

static int add_fields(struct lines *lines, int64_t time_ms, struct err *err) {
    const struct field *fields = (const struct field *)lines->fields.data;
    size_t count = lines->fields.len / sizeof *fields;
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        bool is_refused = false;
        rc = begin_series(lines, fields[i].name, &is_refused, err);
        lines->request->refused_rows += is_refused;
        if (!rc && !is_refused)
            rc = intake_add_sample(lines->request, (struct series_ref){0}, fields[i].value, time_ms, err);
    }
    return rc;
}

static int read_line(struct lines *lines, struct err *err) {
    int64_t time_ms;
    buf_reset(&lines->fields);
    int rc = read_tags(lines, err);
    if (rc) return rc;
    if (is_at_end(lines)) return bad(lines, "no fields", err);
    skip_blanks(lines);
    do {
        if (lines->p < lines->end && *lines->p == ',') lines->p++;
        rc = read_field(lines, err);
    } while (!rc && !is_at_end(lines) && *lines->p == ',');
    if (rc) return rc;
    skip_blanks(lines);
    rc = read_time(lines, &time_ms, err);
    if (rc) return rc;
    skip_blanks(lines);
    return is_at_end(lines) ? add_fields(lines, time_ms, err)
                            : bad(lines, "more than a time behind the fields", err);
}

int intake_decode_influx(struct intake_request *request, struct span text, const struct intake_form *form,
                         struct err *err) {
    struct lines lines = {
        .request = request, .form = form, .p = text.ptr, .end = text.ptr + text.len, .line = 1};
    int rc = 0;
    request->batch->keep_late = true;
    buf_init_budget(&lines.fields, FIELDS_MAX_BYTES, &request->budget);
    while (!rc && lines.p < lines.end) {
        skip_blanks(&lines);
        if (!is_at_end(&lines) && *lines.p != '#') rc = read_line(&lines, err);
        if (!rc) skip_line(&lines);
    }
    buf_release(&lines.fields);
    return rc;
}
