#include "lib/instrument/instrument.h"
#include "web/api/inside.h"

#define PLAIN "text/plain; charset=utf-8"
#define EXPOSITION_MAX ((size_t)64 << 20)

void api_healthy(struct exchange *exchange, void *context) {
    (void)context;
    reply_text(exchange, 200, PLAIN, SPAN("Ferula is Healthy.\n"));
}

static bool has_lifecycle(struct exchange *exchange, const struct api *api, const void *callback) {
    if (api->context.has_lifecycle && callback) return true;
    reply_text(exchange, 403, PLAIN, SPAN("Lifecycle API is not enabled."));
    return false;
}

void api_reload(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct err err = {0};
    if (!has_lifecycle(exchange, api, (const void *)api->context.reload)) return;
    if (api->context.reload(api->context.context, &err) == 0) {
        reply_text(exchange, 200, PLAIN, (struct span){0});
        return;
    }
    char *text = arena_printf(exchange_arena(exchange), "failed to reload config: %s\n", err.text);
    reply_text(exchange, 500, PLAIN, text ? span_from(text) : SPAN("failed to reload config\n"));
}

void api_quit(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    if (!has_lifecycle(exchange, api, (const void *)api->context.quit)) return;
    reply_text(exchange, 200, PLAIN, SPAN("Requesting termination... Goodbye!"));
    api->context.quit(api->context.context);
}

void api_metrics(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct buf body;
    buf_init(&body, EXPOSITION_MAX);
    if (api->context.registry) {
        gauge_add(api->exposing, 1);
        registry_write(api->context.registry, &body);
        gauge_add(api->exposing, -1);
        counter_inc(api->exposed[body.failed]);
    }
    reply_buf(exchange, 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", &body);
}
