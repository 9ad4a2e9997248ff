/* curl's multi interface on a libuv loop: curl tells which sockets and which one timer it wants watched. */
#include "lib/http/client.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/http/internal.h"
#include "lib/sys/loop.h"

#include <pthread.h>

#define CLIENT_MAGIC 0x68747470u
#define LARGE_BODY_BYTES ((size_t)4 << 20)
#define WHOLE_BODY_BYTES ((size_t)256 << 20) /* a maximum above this is not reserved at once */

struct watched_socket {
    uv_poll_t poll;
    curl_socket_t socket;
    struct http_client *client;
};

bool http_body_reserve(struct buf *body, size_t more) {
    bool is_large = body->len + more > LARGE_BODY_BYTES && body->max_bytes <= WHOLE_BODY_BYTES;
    if (is_large && body->capacity < body->max_bytes && body->len + more <= body->max_bytes)
        more = body->max_bytes - body->len;
    return buf_reserve(body, more);
}

static void finish_requests(struct http_client *client) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct http_request *request = NULL;
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        if (code == CURLE_OK) http_request_take_connection(request);
        curl_multi_remove_handle(client->multi, message->easy_handle);
        http_request_finish(request, code);
    }
}

static void on_socket_ready(uv_poll_t *poll, int status, int events) {
    struct watched_socket *watched = poll->data;
    struct http_client *client = watched->client;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;
    if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(client->multi, watched->socket, flags, &running);
    finish_requests(client);
}

static void on_poll_closed(uv_handle_t *handle) {
    struct watched_socket *watched = handle->data;
    watched->client->open_handles--;
    mem_free(watched);
}

static struct watched_socket *watch(struct http_client *client, curl_socket_t socket) {
    struct watched_socket *watched = mem_zalloc(sizeof *watched);
    watched->socket = socket;
    watched->client = client;
    if (uv_poll_init_socket(loop_uv(client->loop), &watched->poll, socket) != 0) {
        mem_free(watched);
        return NULL;
    }
    watched->poll.data = watched;
    client->open_handles++;
    curl_multi_assign(client->multi, socket, watched);
    return watched;
}

static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context) {
    struct http_client *client = context;
    struct watched_socket *watched = socket_context;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (!watched) return 0;
        uv_poll_stop(&watched->poll);
        curl_multi_assign(client->multi, socket, NULL);
        uv_close((uv_handle_t *)&watched->poll, on_poll_closed);
        return 0;
    }
    if (!watched && !(watched = watch(client, socket))) return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watched->poll, events, on_socket_ready) == 0 ? 0 : -1;
}

static void on_timer(uv_timer_t *timer) {
    struct http_client *client = timer->data;
    int running;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_requests(client);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *context) {
    struct http_client *client = context;
    (void)multi;
    if (timeout_ms < 0) return uv_timer_stop(&client->timer);
    /* 0 is at the loop's next turn, never inside the call that asks */
    return uv_timer_start(&client->timer, on_timer, (uint64_t)timeout_ms, 0);
}

static void init_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int http_client_create(struct loop *loop, struct http_client **result, struct err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct http_client *client = mem_zalloc(sizeof *client);
    client->magic = CLIENT_MAGIC;
    client->loop = loop;
    client->multi = curl_multi_init();
    if (!client->multi) {
        mem_free(client);
        return err_set(err, ERR_LIMIT, "http client: no memory");
    }
    client->gzip = gzip_reader_create();
    running_lanes_init(&client->lanes, loop);
    uv_timer_init(loop_uv(loop), &client->timer);
    client->timer.data = client;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 10000L);
    *result = client;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct http_client *client = handle->data;
    client->open_handles--;
}

void http_client_destroy(struct http_client *client) {
    if (!client) return;
    CHECK_OBJ(client, CLIENT_MAGIC);
    ASSERT(client->requests == 0);
    curl_multi_cleanup(client->multi); /* closes kept connections, which stops their polls */
    uv_timer_stop(&client->timer);
    client->open_handles++;
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
    while (client->open_handles > 0) uv_run(loop_uv(client->loop), UV_RUN_ONCE);
    running_lanes_release(&client->lanes);
    gzip_reader_destroy(client->gzip);
    buf_release(&client->body);
    buf_release(&client->unpacked);
    client->magic = 0;
    mem_free(client);
}
