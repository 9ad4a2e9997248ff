#include "lib/instrument/instrument.h"
#include "web/api/inside.h"

/*
 * What the operator should know now. Each is a condition that is looked at when somebody asks, so nobody has
 * to tell of it; a live stream remembers which its client has heard of and sends the changes.
 *
 *     data: {"text":"Configuration reload has failed.","date":"...","active":true}
 */

enum condition { STARTING, STOPPING, RELOAD_FAILED, CONDITIONS };

static const char *const texts[] = {
    [STARTING] = "Ferula is starting and replaying the write-ahead log (WAL).",
    [STOPPING] = "Ferula is shutting down and gracefully stopping all operations.",
    [RELOAD_FAILED] = "Configuration reload has failed.",
};

struct conditions {
    bool holds[CONDITIONS];
    int64_t since_ms[CONDITIONS];
};

static void look(struct api *api, struct conditions *now) {
    int state = atomic_load_explicit(&api->state, memory_order_acquire);
    int64_t success_ms = 0, failure_ms = 0;
    const struct api_context *own = &api->context;
    bool is_good = !own->reload_state || own->reload_state(own->context, &success_ms, &failure_ms);
    *now = (struct conditions){
        .holds = {[STARTING] = state == API_STARTING,
                  [STOPPING] = state == API_STOPPING,
                  [RELOAD_FAILED] = !is_good && failure_ms > 0},
        .since_ms = {own->start_time_ms, atomic_load(&api->stopping_ms), failure_ms},
    };
}

static void write_note(struct json_writer *json, enum condition condition, int64_t since_ms, bool is_active) {
    json_object(json);
    json_key(json, "text");
    json_cstring(json, texts[condition]);
    json_key(json, "date");
    answer_write_time(json, since_ms);
    json_key(json, "active");
    json_bool(json, is_active);
    json_end_object(json);
}

void api_notifications(struct exchange *exchange, void *context) {
    struct conditions now;
    struct answer answer;
    look(api_of(context), &now);
    answer_begin(&answer, exchange);
    json_array(&answer.json);
    for (enum condition i = 0; i < CONDITIONS; i++)
        if (now.holds[i]) write_note(&answer.json, i, now.since_ms[i], true);
    json_end_array(&answer.json);
    answer_end(&answer);
}

/* ---- live ---- */

struct subscriber {
    struct api *api;
    struct conditions told;
};

static bool has_changed(const struct conditions *a, const struct conditions *b, enum condition i) {
    return a->holds[i] != b->holds[i] || (b->holds[i] && a->since_ms[i] != b->since_ms[i]);
}

static bool more_notes(void *state, struct buf *piece) {
    struct subscriber *subscriber = state;
    struct api *api = subscriber->api;
    struct conditions now;
    look(api, &now);
    for (enum condition i = 0; i < CONDITIONS; i++) {
        if (!has_changed(&subscriber->told, &now, i)) continue;
        struct json_writer json;
        buf_puts(piece, "data: ");
        json_init(&json, piece);
        write_note(&json, i, now.holds[i] ? now.since_ms[i] : subscriber->told.since_ms[i], now.holds[i]);
        buf_puts(piece, "\n\n");
        if (api->notified) counter_inc(api->notified);
    }
    subscriber->told = now;
    return !now.holds[STOPPING];
}

static void unsubscribe(void *state) {
    struct subscriber *subscriber = state;
    struct api *api = subscriber->api;
    atomic_fetch_sub(&api->subscribers, 1);
    if (api->subscribed) gauge_add(api->subscribed, -1);
}

void api_notifications_live(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct subscriber *subscriber = arena_zalloc(exchange_arena(exchange), sizeof *subscriber);
    if (!subscriber || atomic_fetch_add(&api->subscribers, 1) >= api->context.max_subscribers) {
        if (subscriber) atomic_fetch_sub(&api->subscribers, 1);
        reply_text(exchange, 204, NULL, (struct span){0}); /* which tells an EventSource not to come back */
        return;
    }
    subscriber->api = api;
    if (api->subscribed) gauge_add(api->subscribed, 1);
    reply_header(exchange, "Cache-Control", "no-cache");
    reply_live(exchange, 200, "text/event-stream", more_notes, unsubscribe, subscriber);
}
