/* The path table: without credentials nothing is open, whatever the router knows or does not know. */
#include "storage/remote/intake.h"
#include "tests/check_main.h"
#include "tests/unit/web/client.h"
#include "web/api/api.h"
#include "web/gate/gate.h"

#include <stdio.h>
#include <unistd.h>

#define FILE_TEXT                                                                                            \
    "basic_auth_users: {a: '$2y$04$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi'}\n"                \
    "bearer_tokens:\n"                                                                                       \
    "- {name: w, token: writes, scopes: [write]}\n"                                                          \
    "- {name: m, token: limited, scopes: [read, admin], match: '{team=\"x\"}'}\n"

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};

struct guarded {
    struct api *api;
    struct gate *gate;
    struct http_server *server;
};

static void begin_with(struct guarded *g, const char *prefix, struct intake *intake) {
    static const char *const address = "127.0.0.1:0";
    struct api_context context = {.intake = intake};
    struct err err = {0};
    char path[] = "/tmp/ferula-routes-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, FILE_TEXT, sizeof FILE_TEXT - 1), (int)sizeof FILE_TEXT - 1);
    close(fd);
    *g = (struct guarded){.api = api_create(&context)};
    ck_assert_msg(gate_create(path, NULL, &g->gate, &err) == 0, "%s", err.text);
    struct http_server_options options = {
        .addresses = &address, .address_count = 1, .route_prefix = prefix, .guard = gate_guard(g->gate)};
    ck_assert_int_eq(http_server_create(&options, api_router(g->api), NULL, &g->server, &err), 0);
    http_server_start(g->server);
    unlink(path);
}

static void begin(struct guarded *g, const char *prefix) {
    begin_with(g, prefix, NULL);
}

static void end(struct guarded *g) {
    http_server_stop(g->server);
    http_server_destroy(g->server);
    gate_destroy(g->gate);
    api_destroy(g->api);
}

static int status_of(const struct guarded *g, const char *method, const char *prefix, const char *path,
                     const char *header) {
    struct buf out;
    char request[512];
    buf_init(&out, (size_t)1 << 20);
    snprintf(request, sizeof request, "%s %s%s HTTP/1.1\r\n%s" CLOSE, method, prefix, path, header);
    int status = atoi(ask(g->server, request, &out) + strlen("HTTP/1.1 "));
    buf_release(&out);
    return status;
}

START_TEST(no_path_is_open) {
    static const char *const others[] = {"/",  "/nothing", "/api/v1", "/-/", "/debug/pprof/cmdline",
                                         "//", "/assets/"};
    for (int p = 0; p < 2; p++) {
        const char *prefix = p ? "/pre" : "";
        struct guarded g;
        begin(&g, prefix);
        const struct router *router = api_router(g.api);
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            for (size_t i = 0; i < router->count; i++)
                ck_assert_msg(status_of(&g, methods[m], prefix, router->routes[i].pattern, "") == 401,
                              "%s %s", methods[m], router->routes[i].pattern);
            for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                ck_assert_int_eq(status_of(&g, methods[m], prefix, others[i], ""), 401);
        }
        end(&g);
    }
}
END_TEST

START_TEST(a_token_gets_no_further_than_its_scopes) {
    struct guarded g;
    begin(&g, "");
    const struct router *router = api_router(g.api);
    for (size_t i = 0; i < router->count; i++) {
        const struct route *route = &router->routes[i];
        const char *method = route->methods & METHOD_GET    ? "GET"
                             : route->methods & METHOD_POST ? "POST"
                                                            : "PUT";
        int status = status_of(&g, method, "", route->pattern, "Authorization: Bearer writes\r\n");
        bool may = route->scope == ACCESS_ANY || route->scope == ACCESS_WRITE;
        ck_assert_msg((status != 403) == may && status != 401, "%s: %d", route->pattern, status);
        status = status_of(&g, method, "", route->pattern, "Authorization: Bearer limited\r\n");
        may = route->scope != ACCESS_WRITE && (route->scope == ACCESS_ANY || (route->flags & ROUTE_LIMITED));
        ck_assert_msg((status != 403) == may && status != 401, "%s: %d", route->pattern, status);
    }
    end(&g);
}
END_TEST

START_TEST(every_route_says_what_it_is) {
    struct api_context context = {0};
    struct api *api = api_create(&context);
    const struct router *router = api_router(api);
    for (size_t i = 0; i < router->count; i++) {
        const struct route *route = &router->routes[i];
        /* what only reads, by POST, says nothing of series that the request may not read */
        bool changes = !(route->methods & METHOD_GET) && !(route->flags & ROUTE_LIMITED);
        ck_assert_msg(route->summary && *route->summary, "%s", route->pattern);
        ck_assert_msg(!changes || route->scope == ACCESS_ADMIN || route->scope == ACCESS_WRITE, "%s",
                      route->pattern);
    }
    api_destroy(api);
}
END_TEST

/* of a body that is too large for whoever may not come in */
START_TEST(a_stranger_sends_no_large_bodies) {
    struct guarded g;
    struct intake *intake = intake_create(NULL, NULL);
    begin_with(&g, "", intake);
    const char *large = "Content-Length: 5000000\r\n";
    ck_assert_int_eq(status_of(&g, "POST", "", "/api/v1/write", large), 413);
    char header[128];
    snprintf(header, sizeof header, "Authorization: Bearer nobody\r\n%s", large);
    ck_assert_int_eq(status_of(&g, "POST", "", "/api/v1/write", header), 413);
    end(&g);
    begin_with(&g, "", intake);
    struct buf out;
    int fd = connect_to(g.server);
    buf_init(&out, (size_t)1 << 20);
    say(fd,
        "POST /api/v1/write HTTP/1.1\r\n" HOST "Authorization: Bearer writes\r\nContent-Length: 5000000\r\n"
        "Expect: 100-continue\r\n\r\n");
    hear_until(fd, &out, "100 Continue");
    close(fd);
    buf_release(&out);
    end(&g);
    intake_destroy(intake);
}
END_TEST

CHECK_MAIN("routes", a_stranger_sends_no_large_bodies, no_path_is_open,
           a_token_gets_no_further_than_its_scopes, every_route_says_what_it_is)
