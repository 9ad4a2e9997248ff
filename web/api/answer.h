#pragma once
/*
 * answer.h - inside of web/api: the envelope of every JSON answer.
 *
 *     {"status":"success","data":...,"warnings":[...]}
 *     {"status":"error","errorType":"bad_data","error":"..."}
 *
 * Short answers are written whole between answer_begin and answer_end. Lists that grow with the data are
 * streamed item by item.
 */
#include "lib/codec/json.h"
#include "web/http/exchange.h"

#define JSON_TYPE "application/json"

enum answer_error { /* errorType and status: answer.c */
                    ANSWER_BAD_DATA,
                    ANSWER_EXECUTION,
                    ANSWER_CANCELED,
                    ANSWER_TIMEOUT,
                    ANSWER_INTERNAL,
                    ANSWER_NOT_FOUND,
                    ANSWER_UNAVAILABLE,
};

void answer_error(struct exchange *exchange, enum answer_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* bad_data: invalid parameter "<name>": <why> */
void answer_invalid(struct exchange *exchange, const char *name, const char *why);
/* for a failure below: ERR_CANCELED, ERR_TIMEOUT and the rest as execution */
void answer_failure(struct exchange *exchange, int rc, const char *why);
/* a line of plain text, as clients that are servers expect it */
void answer_plain(struct exchange *exchange, int status, const char *why);

struct answer {
    struct exchange *exchange;
    struct buf body;
    struct json_writer json;
};

/* opens the envelope; the caller writes one value to answer->json */
void answer_begin(struct answer *answer, struct exchange *exchange);
void answer_end(struct answer *answer);

/* writes item i of the list */
typedef void answer_item(struct json_writer *json, size_t i, const void *items);

/* data is a list of `count` items; items live in the exchange's arena; warnings may be NULL, as may each of
 * them */
#define ANSWER_LIST_WARNINGS 2
void answer_list(struct exchange *exchange, const void *items, size_t count, answer_item *write,
                 const char *const warnings[ANSWER_LIST_WARNINGS]);

/* "warnings":[...] when there are any; the envelope is open */
void answer_write_notes(struct json_writer *json, const char *name, const char *const *notes, size_t count);
/* a time as RFC 3339 with up to three decimals; INT64_MIN is Go's zero time */
void answer_write_time(struct json_writer *json, int64_t time_ms);
/* the labels as an object */
struct labels;
void answer_write_labels(struct json_writer *json, const struct labels *labels);
