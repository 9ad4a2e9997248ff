/* call.c - one question to one remote: the request runs on the asker's loop, who asks waits for it. */
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/http/from_config.h"
#include "storage/ask/inside.h"

#define ANSWER_MAX_BYTES ((size_t)256 << 20)

struct call {
    struct asker *asker;
    const struct remote *remote;
    struct span question;
    struct buf *body;
    struct http_request *request;
    struct mutex lock;
    struct condition done;
    bool is_done;
    int rc;
    struct err err;
};

static void finish(struct call *call, int rc) {
    mutex_lock(&call->lock);
    call->rc = rc;
    call->is_done = true;
    condition_signal(&call->done); /* under the lock: the call is gone once it is let go */
    mutex_unlock(&call->lock);
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context) {
    struct call *call = context;
    int rc = response->rc;
    if (rc)
        err_set(&call->err, rc, "%s", response->err.text);
    else if (response->status / 100 != 2)
        rc = err_set(&call->err, ERR_IO, "remote server returned HTTP status %ld: %.*s", response->status,
                     (int)(response->body.len < 200 ? response->body.len : 200), response->body.ptr);
    else if (!buf_span(call->body, response->body))
        rc = err_set(&call->err, ERR_LIMIT, "no memory for the answer");
    http_request_destroy(request);
    finish(call, rc);
}

static int make_request(struct call *call, struct err *err) {
    static const char *const fixed[] = {"Content-Encoding: snappy", "Accept-Encoding: snappy",
                                        "Content-Type: application/x-protobuf",
                                        "X-Prometheus-Remote-Read-Version: 0.1.0"};
    const struct remote_read_config *config = call->remote->config;
    size_t count = sizeof fixed / sizeof *fixed;
    struct arena arena;
    arena_init(&arena, 1 << 20, NULL);
    const char **headers = arena_array(&arena, count + config->headers.count + 1, sizeof *headers);
    memcpy(headers, fixed, sizeof fixed);
    for (size_t i = 0; i < config->headers.count; i++)
        headers[count++] =
            arena_printf(&arena, "%s: %s", config->headers.items[i].name, config->headers.items[i].value);
    struct http_request_options options = {.url = config->url,
                                           .headers = headers,
                                           .user_agent = "Ferula/" FERULA_VERSION,
                                           .is_post = true,
                                           .timeout_ms = config->remote_timeout_ms,
                                           .max_body_bytes = ANSWER_MAX_BYTES};
    int rc = http_options_from_config(&config->http, &arena, &options, err);
    if (!rc) rc = http_request_create(call->asker->client, &options, on_answer, call, &call->request, err);
    arena_release(&arena);
    return rc;
}

static void begin(void *argument) {
    struct call *call = argument;
    int rc = make_request(call, &call->err);
    if (rc) {
        finish(call, rc);
        return;
    }
    http_request_set_body(call->request, call->question);
    http_request_start(call->request);
}

int remote_call(struct asker *asker, const struct remote *remote, struct span question, struct buf *body,
                struct err *err) {
    struct call call = {.asker = asker, .remote = remote, .question = question, .body = body};
    mutex_init(&call.lock);
    condition_init(&call.done);
    loop_post(asker->loop, begin, &call);
    mutex_lock(&call.lock);
    while (!call.is_done) condition_wait(&call.done, &call.lock);
    mutex_unlock(&call.lock);
    condition_release(&call.done);
    mutex_release(&call.lock);
    return call.rc ? err_set(err, call.rc, "%s", call.err.text) : 0;
}
