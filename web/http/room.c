#include "lib/sys/clock.h"
#include "web/http/server_inside.h"

#include <arpa/inet.h>
#include <string.h>

/*
 * Who is let in when there are many. When all places are taken one that waits for its client gives way, never
 * one that is being answered: the one that has been between requests for longest; where there is none,
 * whoever has waited longest for a head or a body. New connections count among the latter for SETTLED_MS, or
 * a crowd that says half a word each would push out the honest ones before they are read. The last
 * CONNECTIONS_KEPT places are for clients on this machine; others get one only to ask what the loop answers
 * by itself, so that a probe still hears something.
 */
#define SETTLED_MS 1000

/* the list goes from new to old: of two of one millisecond the later in it is older */
static struct connection *older(struct connection *a, struct connection *b) {
    return !a || b->since_ms <= a->since_ms ? b : a;
}

static bool make_room(struct http_server *server) {
    struct connection *idle = NULL, *waiting = NULL;
    for (struct connection *c = server->connections; c; c = c->after) {
        if (c->state > CONNECTION_BODY) continue;
        waiting = older(waiting, c);
        if (c->state == CONNECTION_IDLE) idle = older(idle, c);
    }
    bool is_settled = idle && clock_monotonic_ms() - idle->since_ms >= SETTLED_MS;
    struct connection *leaving = is_settled ? idle : waiting;
    if (leaving) connection_close(leaving);
    return leaving != NULL;
}
_Static_assert(CONNECTION_IDLE < CONNECTION_BODY && CONNECTION_HEAD < CONNECTION_BODY,
               "what waits for its client");

/* an IPv4 client of an IPv6 socket is an IPv4 client */
static bool describe(const struct sockaddr_storage *peer, char text[PEER_MAX]) {
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    const void *four = &((const struct sockaddr_in *)peer)->sin_addr;
    bool is_four = peer->ss_family == AF_INET;
    memset(text, 0, PEER_MAX);
    if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        four = &six->sin6_addr.s6_addr[12];
        is_four = true;
    }
    (void)inet_ntop(is_four ? AF_INET : AF_INET6, is_four ? four : &six->sin6_addr, text, PEER_MAX);
    return is_four ? ((const unsigned char *)four)[0] == 127 : IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

bool room_take(struct http_server *server, const struct sockaddr_storage *peer, char text[PEER_MAX],
               bool *is_reserve) {
    size_t most = server->options.max_connections;
    size_t kept = most > 2 * CONNECTIONS_KEPT ? CONNECTIONS_KEPT : most / 2;
    bool is_local = describe(peer, text);
    *is_reserve = false;
    if (server->connection_count < most - (is_local ? 0 : kept)) return true;
    if (make_room(server)) return true;
    *is_reserve = !is_local;
    return server->connection_count < most;
}
