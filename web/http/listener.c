#include "lib/base/log.h"
#include "lib/codec/number.h"
#include "web/http/server_inside.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Sockets that accept, polled rather than given to libuv's own listening: when descriptors run out, the
 * kernel's queue is left alone until the next tick instead of being asked again at once.
 */
/* as many as the system gives: who finds no place waits a second for the next attempt */
#define BACKLOG 4096
#define ACCEPTS_PER_TURN 64
#define HOST_MAX 256

/* "host:port", "[host]:port", ":port" */
static int split_address(const char *address, char host[HOST_MAX], const char **port, struct err *err) {
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    const char *from = address;
    if (len >= 2 && from[0] == '[' && from[len - 1] == ']') {
        from++;
        len -= 2;
    } else if (colon && memchr(address, ':', len)) {
        return err_set(err, ERR_INVALID, "listen tcp: address %s: too many colons in address", address);
    }
    if (!colon) return err_set(err, ERR_INVALID, "listen tcp: address %s: missing port in address", address);
    if (len >= HOST_MAX) return err_set(err, ERR_INVALID, "listen tcp: host name too long");
    uint64_t number;
    if (!number_parse_uint(span_from(colon + 1), &number) || number > UINT16_MAX)
        return err_set(err, ERR_INVALID, "listen tcp: address %s: invalid port", address);
    memcpy(host, from, len);
    host[len] = '\0';
    *port = colon + 1;
    return 0;
}

static int system_error(const char *address, const char *what, int number, struct err *err) {
    char text[128];
    snprintf(text, sizeof text, "%s", strerror(number));
    text[0] = (char)tolower((unsigned char)text[0]);
    return err_set(err, ERR_IO, "listen tcp %s: %s: %s", address, what, text);
}

static int bind_and_listen(int fd, const struct addrinfo *where, const char *address, struct err *err) {
    int on = 1, off = 0;
    /* neither can fail on a fresh socket; without them only restarts and IPv4 over [::] suffer */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (where->ai_family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, where->ai_addr, where->ai_addrlen)) return system_error(address, "bind", errno, err);
    if (listen(fd, BACKLOG)) return system_error(address, "listen", errno, err);
    return 0;
}

static int open_socket(const struct addrinfo *where, const char *address, int *result, struct err *err) {
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return system_error(address, "socket", errno, err);
    int rc = bind_and_listen(fd, where, address, err);
    if (rc)
        close(fd);
    else
        *result = fd;
    return rc;
}

static int resolve(const char *host, const char *port, int family, struct addrinfo **found) {
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    return getaddrinfo(host, port, &hints, found);
}

static int open_address(const char *address, int *fd, struct err *err) {
    char host[HOST_MAX];
    const char *port = "";
    struct addrinfo *found = NULL;
    int rc = split_address(address, host, &port, err);
    if (rc) return rc;
    /* every interface means both families; a name means IPv4 where it has one */
    int family = host[0] ? AF_INET : AF_INET6;
    int failure = resolve(host[0] ? host : "::", port, family, &found);
    if (failure && host[0]) failure = resolve(host, port, AF_UNSPEC, &found);
    if (failure) return err_set(err, ERR_INVALID, "listen tcp %s: %s", address, gai_strerror(failure));
    rc = open_socket(found, address, fd, err);
    freeaddrinfo(found);
    if (!rc || host[0] || resolve("0.0.0.0", port, AF_INET, &found)) return rc;
    rc = open_socket(found, address, fd, err); /* a machine without IPv6 */
    freeaddrinfo(found);
    return rc;
}

static int port_of(int fd) {
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len)) return 0;
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

int listener_open(struct listener *listener, struct http_server *server, const char *address,
                  struct err *err) {
    int fd, rc = open_address(address, &fd, err);
    if (rc) return rc;
    rc = uv_poll_init_socket(loop_uv(server->loop), &listener->poll, fd);
    if (rc) {
        close(fd);
        return err_set(err, ERR_IO, "listen tcp %s: %s", address, uv_strerror(rc));
    }
    listener->server = server;
    listener->fd = fd;
    listener->port = port_of(fd);
    listener->poll.data = listener;
    server->open_handles++;
    return 0;
}

/* gone before they were accepted: the next one may be fine */
static bool is_passing(int number) {
    return number == EINTR || number == ECONNABORTED || number == EPROTO || number == EPERM;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct listener *listener = poll->data;
    (void)status; /* accept tells more */
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof peer;
        int on = 1;
        int fd = accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only latency is at stake */
            connection_open(listener->server, fd, &peer);
        } else if (!is_passing(errno)) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return;
            LOG(LOG_WARN, "no new connections for a moment", "err", strerror(errno));
            listener->is_paused = true;
            uv_poll_stop(poll);
            return;
        }
    }
}

void listener_start(struct listener *listener) {
    listener->is_paused = false;
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void on_closed(uv_handle_t *handle) {
    struct listener *listener = handle->data;
    close(listener->fd);
    listener->server->open_handles--;
    server_check_end(listener->server);
}

void listener_close(struct listener *listener) {
    uv_close((uv_handle_t *)&listener->poll, on_closed);
}
