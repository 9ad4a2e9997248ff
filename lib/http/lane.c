#include "lib/http/lane.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/http/headers.h"
#include "lib/http/internal.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"
#include "lib/sys/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES ((size_t)256 << 10) /* asked for at a time, at least */
#define TURN_BYTES ((size_t)1 << 20)      /* received before others have their turn */

/* the uv handle, which outlives a lane until libuv has closed it */
struct lane_watch {
    uv_poll_t poll;
    struct http_client *client;
    struct lane *lane; /* NULL: closing */
    int events;        /* that are watched */
};

struct lane {
    struct http_client *client;
    struct lane_watch *watch; /* NULL: not open */
    int fd;
    lane_done *done;
    void *context;
    struct reply reply;
    struct span head;
    size_t sent, received;        /* of this request */
    bool is_running, is_used;     /* is_used: the connection had an answer before */
    int64_t deadline_ms;          /* of this request, on the monotonic clock */
    struct lane *before, *behind; /* of those that run */
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

/* ---- deadlines ---- */

static void wake_until(struct running_lanes *lanes, int64_t due_ms) {
    if (due_ms >= lanes->due_ms) return;
    lanes->due_ms = due_ms;
    loop_timer_set(lanes->timer, due_ms - clock_monotonic_ms());
}

static void begin_running(struct lane *lane, int64_t deadline_ms) {
    struct running_lanes *lanes = &lane->client->lanes;
    lane->is_running = true;
    lane->deadline_ms = deadline_ms;
    lane->before = lanes->last;
    lane->behind = NULL;
    *(lanes->last ? &lanes->last->behind : &lanes->first) = lane;
    lanes->last = lane;
    wake_until(lanes, deadline_ms);
}

/* the timer stays: it wakes for nothing once per timeout, and being set anew for each request costs more */
static void end_running(struct lane *lane) {
    struct running_lanes *lanes = &lane->client->lanes;
    if (!lane->is_running) return;
    lane->is_running = false;
    *(lane->before ? &lane->before->behind : &lanes->first) = lane->behind;
    *(lane->behind ? &lane->behind->before : &lanes->last) = lane->before;
}

static struct lane *find_late(const struct running_lanes *lanes, int64_t now_ms) {
    struct lane *lane = lanes->first;
    while (lane && lane->deadline_ms > now_ms) lane = lane->behind;
    return lane;
}

static void finish(struct lane *lane, enum lane_end end);

void lane_end_late(struct lane *lane, int64_t time_ms) {
    if (lane->is_running && lane->deadline_ms <= time_ms) finish(lane, LANE_TIMEOUT);
}

static void on_time_over(void *context) {
    struct running_lanes *lanes = context;
    int64_t now_ms = clock_monotonic_ms();
    lanes->due_ms = INT64_MAX;
    for (struct lane *late; (late = find_late(lanes, now_ms));) finish(late, LANE_TIMEOUT);
    for (struct lane *lane = lanes->first; lane; lane = lane->behind) wake_until(lanes, lane->deadline_ms);
}

void running_lanes_init(struct running_lanes *lanes, struct loop *loop) {
    *lanes =
        (struct running_lanes){.due_ms = INT64_MAX, .timer = loop_timer_create(loop, on_time_over, lanes)};
}

void running_lanes_release(struct running_lanes *lanes) {
    ASSERT(!lanes->first);
    loop_timer_destroy(lanes->timer);
}

/* ---- receiving ---- */

static void finish(struct lane *lane, enum lane_end end) {
    end_running(lane);
    lane->is_used = true;
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
    if (bytes->capacity - bytes->len < RECEIVE_BYTES / 4 && !http_body_reserve(bytes, RECEIVE_BYTES)) {
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
    int events = UV_READABLE | (waits ? UV_WRITABLE : 0);
    if (events == lane->watch->events) return; /* libuv would tell the kernel all the same */
    lane->watch->events = events;
    uv_poll_start(&lane->watch->poll, events, on_ready);
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

/* ---- coming and going ---- */

static void on_handle_closed(uv_handle_t *handle) {
    struct lane_watch *watch = handle->data;
    watch->client->open_handles--;
    mem_free(watch);
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
    watch->poll.data = watch;
    watch->client = lane->client;
    watch->lane = lane;
    lane->client->open_handles++;
    lane->watch = watch;
    lane->fd = fd;
    lane->is_used = false;
}

void lane_close(struct lane *lane) {
    struct lane_watch *watch = lane->watch;
    end_running(lane);
    if (!watch) return;
    lane->watch = NULL;
    watch->lane = NULL;
    uv_close((uv_handle_t *)&watch->poll, on_handle_closed); /* no longer watched, from here on */
    close(lane->fd);
    lane->fd = -1;
}

void lane_start(struct lane *lane, struct span head, struct buf *bytes, int64_t deadline_ms) {
    lane->head = head;
    lane->sent = lane->received = 0;
    reply_begin(&lane->reply, bytes);
    begin_running(lane, deadline_ms);
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
