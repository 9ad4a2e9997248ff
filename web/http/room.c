#include "web/http/server_inside.h"

#include <arpa/inet.h>
#include <string.h>

/*
 * Who is let in when there are many. When all places are taken the connection that has waited longest for its
 * client gives way: first one between requests, then one whose head does not come, then one whose body does
 * not; never one that is being answered. The last CONNECTIONS_KEPT places are for clients on this machine;
 * others get one only to ask what the loop answers by itself, so that a probe still hears something.
 */

/* the list goes from new to old: of two of one millisecond the later in it is older */
static const struct connection *older(const struct connection *a, const struct connection *b) {
    return !a || b->since_ms <= a->since_ms ? b : a;
}

static bool make_room(struct http_server *server) {
    const struct connection *oldest[3] = {0};
    for (const struct connection *c = server->connections; c; c = c->after)
        if (c->state <= CONNECTION_BODY) oldest[c->state] = older(oldest[c->state], c);
    for (size_t i = 0; i < 3; i++) {
        if (!oldest[i]) continue;
        connection_close((struct connection *)(uintptr_t)oldest[i]);
        return true;
    }
    return false;
}
_Static_assert(CONNECTION_IDLE == 0 && CONNECTION_HEAD == 1 && CONNECTION_BODY == 2,
               "the order of giving way");

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
