#include "web/api/answer.h"

#include "lib/base/assert.h"
#include "lib/base/err.h"
#include "lib/model/labels.h"

#include <stdio.h>
#include <time.h>

#define WHOLE_MAX ((size_t)64 << 20)
#define MESSAGE_MAX ((size_t)1 << 20)
#define NOTES_MAX 10

static const struct {
    const char *type;
    int status;
} errors[] = {
    [ANSWER_BAD_DATA] = {"bad_data", 400},       [ANSWER_EXECUTION] = {"execution", 422},
    [ANSWER_CANCELED] = {"canceled", 499},       [ANSWER_TIMEOUT] = {"timeout", 503},
    [ANSWER_INTERNAL] = {"internal", 500},       [ANSWER_NOT_FOUND] = {"not_found", 404},
    [ANSWER_UNAVAILABLE] = {"unavailable", 500},
};

static void write_error(struct exchange *exchange, enum answer_error error, struct span message) {
    struct buf body;
    struct json_writer json;
    buf_init(&body, 8 * MESSAGE_MAX);
    json_init(&json, &body);
    json_object(&json);
    json_key(&json, "status");
    json_cstring(&json, "error");
    json_key(&json, "errorType");
    json_cstring(&json, errors[error].type);
    json_key(&json, "error");
    json_string(&json, message);
    json_end_object(&json);
    reply_buf(exchange, errors[error].status, JSON_TYPE, &body);
}

void answer_error(struct exchange *exchange, enum answer_error error, const char *format, ...) {
    char small[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    size_t kept = len < 0 ? 0 : (size_t)len < sizeof small ? (size_t)len : sizeof small - 1;
    write_error(exchange, error, span_of(small, kept));
}

void answer_invalid(struct exchange *exchange, const char *name, const char *why) {
    answer_error(exchange, ANSWER_BAD_DATA, "invalid parameter \"%s\": %s", name, why);
}

void answer_failure(struct exchange *exchange, int rc, const char *why) {
    enum answer_error error = rc == ERR_CANCELED                  ? ANSWER_CANCELED
                              : rc == ERR_TIMEOUT                 ? ANSWER_TIMEOUT
                              : rc == ERR_IO || rc == ERR_CORRUPT ? ANSWER_INTERNAL
                                                                  : ANSWER_EXECUTION;
    answer_error(exchange, error, "%s", why);
}

static void open_envelope(struct json_writer *json) {
    json_object(json);
    json_key(json, "status");
    json_cstring(json, "success");
    json_key(json, "data");
}

void answer_begin(struct answer *answer, struct exchange *exchange) {
    answer->exchange = exchange;
    buf_init(&answer->body, WHOLE_MAX);
    json_init(&answer->json, &answer->body);
    open_envelope(&answer->json);
}

void answer_end(struct answer *answer) {
    json_end_object(&answer->json);
    ASSERT(answer->json.depth == 0);
    reply_buf(answer->exchange, 200, JSON_TYPE, &answer->body);
}

void answer_write_notes(struct json_writer *json, const char *name, const char *const *notes, size_t count) {
    if (!count) return;
    json_key(json, name);
    json_array(json);
    for (size_t i = 0; i < count && i < NOTES_MAX; i++) json_cstring(json, notes[i]);
    if (count > NOTES_MAX) {
        char rest[64];
        snprintf(rest, sizeof rest, "%zu more %s annotations omitted", count - NOTES_MAX,
                 name[0] == 'w' ? "warning" : "info");
        json_cstring(json, rest);
    }
    json_end_array(json);
}

/* ---- lists ---- */

struct list {
    struct json_writer json;
    answer_item *write;
    const void *items;
    size_t count, at;
    const char *warnings[ANSWER_LIST_WARNINGS];
    size_t warning_count;
    bool is_open;
};

static bool more_items(void *state, struct buf *piece) {
    struct list *list = state;
    struct json_writer *json = &list->json;
    if (!list->is_open) {
        json_init(json, piece);
        open_envelope(json);
        json_array(json);
        list->is_open = true;
    }
    json->out = piece;
    while (list->at < list->count && piece->len < REPLY_PIECE_BYTES)
        list->write(json, list->at++, list->items);
    if (list->at < list->count) return true;
    json_end_array(json);
    answer_write_notes(json, "warnings", list->warnings, list->warning_count);
    json_end_object(json);
    return false;
}

void answer_list(struct exchange *exchange, const void *items, size_t count, answer_item *write,
                 const char *const warnings[ANSWER_LIST_WARNINGS]) {
    struct list *list = arena_zalloc(exchange_arena(exchange), sizeof *list);
    if (!list) {
        answer_error(exchange, ANSWER_EXECUTION, "no memory for the answer");
        return;
    }
    list->write = write;
    list->items = items;
    list->count = count;
    for (size_t i = 0; warnings && i < ANSWER_LIST_WARNINGS; i++)
        if (warnings[i]) list->warnings[list->warning_count++] = warnings[i];
    reply_stream(exchange, 200, JSON_TYPE, more_items, NULL, list);
}

/* ---- values ---- */

void answer_plain(struct exchange *exchange, int status, const char *why) {
    const char *line = arena_printf(exchange_arena(exchange), "%s\n", why);
    reply_header(exchange, "X-Content-Type-Options", "nosniff");
    reply_text(exchange, status, "text/plain; charset=utf-8",
               line ? span_from(line) : SPAN("no memory for the answer\n"));
}

void answer_write_time(struct json_writer *json, int64_t time_ms) {
    if (time_ms == INT64_MIN) {
        json_cstring(json, "0001-01-01T00:00:00Z");
        return;
    }
    char text[64], decimals[8] = "";
    struct tm utc;
    int64_t rest = ((time_ms % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((time_ms - rest) / 1000);
    gmtime_r(&seconds, &utc);
    size_t len = strftime(text, sizeof text - sizeof decimals, "%Y-%m-%dT%H:%M:%S", &utc);
    if (rest) {
        snprintf(decimals, sizeof decimals, ".%03d", (int)rest);
        size_t end = 4;
        while (decimals[end - 1] == '0') end--;
        decimals[end] = '\0';
    }
    snprintf(text + len, sizeof text - len, "%sZ", decimals);
    json_cstring(json, text);
}

void answer_write_labels(struct json_writer *json, const struct labels *labels) {
    json_object(json);
    for (uint32_t i = 0; i < labels->count; i++) {
        json_key_span(json, labels->items[i].name);
        json_string(json, labels->items[i].value);
    }
    json_end_object(json);
}
