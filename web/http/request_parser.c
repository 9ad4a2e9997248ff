#include "web/http/request_parser.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

#define FEED_MAX ((size_t)64 << 10)
#define IN_MAX (REQUEST_LINE_MAX + REQUEST_HEADERS_MAX + 2 * FEED_MAX)
#define KEPT_CAPACITY ((size_t)4 << 10) /* of an idle connection's buffer */

static int refuse(struct request_parser *parser, int status, const char *reason) {
    if (!parser->refused) {
        parser->refused = status;
        parser->reason = reason;
    }
    return -1;
}

/* ---- llhttp's callbacks: the head comes whole, so every span is whole and lies in the incoming's arena ----
 */

static int on_url(llhttp_t *llhttp, const char *at, size_t len) {
    struct request_parser *parser = llhttp->data;
    parser->incoming->target = span_of(at, len);
    return 0;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len) {
    struct request_parser *parser = llhttp->data;
    struct web_request *request = &parser->incoming->request;
    if (parser->is_complete || (llhttp->flags & F_TRAILING)) return 0; /* trailers say nothing to us */
    if (request->header_count == REQUEST_HEADER_COUNT_MAX) return refuse(parser, 431, "too many headers");
    request->headers[request->header_count++] = (struct web_pair){span_of(at, len), {NULL, 0}};
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len) {
    struct request_parser *parser = llhttp->data;
    struct web_request *request = &parser->incoming->request;
    if ((llhttp->flags & F_TRAILING) || !request->header_count) return 0;
    request->headers[request->header_count - 1].value = span_trim(span_of(at, len));
    return 0;
}

static bool is_named(struct span name, const char *wanted) {
    return name.len == strlen(wanted) && strncasecmp(name.ptr, wanted, name.len) == 0;
}

static bool all_digits(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    return text.len > 0;
}

/* RFC 9110's token */
static bool is_token(struct span name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return name.len > 0;
}

/* what llhttp lets pass or reports late: each framing header once, and never two kinds of framing */
static int check_headers(struct request_parser *parser, int http_minor) {
    const struct web_request *request = &parser->incoming->request;
    int hosts = 0, lengths = 0, codings = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        struct span name = request->headers[i].name, value = request->headers[i].value;
        if (!is_token(name)) return refuse(parser, 400, "bad header name");
        if (is_named(name, "Host")) hosts++;
        if (is_named(name, "Content-Length")) {
            lengths++;
            if (!all_digits(value)) return refuse(parser, 400, "bad Content-Length");
        }
        if (is_named(name, "Transfer-Encoding")) {
            codings++;
            if (!is_named(value, "chunked")) return refuse(parser, 501, "unknown transfer coding");
        }
    }
    if (hosts > 1 || (http_minor == 1 && hosts == 0))
        return refuse(parser, 400, "exactly one Host is needed");
    if (lengths > 1 || codings > 1 || lengths + codings > 1) return refuse(parser, 400, "ambiguous length");
    if (codings && http_minor == 0) return refuse(parser, 400, "transfer coding in HTTP/1.0");
    return 0;
}

static enum web_method method_of(uint8_t method) {
    switch (method) {
    case HTTP_GET: return METHOD_GET;
    case HTTP_HEAD: return METHOD_HEAD;
    case HTTP_POST: return METHOD_POST;
    case HTTP_PUT: return METHOD_PUT;
    case HTTP_DELETE: return METHOD_DELETE;
    case HTTP_OPTIONS: return METHOD_OPTIONS;
    default: return METHOD_OTHER;
    }
}

/* The path is judged as it is sent: a route that takes large bodies has no name that needs escapes. */
static void allow_large(struct request_parser *parser, enum web_method method) {
    struct incoming *incoming = parser->incoming;
    const struct router *router = parser->router;
    if (!router || !router->large_body_max) return;
    struct span captured, path = incoming_path(incoming->target);
    unsigned allowed;
    if (!router_strip(parser->prefix, &path)) return;
    const struct http_guard *guard = parser->guard;
    if (guard && guard->may_send_much && !guard->may_send_much(&incoming->request, guard->context)) return;
    int found = router_find(router, path, method, &captured, &allowed);
    if (found < 0 || !(router->routes[found].flags & ROUTE_LARGE)) return;
    incoming->body.max_bytes = router->large_body_max;
    if (router->large_memory) incoming->body.budget = router->large_memory;
}

static int on_headers_complete(llhttp_t *llhttp) {
    struct request_parser *parser = llhttp->data;
    if (llhttp->http_major != 1 || llhttp->http_minor > 1)
        return refuse(parser, 505, "only HTTP/1.0 and HTTP/1.1");
    if (check_headers(parser, llhttp->http_minor)) return -1;
    if (llhttp->method == HTTP_CONNECT) return refuse(parser, 405, "CONNECT is not for servers");
    allow_large(parser, method_of(llhttp->method));
    if (llhttp->content_length > parser->incoming->body.max_bytes)
        return refuse(parser, 413, "body too large");
    llhttp->upgrade = 0; /* an offer that is not taken up */
    struct span expect = web_request_header(&parser->incoming->request, "Expect");
    bool has_body = llhttp->content_length > 0 || (llhttp->flags & F_CHUNKED);
    parser->wants_continue = llhttp->http_minor == 1 && has_body && is_named(expect, "100-continue");
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len) {
    struct request_parser *parser = llhttp->data;
    struct buf *body = &parser->incoming->body;
    if (buf_append(body, at, len)) return 0;
    if (len > body->max_bytes - body->len) return refuse(parser, 413, "body too large");
    return refuse(parser, 503, "no memory for the body");
}

static int on_message_complete(llhttp_t *llhttp) {
    struct request_parser *parser = llhttp->data;
    parser->is_complete = true;
    parser->incoming->keep_alive = llhttp_should_keep_alive(llhttp);
    parser->incoming->request.method = method_of(llhttp->method);
    parser->incoming->request.http_minor = llhttp->http_minor;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- the bytes ---- */

void request_parser_init(struct request_parser *parser, struct budget *budget) {
    *parser = (struct request_parser){.budget = budget, .llhttp = mem_zalloc(sizeof(llhttp_t))};
    buf_init_budget(&parser->in, IN_MAX, budget);
}

void request_parser_release(struct request_parser *parser) {
    buf_release(&parser->in);
    mem_free(parser->llhttp);
    parser->llhttp = NULL;
    incoming_destroy(parser->incoming);
    parser->incoming = NULL;
}

void request_parser_feed(struct request_parser *parser, const char *data, size_t len) {
    ASSERT(len <= FEED_MAX);
    if (parser->refused) return;
    if (!buf_append(&parser->in, data, len)) refuse(parser, 503, "no memory for the request");
}

static void consume(struct request_parser *parser, size_t used) {
    ASSERT(used <= parser->in.len);
    parser->in.len -= used;
    if (parser->in.len)
        memmove(parser->in.data, parser->in.data + used, parser->in.len);
    else if (parser->in.capacity > KEPT_CAPACITY)
        buf_release(&parser->in);
}

/* A line ends at `at`. Positive: it was the empty one. */
static int end_line(struct request_parser *parser, size_t at) {
    bool is_empty = at + 1 - parser->line_start == 2;
    if (!parser->line_end)
        parser->line_end = at + 1;
    else if (!is_empty && ++parser->header_count > REQUEST_HEADER_COUNT_MAX)
        return refuse(parser, 431, "too many headers");
    parser->line_start = at + 1;
    return is_empty ? 1 : 0;
}

static int check_size(struct request_parser *parser, size_t at) {
    if (!parser->line_end) return at < REQUEST_LINE_MAX ? 0 : refuse(parser, 414, "request line too long");
    return at - parser->line_end < REQUEST_HEADERS_MAX ? 0 : refuse(parser, 431, "headers too large");
}

/* Looks at each new byte of the head once. 1: the head is complete and ends at `scanned`. */
static int scan_head(struct request_parser *parser) {
    const char *in = parser->in.data;
    for (; parser->scanned < parser->in.len; parser->scanned++) {
        size_t at = parser->scanned;
        char c = in[at], before = at ? in[at - 1] : 0;
        if (check_size(parser, at)) return -1;
        if (c == '\0') return refuse(parser, 400, "NUL in the head");
        if ((c == '\n') != (before == '\r')) return refuse(parser, 400, "lines end with CR LF");
        if (at == parser->line_start && (c == ' ' || c == '\t'))
            return refuse(parser, 400, "folded header line");
        if (c != '\n') continue;
        int rc = end_line(parser, at);
        if (rc > 0) parser->scanned++;
        if (rc) return rc;
    }
    return 0;
}

static int run_llhttp(struct request_parser *parser, const char *data, size_t len, size_t *used) {
    llhttp_errno_t rc = llhttp_execute(parser->llhttp, data, len);
    *used = len;
    if (rc == HPE_OK) return 0;
    if (rc == HPE_PAUSED && parser->is_complete) {
        *used = (size_t)(llhttp_get_error_pos(parser->llhttp) - data);
        return 0;
    }
    if (rc == HPE_INVALID_METHOD) return refuse(parser, 405, "unknown method");
    return refuse(parser, 400, "malformed request");
}

/* the head, ended by its empty line, is `len` bytes of `in` */
static int take_head(struct request_parser *parser, size_t len) {
    struct incoming *incoming = parser->incoming = incoming_create(parser->budget);
    const char *head = arena_strndup(&incoming->arena, parser->in.data, len);
    struct web_request *request = &incoming->request;
    request->headers = arena_array(&incoming->arena, REQUEST_HEADER_COUNT_MAX, sizeof *request->headers);
    incoming->body.max_bytes = REQUEST_BODY_MAX;
    if (!head || !request->headers) return refuse(parser, 503, "no memory for the request");
    llhttp_init(parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp->data = parser;
    parser->is_complete = false;
    parser->body_bytes = 0;
    size_t used;
    if (run_llhttp(parser, head, len, &used)) return -1;
    if (used != len) return refuse(parser, 400, "malformed request");
    consume(parser, len);
    return 0;
}

static void await_head(struct request_parser *parser) {
    parser->scanned = parser->line_end = parser->line_start = 0;
    parser->header_count = 0;
}

/* an empty line in front of a request is forgiven: older clients end a body with one */
static void skip_empty_lines(struct request_parser *parser) {
    while (parser->scanned <= 1 && parser->in.len >= 2 && memcmp(parser->in.data, "\r\n", 2) == 0) {
        consume(parser, 2);
        parser->scanned = 0;
    }
}

/* 1: a whole request is in parser->incoming */
static int advance(struct request_parser *parser) {
    if (!parser->incoming) {
        skip_empty_lines(parser);
        int rc = scan_head(parser);
        if (rc <= 0) return rc;
        size_t len = parser->scanned;
        await_head(parser);
        if (take_head(parser, len)) return -1;
    }
    if (!parser->is_complete && parser->in.len) {
        size_t used;
        int rc = run_llhttp(parser, parser->in.data, parser->in.len, &used);
        parser->body_bytes += used;
        if (rc) return rc;
        consume(parser, used);
        if (parser->body_bytes > 2 * parser->incoming->body.max_bytes)
            return refuse(parser, 413, "body too large");
    }
    return parser->is_complete;
}

enum parse_state request_parser_next(struct request_parser *parser, struct incoming **incoming) {
    if (parser->refused) return PARSE_REFUSED;
    int rc = advance(parser);
    if (rc < 0) return PARSE_REFUSED;
    if (rc == 0) return PARSE_MORE;
    int status = incoming_finish(parser->incoming, &parser->reason);
    if (status) {
        parser->refused = status;
        return PARSE_REFUSED;
    }
    *incoming = parser->incoming;
    parser->incoming = NULL;
    parser->wants_continue = false;
    return PARSE_DONE;
}

enum parse_place request_parser_place(const struct request_parser *parser) {
    if (parser->incoming) return PLACE_BODY;
    return parser->in.len ? PLACE_HEAD : PLACE_IDLE;
}

bool request_parser_take_continue(struct request_parser *parser) {
    bool wants = parser->wants_continue;
    parser->wants_continue = false;
    return wants;
}
