/*
 * push.c - /metrics/job/...: what batch jobs push, in the Pushgateway's words.
 *
 *     PUT, POST   200; 202 when consistency is not checked; 400 with the reason, or 413 over a limit
 *     DELETE      202, also for what is not there
 */
#include "lib/push/store.h"

#include "lib/codec/gzip.h"
#include "lib/codec/snappy.h"
#include "lib/model/duration.h"
#include "lib/push/path.h"
#include "lib/sys/clock.h"
#include "web/api/inside.h"

#include <strings.h>

#define UNPACKED_MAX ((size_t)64 << 20)
#define PROTOBUF "application/vnd.google.protobuf"

/* as Go's http.Error */
static void reply_error(struct exchange *exchange, int status, const char *text) {
    const char *line = arena_printf(exchange_arena(exchange), "%s\n", text);
    reply_header(exchange, "X-Content-Type-Options", "nosniff");
    reply_text(exchange, status, "text/plain; charset=utf-8", line ? span_from(line) : SPAN("error\n"));
}

static void reply_failure(struct exchange *exchange, int rc, const struct err *err) {
    reply_error(exchange, rc == ERR_LIMIT ? 413 : 400, err->text);
}

struct push_store *api_push_store(struct exchange *exchange, const struct api *api) {
    if (!api->context.push) reply_error(exchange, 404, "pushing needs to be enabled with --web.enable-push");
    return api->context.push;
}

/* ---- headers ---- */

static bool has_parameter(struct span rest, const char *name, const char *value) {
    while (rest.len) {
        size_t end = span_find_byte(rest, ';', 1);
        struct span one = span_trim(span_of(rest.ptr + 1, end - 1));
        size_t equals = span_find_byte(one, '=', 0), len = strlen(name);
        if (equals == len && strncasecmp(one.ptr, name, len) == 0 && equals < one.len) {
            struct span have = span_of(one.ptr + equals + 1, one.len - equals - 1);
            if (have.len > 1 && have.ptr[0] == '"') have = span_of(have.ptr + 1, have.len - 2);
            if (span_is(have, value)) return true;
        }
        rest = span_of(rest.ptr + end, rest.len - end);
    }
    return false;
}

static enum push_format format_of(struct span type) {
    size_t end = span_find_byte(type, ';', 0);
    struct span media = span_trim(span_of(type.ptr, end)), rest = span_of(type.ptr + end, type.len - end);
    bool is_protobuf = media.len == sizeof PROTOBUF - 1 && strncasecmp(media.ptr, PROTOBUF, media.len) == 0 &&
                       has_parameter(rest, "encoding", "delimited") &&
                       has_parameter(rest, "proto", "io.prometheus.client.MetricFamily");
    return is_protobuf ? PUSH_PROTOBUF : PUSH_TEXT;
}

static int unpack(const struct web_request *request, struct buf *unpacked, struct span *body,
                  struct err *err) {
    struct span encoding = web_request_header(request, "Content-Encoding");
    int rc;
    *body = request->body;
    if (span_is(encoding, "snappy")) {
        rc = snappy_read_frames(request->body, unpacked, err);
    } else if (span_is(encoding, "gzip")) {
        struct gzip_reader *reader = gzip_reader_create();
        rc = gzip_read(reader, request->body, unpacked, err);
        gzip_reader_destroy(reader);
    } else {
        return 0; /* taken as it is */
    }
    *body = buf_view(unpacked);
    return rc;
}

/* how long the group lives from now on: ?ttl=6h; -1 when it is not said */
static int read_ttl(const struct web_request *request, int64_t *ttl_ms, struct err *err) {
    struct span text = web_request_param(request, "ttl");
    *ttl_ms = -1;
    if (!text.len) return 0;
    int rc = duration_parse(text, ttl_ms, err);
    if (!rc && *ttl_ms < 0) rc = err_set(err, ERR_INVALID, "it is negative");
    return rc ? err_wrap(err, rc, "invalid parameter \"ttl\"") : 0;
}

/* ---- requests ---- */

static void push(struct exchange *exchange, struct push_store *store, struct labels group) {
    const struct web_request *request = exchange_request(exchange);
    struct push_request wanted = {.group = group,
                                  .format = format_of(web_request_header(request, "Content-Type")),
                                  .replaces = request->method == METHOD_PUT,
                                  .now_ms = clock_wall_ms()};
    struct err err = {0};
    struct buf unpacked;
    buf_init_budget(&unpacked, UNPACKED_MAX, push_store_memory(store));
    int rc = read_ttl(request, &wanted.ttl_ms, &err);
    if (!rc) rc = unpack(request, &unpacked, &wanted.body, &err);
    if (!rc) rc = push_store_push(store, &wanted, &err);
    buf_release(&unpacked);
    bool is_unchecked = push_store_is_unchecked(store);
    if (rc)
        reply_failure(exchange, rc, &err);
    else
        reply_text(exchange, is_unchecked ? 202 : 200, NULL, (struct span){0});
}

/* job/... or job@base64/..., where the route has only what follows */
static struct span path_of_group(const struct web_request *request) {
    struct span rest = request->captured;
    struct span before = span_of(request->path.ptr, (size_t)(rest.ptr - request->path.ptr));
    size_t more = span_ends_with(before, SPAN("/job@base64/")) ? sizeof "job@base64/" - 1 : sizeof "job/" - 1;
    return span_of(rest.ptr - more, rest.len + more);
}

void api_push(struct exchange *exchange, void *context) {
    struct push_store *store = api_push_store(exchange, api_of(context));
    const struct web_request *request = exchange_request(exchange);
    struct labels group;
    struct err err = {0};
    if (!store) return;
    int rc = push_path_read(path_of_group(request), exchange_arena(exchange), &group, &err);
    if (rc) {
        reply_failure(exchange, rc, &err);
    } else if (request->method == METHOD_DELETE) {
        push_store_delete(store, group);
        reply_text(exchange, 202, NULL, (struct span){0});
    } else {
        push(exchange, store, group);
    }
}

void api_push_wipe(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct push_store *store = api_push_store(exchange, api);
    if (!store) return;
    if (!api->context.has_admin) {
        reply_error(exchange, 404, "404 page not found");
        return;
    }
    push_store_wipe(store);
    reply_text(exchange, 202, NULL, (struct span){0});
}
