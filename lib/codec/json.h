#pragma once
/*
 * json.h - writing JSON: commas and escapes are the writer's business, nesting is the caller's.
 *
 *     json_object(&w); json_key(&w, "status"); json_string(&w, SPAN("success")); json_end_object(&w);
 *
 * Text that is not UTF-8 gets U+FFFD for each bad byte; < > & are written as \u003c \u003e \u0026, as Go's
 * encoder does. A write past the buf's maximum sets its failed flag. Depth is at most JSON_MAX_DEPTH.
 */
#include "lib/base/buf.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

struct json_writer {
    struct buf *out;
    int depth;
    uint64_t has_items; /* bit d: something was written at depth d */
    bool after_key;
};

void json_init(struct json_writer *writer, struct buf *out);
void json_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *key);
void json_key_span(struct json_writer *writer, struct span key);
void json_string(struct json_writer *writer, struct span text);
void json_cstring(struct json_writer *writer, const char *text);
void json_int(struct json_writer *writer, int64_t value);
void json_bool(struct json_writer *writer, bool value);
void json_null(struct json_writer *writer);
/* a number; NaN and infinities become null (JSON has none) */
void json_double(struct json_writer *writer, double value);
/* text that is JSON already */
void json_raw(struct json_writer *writer, struct span json);
/* milliseconds as seconds with up to three decimals: 1435781430.781 */
void json_time_ms(struct json_writer *writer, int64_t time_ms);
/* [time,"value"], as json_time_ms and json_value */
void json_point(struct json_writer *writer, int64_t time_ms, double value);

/* [time," written once for all points of that time */
struct json_point_start {
    int64_t time_ms;
    uint8_t len;
    char text[31];
};

void json_point_start(struct json_point_start *start, int64_t time_ms);
void json_point_at(struct json_writer *writer, const struct json_point_start *start, double value);
/* a sample value as the API writes it: a string, "NaN", "+Inf", shortest digits */
void json_value(struct json_writer *writer, double value);
