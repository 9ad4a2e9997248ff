#pragma once
/*
 * fake_server.h - a web server of one thread for tests: pages by path, connections kept open, requests
 * written down.
 *
 *     fake_server_set(&server, "/a", "200 OK\r\nContent-Type: text/plain", "x 1\n", 4);
 *     fake_server_set(&server, "/slow", NULL, NULL, 0);     never answers
 */
#include "lib/base/buf.h"
#include "lib/sys/thread.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_PAGES 16
#define FAKE_CONNECTIONS 64
#define FAKE_BODY_MAX ((size_t)8 << 20)

struct fake_page {
    char path[64], head[512];
    bool never;
    struct buf body;
    size_t asked;
    char request[4096]; /* the last one */
};

struct fake_server {
    struct mutex lock;
    struct fake_page pages[FAKE_PAGES];
    size_t page_count, accepted;
    int port, listen_fd;
    struct pollfd fds[FAKE_CONNECTIONS];
    size_t fd_count;
    struct thread thread;
    bool stop;
};

static inline struct fake_page *fake_server_page(struct fake_server *server, const char *path) {
    size_t len = strcspn(path, " ?");
    for (size_t i = 0; i < server->page_count; i++)
        if (strlen(server->pages[i].path) == len && memcmp(server->pages[i].path, path, len) == 0)
            return &server->pages[i];
    return NULL;
}

/* head: status and headers without the last line end; Content-Length is added. NULL: no answer, ever */
static inline void fake_server_set(struct fake_server *server, const char *path, const char *head,
                                   const void *body, size_t len) {
    mutex_lock(&server->lock);
    struct fake_page *page = fake_server_page(server, path);
    if (!page) {
        ck_assert_uint_lt(server->page_count, FAKE_PAGES);
        page = &server->pages[server->page_count++];
        snprintf(page->path, sizeof page->path, "%s", path);
        buf_init(&page->body, FAKE_BODY_MAX);
    }
    page->never = head == NULL;
    snprintf(page->head, sizeof page->head, "%s", head ? head : "");
    buf_reset(&page->body);
    ck_assert(buf_append(&page->body, body, len));
    mutex_unlock(&server->lock);
}

static inline void fake_server_send(int fd, const char *data, size_t len) {
    while (len) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the client has had enough */
        data += sent;
        len -= (size_t)sent;
    }
}

static inline void fake_server_reply(struct fake_server *server, int fd, const char *request) {
    char head[700];
    const char *path = strchr(request, ' ');
    mutex_lock(&server->lock);
    struct fake_page *page = path ? fake_server_page(server, path + 1) : NULL;
    if (page) page->asked++;
    if (page) snprintf(page->request, sizeof page->request, "%s", request);
    bool answers = !page || !page->never;
    int len = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n",
                       page ? page->head : "404 Not Found", page ? page->body.len : 0);
    struct buf reply;
    buf_init(&reply, FAKE_BODY_MAX + 1000);
    buf_append(&reply, head, (size_t)len);
    if (page) buf_span(&reply, buf_view(&page->body));
    mutex_unlock(&server->lock);
    if (answers) fake_server_send(fd, reply.data, reply.len);
    buf_release(&reply);
}

/* false when the connection is over; a request comes in one piece in these tests */
static inline bool fake_server_read(struct fake_server *server, int fd) {
    char request[4096];
    ssize_t got = read(fd, request, sizeof request - 1);
    if (got <= 0) return false;
    request[got] = '\0';
    fake_server_reply(server, fd, request);
    return true;
}

static inline void *fake_server_run(void *context) {
    struct fake_server *server = context;
    server->fds[0] = (struct pollfd){server->listen_fd, POLLIN, 0};
    server->fd_count = 1;
    while (!__atomic_load_n(&server->stop, __ATOMIC_ACQUIRE)) {
        if (poll(server->fds, server->fd_count, 10) <= 0) continue;
        for (size_t i = server->fd_count; i-- > 1;)
            if (server->fds[i].revents && !fake_server_read(server, server->fds[i].fd)) {
                close(server->fds[i].fd);
                server->fds[i] = server->fds[--server->fd_count];
            }
        if (server->fds[0].revents && server->fd_count < FAKE_CONNECTIONS) {
            server->fds[server->fd_count++] =
                (struct pollfd){accept(server->listen_fd, NULL, NULL), POLLIN, 0};
            __atomic_add_fetch(&server->accepted, 1, __ATOMIC_RELAXED);
        }
    }
    for (size_t i = 0; i < server->fd_count; i++) close(server->fds[i].fd);
    return NULL;
}

static inline void fake_server_start(struct fake_server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    memset(server, 0, sizeof *server);
    mutex_init(&server->lock);
    server->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(server->listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(server->listen_fd, 64), 0);
    getsockname(server->listen_fd, (struct sockaddr *)&address, &len);
    server->port = ntohs(address.sin_port);
    thread_start(&server->thread, "fake", fake_server_run, server);
}

static inline void fake_server_end(struct fake_server *server) {
    __atomic_store_n(&server->stop, true, __ATOMIC_RELEASE);
    thread_join(&server->thread);
    for (size_t i = 0; i < server->page_count; i++) buf_release(&server->pages[i].body);
    mutex_release(&server->lock);
}

static inline size_t fake_server_asked(struct fake_server *server, const char *path) {
    mutex_lock(&server->lock);
    struct fake_page *page = fake_server_page(server, path);
    size_t asked = page ? page->asked : 0;
    mutex_unlock(&server->lock);
    return asked;
}

/* does the last request for this path hold the text? */
static inline bool fake_server_heard(struct fake_server *server, const char *path, const char *text) {
    mutex_lock(&server->lock);
    struct fake_page *page = fake_server_page(server, path);
    bool heard = page && strstr(page->request, text);
    mutex_unlock(&server->lock);
    return heard;
}
