#include "web/api/inside.h"

/* No rules are evaluated and no Alertmanagers are known yet, so all of these are empty. */

static void answer_empty(struct exchange *exchange, const char *first, const char *second) {
    const char *const names[] = {first, second};
    struct answer answer;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    for (size_t i = 0; i < 2 && names[i]; i++) {
        json_key(&answer.json, names[i]);
        json_array(&answer.json);
        json_end_array(&answer.json);
    }
    json_end_object(&answer.json);
    answer_end(&answer);
}

void api_rules(struct exchange *exchange, void *context) {
    struct span type = web_request_param(exchange_request(exchange), "type");
    (void)context;
    if (type.len && !span_is(type, "alert") && !span_is(type, "record")) {
        answer_error(exchange, ANSWER_BAD_DATA, "invalid parameter \"type\": not supported value \"%.*s\"",
                     (int)(type.len < 100 ? type.len : 100), type.ptr);
        return;
    }
    answer_empty(exchange, "groups", NULL);
}

void api_alerts(struct exchange *exchange, void *context) {
    (void)context;
    answer_empty(exchange, "alerts", NULL);
}

void api_alertmanagers(struct exchange *exchange, void *context) {
    (void)context;
    answer_empty(exchange, "activeAlertmanagers", "droppedAlertmanagers");
}
