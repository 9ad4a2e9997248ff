#include "lib/codec/json.h"

#include "lib/base/assert.h"
#include "lib/codec/number.h"

#include <math.h>

void json_init(struct json_writer *writer, struct buf *out) {
    *writer = (struct json_writer){.out = out};
}

/* the comma before an item, and the note that there is one */
static void before_item(struct json_writer *writer) {
    uint64_t bit = (uint64_t)1 << writer->depth;
    if (!writer->after_key && (writer->has_items & bit)) buf_putc(writer->out, ',');
    writer->after_key = false;
    writer->has_items |= bit;
}

static void open(struct json_writer *writer, char bracket) {
    before_item(writer);
    buf_putc(writer->out, bracket);
    ASSERT(writer->depth + 1 < JSON_MAX_DEPTH);
    writer->depth++;
    writer->has_items &= ~((uint64_t)1 << writer->depth);
}

static void close(struct json_writer *writer, char bracket) {
    ASSERT(writer->depth > 0 && !writer->after_key);
    writer->depth--;
    buf_putc(writer->out, bracket);
}

void json_object(struct json_writer *writer) {
    open(writer, '{');
}

void json_end_object(struct json_writer *writer) {
    close(writer, '}');
}

void json_array(struct json_writer *writer) {
    open(writer, '[');
}

void json_end_array(struct json_writer *writer) {
    close(writer, ']');
}

/* How many bytes from p are one valid UTF-8 sequence; 0 for a bad byte. */
static size_t sequence_length(const char *p, size_t left) {
    for (size_t len = 1; len <= 4 && len <= left; len++)
        if (span_is_utf8(span_of(p, len))) return len;
    return 0;
}

static void write_escape(struct buf *out, unsigned char c) {
    switch (c) {
    case '"': buf_puts(out, "\\\""); return;
    case '\\': buf_puts(out, "\\\\"); return;
    case '\n': buf_puts(out, "\\n"); return;
    case '\r': buf_puts(out, "\\r"); return;
    case '\t': buf_puts(out, "\\t"); return;
    default: buf_printf(out, "\\u%04x", c);
    }
}

static bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void write_text(struct buf *out, struct span text) {
    buf_putc(out, '"');
    for (size_t i = 0; i < text.len;) {
        size_t plain = i;
        while (plain < text.len && is_plain((unsigned char)text.ptr[plain])) plain++;
        buf_append(out, text.ptr + i, plain - i);
        i = plain;
        if (i == text.len) break;
        if ((unsigned char)text.ptr[i] < 0x80) {
            write_escape(out, (unsigned char)text.ptr[i++]);
            continue;
        }
        size_t len = sequence_length(text.ptr + i, text.len - i);
        if (len)
            buf_append(out, text.ptr + i, len);
        else
            buf_puts(out, "\\ufffd");
        i += len ? len : 1;
    }
    buf_putc(out, '"');
}

void json_key_span(struct json_writer *writer, struct span key) {
    ASSERT(!writer->after_key);
    before_item(writer);
    write_text(writer->out, key);
    buf_putc(writer->out, ':');
    writer->after_key = true;
}

void json_key(struct json_writer *writer, const char *key) {
    json_key_span(writer, span_from(key));
}

void json_string(struct json_writer *writer, struct span text) {
    before_item(writer);
    write_text(writer->out, text);
}

void json_cstring(struct json_writer *writer, const char *text) {
    json_string(writer, span_from(text));
}

void json_int(struct json_writer *writer, int64_t value) {
    before_item(writer);
    buf_int(writer->out, value);
}

void json_raw(struct json_writer *writer, struct span json) {
    before_item(writer);
    buf_span(writer->out, json);
}

void json_bool(struct json_writer *writer, bool value) {
    json_raw(writer, value ? SPAN("true") : SPAN("false"));
}

void json_null(struct json_writer *writer) {
    json_raw(writer, SPAN("null"));
}

void json_double(struct json_writer *writer, double value) {
    if (!isfinite(value)) {
        json_null(writer);
        return;
    }
    before_item(writer);
    buf_number(writer->out, value);
}

#define TIME_MAX_TEXT 22 /* sign, 17 digits, point, 3 digits */

static size_t write_time(int64_t time_ms, char out[TIME_MAX_TEXT]) {
    uint64_t magnitude = time_ms < 0 ? 0 - (uint64_t)time_ms : (uint64_t)time_ms;
    unsigned rest = (unsigned)(magnitude % 1000);
    size_t at = 0;
    if (time_ms < 0) out[at++] = '-';
    at += number_write_uint(magnitude / 1000, out + at);
    if (!rest) return at;
    out[at++] = '.';
    out[at++] = (char)('0' + rest / 100);
    out[at++] = (char)('0' + rest / 10 % 10);
    out[at++] = (char)('0' + rest % 10);
    while (out[at - 1] == '0') at--;
    return at;
}

void json_time_ms(struct json_writer *writer, int64_t time_ms) {
    char text[TIME_MAX_TEXT];
    before_item(writer);
    buf_append(writer->out, text, write_time(time_ms, text));
}

void json_point_start(struct json_point_start *start, int64_t time_ms) {
    start->time_ms = time_ms;
    start->text[0] = '[';
    size_t len = 1 + write_time(time_ms, start->text + 1);
    start->text[len++] = ',';
    start->text[len++] = '"';
    start->len = (uint8_t)len;
}

void json_point_at(struct json_writer *writer, const struct json_point_start *start, double value) {
    before_item(writer);
    if (!buf_reserve(writer->out, sizeof start->text + NUMBER_MAX_TEXT + 2)) return;
    char *at = writer->out->data + writer->out->len;
    memcpy(at, start->text, sizeof start->text); /* a whole one is quicker than its length */
    size_t len = start->len + number_write_json(value, at + start->len);
    at[len] = '"';
    at[len + 1] = ']';
    writer->out->len += len + 2;
}

void json_point(struct json_writer *writer, int64_t time_ms, double value) {
    struct json_point_start start;
    json_point_start(&start, time_ms);
    json_point_at(writer, &start, value);
}

void json_value(struct json_writer *writer, double value) {
    before_item(writer);
    buf_putc(writer->out, '"');
    buf_number(writer->out, value);
    buf_putc(writer->out, '"');
}
