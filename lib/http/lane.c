#include "lib/http/lane.h"

#include "lib/base/mem.h"
#include "lib/http/headers.h"
#include "lib/http/internal.h"
#include "lib/sys/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES ((size_t)256 << 10) /* asked for at a time, at least */
#define TURN_BYTES ((size_t)1 << 20)      /* received before others have their turn */

/* the uv handles, which outlive a lane until libuv has closed them */
struct lane_watch {
    uv_poll_t poll;
    uv_timer_t timer;
    struct http_client *client;
    struct lane *lane; /* NULL: closing */
    int open;
};

struct lane {
    struct http_client *client;
    struct lane_watch *watch; /* NULL: not open */
    int fd;
    lane_done *done;
    void *context;
    struct reply reply;
    struct span head;
    size_t sent, received;    /* of this request */
    bool is_running, is_used; /* is_used: the connection had an answer before */
};

struct lane *lane_create(struct http_client *client, size_t max_body_bytes, lane_done *done, void *context) {
    struct lane *lane = mem_zalloc(sizeof *lane);
    *lane = (struct lane){.client = client, .done = done, .context = context, .fd = -1};
    reply_init(&lane->reply, max_body_bytes);
    return lane;
}

void lane_destroy(struct lane *lane) {
    if (!lane) return;
    lane_close(lane);
    reply_release(&lane->reply);
    mem_free(lane);
}

bool lane_is_open(const struct lane *lane) {
    return lane->watch != NULL;
}

/* ---- receiving ---- */

static void finish(struct lane *lane, enum lane_end end) {
    lane->is_running = false;
    lane->is_used = true;
    uv_timer_stop(&lane->watch->timer);
    lane->done(lane->context, end, &lane->reply);
}

static void end_of_stream(struct lane *lane) {
    if (!lane->is_running) {
        lane->done(lane->context, LANE_CLOSED, &lane->reply);
        return;
    }
    if (!lane->received && lane->is_used) {
        finish(lane, LANE_STALE);
        return;
    }
    reply_end(&lane->reply);
    finish(lane, lane->reply.state == REPLY_COMPLETE ? LANE_ANSWER : LANE_UNFIT);
}

/* true: there may be more at once */
static bool receive_some(struct lane *lane) {
    struct buf *bytes = lane->reply.bytes;
    if (bytes->capacity - bytes->len < RECEIVE_BYTES / 4 && !buf_reserve(bytes, RECEIVE_BYTES)) {
        finish(lane, LANE_LIMIT);
        return false;
    }
    size_t room = bytes->capacity - bytes->len;
    ssize_t got = recv(lane->fd, bytes->data + bytes->len, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) {
        end_of_stream(lane);
        return false;
    }
    lane->received += (size_t)got;
    bytes->len += (size_t)got;
    reply_feed(&lane->reply, (size_t)got);
    if (lane->reply.state <= REPLY_BODY) return (size_t)got == room; /* less: that was all, for now */
    finish(lane, lane->reply.state == REPLY_COMPLETE    ? LANE_ANSWER
                 : lane->reply.state == REPLY_TOO_LARGE ? LANE_LIMIT
                                                        : LANE_UNFIT);
    return false;
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* the kernel takes a head at once, or the rest when it can */
static void send_rest(struct lane *lane) {
    while (lane->sent < lane->head.len) {
        ssize_t sent = send(lane->fd, lane->head.ptr + lane->sent, lane->head.len - lane->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) break; /* full: later; broken: receiving will tell */
        lane->sent += (size_t)sent;
    }
    bool waits = lane->sent < lane->head.len && (errno == EAGAIN || errno == EWOULDBLOCK);
    uv_poll_start(&lane->watch->poll, UV_READABLE | (waits ? UV_WRITABLE : 0), on_ready);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct lane_watch *watch = poll->data;
    struct lane *lane = watch->lane;
    if (!lane->is_running) { /* closed, or talking without being asked */
        end_of_stream(lane);
        return;
    }
    if (lane->sent < lane->head.len && (events & UV_WRITABLE)) send_rest(lane);
    if (status == 0 && !(events & UV_READABLE)) return;
    size_t before = lane->received;
    while (receive_some(lane) && lane->received - before < TURN_BYTES) {
    }
}

static void on_time_over(uv_timer_t *timer) {
    struct lane_watch *watch = timer->data;
    finish(watch->lane, LANE_TIMEOUT);
}

/* ---- coming and going ---- */

static void on_handle_closed(uv_handle_t *handle) {
    struct lane_watch *watch = handle->data;
    watch->client->open_handles--;
    if (--watch->open == 0) mem_free(watch);
}

void lane_open(struct lane *lane, int socket) {
    int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return;
    struct lane_watch *watch = mem_zalloc(sizeof *watch);
    if (uv_poll_init(loop_uv(lane->client->loop), &watch->poll, fd) != 0) {
        close(fd);
        mem_free(watch);
        return;
    }
    uv_timer_init(loop_uv(lane->client->loop), &watch->timer);
    watch->poll.data = watch->timer.data = watch;
    watch->client = lane->client;
    watch->lane = lane;
    watch->open = 2;
    lane->client->open_handles += 2;
    lane->watch = watch;
    lane->fd = fd;
    lane->is_used = false;
}

void lane_close(struct lane *lane) {
    struct lane_watch *watch = lane->watch;
    lane->is_running = false;
    if (!watch) return;
    lane->watch = NULL;
    watch->lane = NULL;
    uv_close((uv_handle_t *)&watch->poll, on_handle_closed); /* no longer watched, from here on */
    uv_close((uv_handle_t *)&watch->timer, on_handle_closed);
    close(lane->fd);
    lane->fd = -1;
}

void lane_start(struct lane *lane, struct span head, struct buf *bytes, int64_t timeout_ms) {
    lane->head = head;
    lane->sent = lane->received = 0;
    lane->is_running = true;
    reply_begin(&lane->reply, bytes);
    uv_timer_start(&lane->watch->timer, on_time_over, timeout_ms > 1 ? (uint64_t)timeout_ms : 1, 0);
    send_rest(lane);
}

void lane_write_head(const char *text, const struct header_set *headers, struct buf *head) {
    char *path = NULL, *query = NULL, *host = NULL, *port = NULL, *user = NULL;
    CURLU *url = curl_url();
    buf_init(head, 16 * SECRET_MAX_BYTES);
    if (url && !curl_url_set(url, CURLUPART_URL, text, 0) && !curl_url_get(url, CURLUPART_HOST, &host, 0) &&
        !curl_url_get(url, CURLUPART_PATH, &path, 0) && curl_url_get(url, CURLUPART_USER, &user, 0) != 0) {
        (void)curl_url_get(url, CURLUPART_QUERY, &query, 0);
        (void)curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
        buf_printf(head, "GET %s%s%s HTTP/1.1\r\nHost: %s%s%s\r\n", path, query ? "?" : "",
                   query ? query : "", host, port ? ":" : "", port ? port : "");
        header_set_write(headers, head);
        buf_puts(head, "\r\n");
    }
    if (head->failed) secret_forget(head);
    curl_free(path), curl_free(query), curl_free(host), curl_free(port), curl_free(user);
    curl_url_cleanup(url);
}
