#include "cmd/ask.h"

#include "lib/codec/json_read.h"
#include "lib/http/client.h"
#include "lib/sys/loop.h"

#include <ctype.h>
#include <string.h>

#define TARGET_MAX ((size_t)8 << 20)
#define ANSWER_MAX ((size_t)1 << 30)
#define TREE_MAX ((size_t)4 << 30)
#define TIMEOUT_MS 150000 /* a bit more than a server gives a query */

void ask_init(struct ask *ask, const char *url, const char *path) {
    struct span base = span_from(url);
    *ask = (struct ask){0};
    buf_init(&ask->target, TARGET_MAX);
    arena_init(&ask->arena, TREE_MAX, NULL);
    if (!strstr(url, "://")) buf_puts(&ask->target, "http://");
    while (base.len && base.ptr[base.len - 1] == '/') base.len--;
    buf_span(&ask->target, base);
    buf_puts(&ask->target, path);
}

void ask_release(struct ask *ask) {
    buf_release(&ask->target);
    arena_release(&ask->arena);
}

void ask_param(struct ask *ask, const char *name, struct span value) {
    buf_printf(&ask->target, "%c%s=", ask->param_count++ ? '&' : '?', name);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (isalnum(c) || strchr("-_.~", c))
            buf_putc(&ask->target, (char)c);
        else
            buf_printf(&ask->target, "%%%02X", c);
    }
}

bool ask_header(struct ask *ask, const char *text) {
    const char *end = strpbrk(text, "=:");
    if (!end || end == text || ask->header_count == ASK_HEADERS_MAX) return false;
    const char *value = end + 1 + strspn(end + 1, " ");
    const char *header = arena_printf(&ask->arena, "%.*s: %s", (int)(end - text), text, value);
    ask->headers[ask->header_count++] = header;
    return header != NULL;
}

struct waiting {
    struct ask *ask;
    struct loop *loop;
    int rc;
    struct err *err;
};

static void take_warnings(struct ask *ask, const struct ynode *root) {
    const struct ynode *list = ynode_at(root, "warnings"), *item;
    for (uint32_t i = 0; (item = ynode_item(list, i)) && ask->warning_count < 16; i++)
        if (item->kind == YNODE_SCALAR) ask->warnings[ask->warning_count++] = item->text;
}

static int read_answer(struct ask *ask, const struct http_response *response, struct err *err) {
    const struct ynode *root = NULL;
    struct ymark where;
    struct err bad = {0};
    if (response->rc) return err_set(err, response->rc, "%s", response->err.text);
    if (json_read(response->body, &ask->arena, &root, &where, &bad))
        return err_set(err, ERR_INVALID, "the server answered %ld, and no JSON: %s", response->status,
                       bad.text);
    if (!span_is(ynode_text_at(root, "status"), "success"))
        return err_set(err, ERR_INVALID, "%.*s: %.*s", SPAN_ARG(ynode_text_at(root, "errorType")),
                       SPAN_ARG(ynode_text_at(root, "error")));
    ask->data = ynode_at(root, "data");
    if (!ask->data) return err_set(err, ERR_INVALID, "the server's answer has no data");
    take_warnings(ask, root);
    return 0;
}

static void on_done(struct http_request *request, const struct http_response *response, void *context) {
    struct waiting *waiting = context;
    (void)request;
    waiting->rc = read_answer(waiting->ask, response, waiting->err);
    loop_stop(waiting->loop);
}

static int run_on(struct ask *ask, struct loop *loop, struct err *err) {
    struct waiting waiting = {ask, loop, 0, err};
    struct http_client *client = NULL;
    struct http_request *request = NULL;
    struct http_request_options options = {.url = buf_text(&ask->target),
                                           .headers = ask->headers,
                                           .user_agent = "ferula",
                                           .timeout_ms = TIMEOUT_MS,
                                           .max_body_bytes = ANSWER_MAX,
                                           .accept_gzip = true,
                                           .follow_redirects = true,
                                           .proxy.from_environment = true};
    int rc = http_client_create(loop, &client, err);
    if (rc) return rc;
    rc = http_request_create(client, &options, on_done, &waiting, &request, err);
    if (!rc) {
        http_request_start(request);
        loop_run(loop);
        rc = waiting.rc;
        http_request_destroy(request);
    }
    http_client_destroy(client);
    return rc;
}

int ask_run(struct ask *ask, struct err *err) {
    struct loop *loop;
    if (ask->target.failed)
        return err_set(err, ERR_LIMIT, "the question is longer than %zu bytes", TARGET_MAX);
    int rc = loop_create(&loop, err);
    if (rc) return rc;
    rc = run_on(ask, loop, err);
    loop_destroy(loop);
    return rc;
}

bool ask_option(const char *name, int argc, char **argv, int *i, const char **value) {
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) return false;
    if (argv[*i][len] == '=') {
        *value = argv[*i] + len + 1;
        return true;
    }
    if (argv[*i][len] || *i + 1 == argc) return false;
    *value = argv[++*i];
    return true;
}
