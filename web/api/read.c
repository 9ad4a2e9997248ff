/*
 * read.c - POST /api/v1/read: remote read. So many at once, the others wait in line; a turn ends when the
 * answer is out. Statuses and texts are Prometheus'.
 */
#include "storage/remote/read.h"
#include "lib/config/config.h"
#include "lib/instrument/instrument.h"
#include "promql/eval/engine.h"
#include "web/api/inside.h"
#include "web/api/turns.h"

#define FRAME_BYTES ((size_t)1 << 20)

struct reading {
    struct api *api;
    struct queryable *readable;
    struct turn turn;
    struct labels external;
    struct read *read;
};

static bool more(void *state, struct buf *piece) {
    struct reading *reading = state;
    return read_more(reading->read, piece);
}

static void done(void *state) {
    struct reading *reading = state;
    read_close(reading->read);
    if (reading->api->reading) gauge_add(reading->api->reading, -1);
    turns_give(reading->api->reads);
}

static int take_external(struct api *api, struct arena *arena, struct labels *external, struct err *err) {
    const struct api_context *own = &api->context;
    struct config *config = own->current_config ? own->current_config(own->context) : NULL;
    struct labels configured = config ? config->global.external_labels : (struct labels){0};
    int rc = labels_copy(configured, arena, external, err);
    config_unref(config);
    return rc;
}

static int open_read(struct exchange *exchange, struct reading *reading, struct err *err) {
    struct api *api = reading->api;
    int rc = take_external(api, exchange_arena(exchange), &reading->external, err);
    if (rc) return rc;
    size_t frame_bytes = api->context.read_frame_bytes;
    struct read_options options = {.external = reading->external,
                                   .max_samples = api->context.read_samples_max,
                                   .max_frame_bytes = frame_bytes ? frame_bytes : FRAME_BYTES,
                                   .max_bytes = engine_options_of(api->context.engine)->max_bytes_query,
                                   .memory = engine_memory(api->context.engine),
                                   .cancel = exchange_cancel(exchange)};
    return read_open(reading->readable, exchange_request(exchange)->body, &options, &reading->read, err);
}

static void begin(struct exchange *exchange, void *state) {
    struct reading *reading = state;
    struct err err = {0};
    int rc = open_read(exchange, reading, &err);
    if (rc) {
        answer_plain(exchange, rc == ERR_INVALID || rc == ERR_LIMIT ? 400 : 500, err.text);
        done(reading);
        return;
    }
    bool is_streamed = read_is_streamed(reading->read);
    reply_as_is(exchange);
    if (!is_streamed) reply_header(exchange, "Content-Encoding", "snappy");
    reply_stream(exchange, 200,
                 is_streamed ? "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
                             : "application/x-protobuf",
                 more, done, reading);
}

void api_read(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct queryable *readable = api_readable_here(api, exchange);
    if (!readable) return;
    struct reading *reading = arena_zalloc(exchange_arena(exchange), sizeof *reading);
    if (!reading) {
        answer_plain(exchange, 500, "no memory for the request");
        return;
    }
    reading->api = api;
    reading->readable = readable;
    if (api->reading) gauge_add(api->reading, 1);
    turns_take(api->reads, &reading->turn, exchange, begin, reading);
}
