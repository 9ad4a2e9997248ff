#include "lib/base/assert.h"
#include "lib/codec/regex.h"
#include "web/http/server_inside.h"

#include <string.h>

#define PLAIN "text/plain; charset=utf-8"

/* ---- back on the loop ---- */

void dispatch_destroy(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    exchange_destroy(exchange);
    server->exchange_count--;
    server_check_end(server);
}

static void on_back(void *argument) {
    struct exchange *exchange = argument;
    exchange->is_out = false;
    if (exchange->connection)
        connection_send(exchange->connection);
    else
        dispatch_destroy(exchange);
}

static struct exchange *of_job(struct pool_job *job) {
    return (struct exchange *)((char *)job - offsetof(struct exchange, job));
}

static struct pool *pool_of(const struct http_server *server, const struct route *route) {
    struct pool *pools[] = {
        [ROUTE_LIGHT] = server->writers, [ROUTE_HEAVY] = server->workers, [ROUTE_INTAKE] = server->intake};
    return pools[route->place];
}

static void run_handler(struct pool_job *job) {
    struct exchange *exchange = of_job(job);
    struct http_server *server = exchange->server;
    http_metrics_waiting(server->metrics, -1);
    exchange_run(exchange, server->router->context);
    if (exchange->resumed)
        exchange_resume(exchange); /* the handler's hold */
    else
        loop_post(server->loop, on_back, exchange);
}

/* whoever lets go last sends it on; until then neither touches it */
void exchange_resume(struct exchange *exchange) {
    if (atomic_fetch_sub(&exchange->holds, 1) > 1) return;
    exchange->job.run = run_handler;
    http_metrics_waiting(exchange->server->metrics, 1);
    struct pool *pool = pool_of(exchange->server, exchange->route);
    if (pool_submit(pool, &exchange->job, NULL) == 0) return;
    int rc = pool_submit(exchange->server->writers, &exchange->job, NULL); /* their line has no end */
    ASSERT(rc == 0);
}

static void run_more(struct pool_job *job) {
    struct exchange *exchange = of_job(job);
    struct http_server *server = exchange->server;
    exchange_produce(exchange);
    loop_post(server->loop, on_back, exchange);
}

/* ---- out to a pool ---- */

static bool submit(struct pool *pool, struct exchange *exchange, void (*run)(struct pool_job *job)) {
    exchange->job.run = run;
    exchange->is_out = true;
    if (pool_submit(pool, &exchange->job, NULL) == 0) return true;
    exchange->is_out = false;
    return false;
}

void dispatch_more(struct exchange *exchange) {
    /* there is room for every connection in the writers' line */
    bool is_taken = submit(exchange->server->writers, exchange, run_more);
    ASSERT(is_taken);
}

/* an answer of the server's own, or of a handler that needs no thread */
static void answer_now(struct exchange *exchange) {
    exchange_run(exchange, exchange->server->router->context);
    connection_send(exchange->connection);
}

static void add_cors(struct exchange *exchange) {
    const struct http_server *server = exchange->server;
    struct span origin = web_request_header(&exchange->incoming->request, "Origin");
    if (!origin.len) return;
    reply_header(exchange, "Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Origin");
    reply_header(exchange, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    reply_header(exchange, "Access-Control-Expose-Headers", "Date");
    reply_header(exchange, "Vary", "Origin");
    if (!server->cors_origin) {
        reply_header(exchange, "Access-Control-Allow-Origin", "*");
    } else if (regex_matches(server->cors_origin, origin)) {
        const char *text = arena_strndup(&exchange->incoming->arena, origin.ptr, origin.len);
        if (text) reply_header(exchange, "Access-Control-Allow-Origin", text);
    }
}

static void write_allow(struct exchange *exchange, unsigned allowed) {
    static const struct {
        unsigned bit;
        const char *name;
    } methods[] = {{METHOD_DELETE, "DELETE"}, {METHOD_GET, "GET"}, {METHOD_HEAD, "HEAD"},
                   {METHOD_POST, "POST"},     {METHOD_PUT, "PUT"}, {METHOD_OPTIONS, "OPTIONS"}};
    char text[64];
    struct buf out;
    buf_init(&out, sizeof text);
    allowed |= METHOD_OPTIONS;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!(allowed & methods[i].bit)) continue;
        if (out.len) buf_puts(&out, ", ");
        buf_puts(&out, methods[i].name);
    }
    reply_header(exchange, "Allow", buf_text(&out));
    buf_release(&out);
}

static void answer_no_route(struct exchange *exchange, unsigned allowed) {
    reply_header(exchange, "X-Content-Type-Options", "nosniff");
    if (allowed) {
        write_allow(exchange, allowed);
        reply_text(exchange, 405, PLAIN, SPAN("Method Not Allowed\n"));
    } else {
        reply_text(exchange, 404, PLAIN, SPAN("404 page not found\n"));
    }
    answer_now(exchange);
}

static void answer_busy(struct exchange *exchange, const char *why) {
    reply_header(exchange, "Retry-After", "1");
    reply_text(exchange, 503, PLAIN, span_from(why));
    answer_now(exchange);
}

static void run_route(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    const struct router *router = server->router;
    if ((exchange->route->flags & ROUTE_GATED) && !router->gate(exchange, exchange->route, router->context)) {
        answer_now(exchange);
        return;
    }
    if (exchange->route->place == ROUTE_AT_ONCE) {
        answer_now(exchange);
        return;
    }
    if (exchange->connection->is_reserve) {
        answer_busy(exchange, "too many connections\n");
        return;
    }
    http_metrics_waiting(server->metrics, 1);
    if (submit(pool_of(server, exchange->route), exchange, run_handler)) return;
    http_metrics_waiting(server->metrics, -1);
    http_metrics_busy(server->metrics);
    answer_busy(exchange, "too many requests are waiting\n");
}

static void note_client(const struct connection *connection, struct exchange *exchange) {
    struct sockaddr_storage peer;
    int len = sizeof peer;
    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&peer, &len) == 0)
        (void)uv_ip_name((const struct sockaddr *)&peer, exchange->client, sizeof exchange->client);
}

static struct exchange *begin(struct connection *connection, struct incoming *incoming) {
    struct exchange *exchange = exchange_create(connection->server, incoming);
    exchange->connection = connection;
    connection->exchange = exchange;
    note_client(connection, exchange);
    connection->server->exchange_count++;
    if (connection->server->is_stopping) exchange->close_after = true;
    return exchange;
}

/* Nothing stands under "/" alone when there is a prefix; a person who asks is shown the way, which is fixed.
 */
static bool redirect_to_prefix(struct exchange *exchange) {
    const struct http_server *server = exchange->server;
    const struct web_request *request = &exchange->incoming->request;
    struct span prefix = span_from(server->options.route_prefix);
    bool is_root = span_is(request->path, "/") || span_equal(request->path, prefix);
    if (!prefix.len || !is_root || request->method != METHOD_GET) return false;
    const char *to = arena_printf(&exchange->incoming->arena, "%s/", server->options.route_prefix);
    reply_header(exchange, "Location", to ? to : "/");
    reply_text(exchange, 302, PLAIN, (struct span){0});
    return true;
}

/* whoever asks was let in */
static void route(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    const struct router *router = server->router;
    struct web_request *request = &exchange->incoming->request;
    const struct http_guard *guard = server->options.guard;
    struct span path = request->path;
    unsigned allowed = 0;
    if (request->method == METHOD_OPTIONS) {
        add_cors(exchange);
        reply_text(exchange, 204, NULL, (struct span){0});
        answer_now(exchange);
        return;
    }
    if (redirect_to_prefix(exchange)) {
        answer_now(exchange);
        return;
    }
    int found = router_strip(span_from(server->options.route_prefix), &path)
                    ? router_find(router, path, request->method, &request->captured, &allowed)
                    : -1;
    if (found < 0) {
        answer_no_route(exchange, allowed);
        return;
    }
    exchange->route_index = (size_t)found;
    exchange->route = &router->routes[found];
    if (exchange->route->flags & ROUTE_CORS) add_cors(exchange);
    if (guard && guard->authorize(exchange, exchange->route, guard->context) != GUARD_PASS)
        answer_now(exchange);
    else
        run_route(exchange);
}

/* ---- who asks ---- */

const char *exchange_peer(const struct exchange *exchange) {
    return exchange->connection->peer;
}

static void go_on(struct exchange *exchange) {
    if (exchange->status)
        answer_now(exchange);
    else
        route(exchange);
}

static void on_guarded(void *argument) {
    struct exchange *exchange = argument;
    exchange->is_out = false;
    if (exchange->connection)
        go_on(exchange);
    else
        dispatch_destroy(exchange);
}

void exchange_guarded(struct exchange *exchange) {
    loop_post(exchange->server->loop, on_guarded, exchange);
}

void dispatch(struct connection *connection, struct incoming *incoming) {
    struct exchange *exchange = begin(connection, incoming);
    const struct http_guard *guard = connection->server->options.guard;
    exchange->is_out = true; /* the guard may give it away */
    if (guard && guard->authenticate(exchange, guard->context) == GUARD_LATER) return;
    exchange->is_out = false;
    go_on(exchange);
}

void dispatch_refusal(struct connection *connection, int status, const char *reason) {
    struct exchange *exchange = begin(connection, NULL);
    if (status == 503) reply_header(exchange, "Retry-After", "1");
    if (status == 405) write_allow(exchange, METHOD_GET | METHOD_HEAD | METHOD_POST | METHOD_PUT);
    reply_text(exchange, status, PLAIN, span_from(reason));
    answer_now(exchange);
}
