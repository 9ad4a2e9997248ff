#include "lib/http/internal.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/http/headers.h"
#include "lib/http/lane.h"
#include "lib/http/oauth2.h"
#include "lib/http/origin.h"
#include "lib/http/proxy.h"
#include "lib/http/tls.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/*
 * One request. A start is a row of transfers ("hops") with one curl handle:
 *
 *     start -> files, headers, token -> hop -> done
 *                               ^        | 301 302 303 307 308: the next URL, at most 10 times
 *                               +--------+ 401 with a token of OAuth 2: a new one, once
 *
 * Redirects are ours and not curl's, which would send the secret headers on. The first hop goes by a lane
 * when it can (lane.h): then curl only connects, its handle stays in the multi handle as long as the
 * connection lives.
 */

#define REQUEST_MAGIC 0x72657175u
#define SPARE_MAX_BYTES ((size_t)1 << 20) /* larger buffers are given back after a request */
#define MAX_REDIRECTS 10
#define LANE_SLACK_BYTES ((size_t)2 << 20) /* of a lane's memory, for what is not body */
#define STARTS_WITHOUT_LANE 50             /* after a lane was not fit */
#define MAX_HEAD_BYTES ((size_t)256 << 10) /* all headers of a transfer, interim answers included */

/* a failure that is on its way to done; outlives a request that is destroyed meanwhile */
struct late_failure {
    struct http_request *request; /* NULL when it is gone */
    struct err err;
};

struct http_request {
    uint32_t magic;
    struct http_client *client;
    CURL *easy;
    char *url, *unix_socket;
    struct origin origin;
    struct curl_slist *connect_to, *proxy_headers;
    struct header_set headers;
    struct proxy proxy;
    struct tls_files tls_files;
    struct token_source *tokens;
    struct token_waiter waiter;
    struct buf authorization; /* see http_request_set_authorization */
    struct span post;
    size_t max_body_bytes, head_bytes;
    int64_t timeout_ms, deadline_ms; /* the deadline on the monotonic clock */
    http_done *done;
    http_on_body *on_body; /* NULL: the body is collected */
    void *context;
    struct buf body;
    struct lane *lane;
    struct buf head;    /* of a request by lane; empty: not for a lane */
    int without_lane;   /* so many starts */
    bool is_connecting; /* the handle is set to connect only */
    int redirects;
    bool follows, is_post, is_gzip, is_running;
    bool needs_curl;             /* never by lane: it streams, or its headers are wanted */
    bool is_unwanted;            /* on_body said that it is enough */
    bool is_loaded;              /* its headers, once at least */
    bool is_hopping;             /* in curl's hands */
    bool is_away, is_late;       /* the handle's URL is not ours; its timeout is what was left */
    bool is_waiting, is_renewed; /* for a token; this start has had its second token */
    int socket_errno;            /* why there was no socket at all, in this transfer */
    struct late_failure *late;   /* why it could not even start, until that was told */
    char error[CURL_ERROR_SIZE];
};

static size_t on_body(char *data, size_t size, size_t count, void *context) {
    struct http_request *request = context;
    long status = 0;
    if (request->on_body) curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) {
        request->is_unwanted = !request->on_body(span_of(data, size * count), request->context);
        return request->is_unwanted ? 0 : size * count;
    }
    bool has_room = http_body_reserve(&request->body, size * count);
    return has_room && buf_append(&request->body, data, size * count) ? size * count : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *context) {
    static const char name[] = "content-encoding:";
    struct http_request *request = context;
    struct span line = span_of(data, size * count);
    request->head_bytes += line.len;
    if (request->head_bytes > MAX_HEAD_BYTES) return 0;
    if (line.len > 5 && memcmp(line.ptr, "HTTP/", 5) == 0) request->is_gzip = false;
    if (line.len > sizeof name - 1 && (line.ptr[0] | 0x20) == 'c' &&
        strncasecmp(line.ptr, name, sizeof name - 1) == 0)
        request->is_gzip = memmem(line.ptr, line.len, "gzip", 4) != NULL;
    return line.len;
}

/* ---- making one ---- */

/* curl takes the name in the certificate from the URL: so the URL names the server, the connection goes to
 * the address, and the Host header stays what it was. */
static void set_server_name(struct http_request *request, const struct http_request_options *options) {
    char *host = NULL, *port = NULL, *given = NULL, *named = NULL;
    const char *name = options->tls.server_name;
    CURLU *url = curl_url();
    struct buf text;
    buf_init(&text, (size_t)16 << 10);
    if (url && !curl_url_set(url, CURLUPART_URL, options->url, 0) &&
        !curl_url_get(url, CURLUPART_HOST, &host, 0) &&
        !curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
        !curl_url_set(url, CURLUPART_HOST, name, 0) && !curl_url_get(url, CURLUPART_URL, &named, 0)) {
        bool is_default = curl_url_get(url, CURLUPART_PORT, &given, 0) != 0;
        buf_printf(&text, "Host: %s%s%s", host, is_default ? "" : ":", is_default ? "" : port);
        request->headers.host = mem_strdup(buf_text(&text));
        buf_reset(&text);
        buf_printf(&text, "%s:%s:%s:%s", name, port, host, port);
        request->connect_to = curl_slist_append(NULL, buf_text(&text));
        curl_easy_setopt(request->easy, CURLOPT_CONNECT_TO, request->connect_to);
        mem_free(request->url);
        request->url = mem_strdup(named);
    }
    buf_release(&text);
    curl_free(host), curl_free(port), curl_free(given), curl_free(named);
    curl_url_cleanup(url);
}

static void set_limits(struct http_request *request, const struct http_request_options *options) {
    CURL *easy = request->easy;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     options->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    if (!options->on_body)
        curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)options->max_body_bytes);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* a name server that is away: leave the resolver's thread to itself, else its join stops the whole loop
     */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* the proxy's are not the target's */
}

/* curl does not tell why a socket cannot be opened */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    struct http_request *request = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) request->socket_errno = errno;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static void set_callbacks(struct http_request *request) {
    CURL *easy = request->easy;
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
}

static void set_proxy_headers(struct http_request *request, const struct http_proxy_options *proxy) {
    for (const char *const *header = proxy->connect_headers; header && *header; header++)
        request->proxy_headers = curl_slist_append(request->proxy_headers, *header);
    curl_easy_setopt(request->easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    curl_easy_setopt(request->easy, CURLOPT_NOPROXY, ""); /* not even the environment's: proxy.h decides */
}

static void on_token(struct token_waiter *waiter, const char *value, const struct err *err);

int http_request_create(struct http_client *client, const struct http_request_options *options,
                        http_done *done, void *context, struct http_request **result, struct err *err) {
    struct http_request *request = mem_zalloc(sizeof *request);
    ASSERT(!options->on_body || !options->accept_gzip);
    *request = (struct http_request){.magic = REQUEST_MAGIC,
                                     .client = client,
                                     .done = done,
                                     .on_body = options->on_body,
                                     .needs_curl = options->on_body || options->wants_headers,
                                     .context = context,
                                     .max_body_bytes = options->max_body_bytes,
                                     .timeout_ms = options->timeout_ms,
                                     .follows = options->follow_redirects,
                                     .is_post = options->is_post,
                                     .waiter = {.ready = on_token}};
    client->requests++;
    request->easy = curl_easy_init();
    int rc = request->easy ? 0 : err_set(err, ERR_LIMIT, "http request: no memory");
    if (!rc && options->oauth2) rc = token_source_ref(client, options, &request->tokens, err);
    if (rc) {
        http_request_destroy(request);
        return rc;
    }
    request->url = mem_strdup(options->url);
    request->unix_socket = options->unix_socket ? mem_strdup(options->unix_socket) : NULL;
    header_set_init(&request->headers, options);
    proxy_init(&request->proxy, &options->proxy);
    set_proxy_headers(request, &options->proxy);
    set_limits(request, options);
    set_callbacks(request);
    tls_set(request->easy, &options->tls, &request->tls_files);
    if (options->tls.server_name && strncasecmp(options->url, "https:", 6) == 0)
        set_server_name(request, options);
    origin_of(request->url, &request->origin);
    request->is_away = true; /* the first start aims */
    *result = request;
    return 0;
}

void http_request_destroy(struct http_request *request) {
    if (!request) return;
    CHECK_OBJ(request, REQUEST_MAGIC);
    if (request->late) request->late->request = NULL;
    if (request->is_waiting) token_source_leave(request->tokens, &request->waiter);
    lane_destroy(request->lane);
    if (request->is_hopping) curl_multi_remove_handle(request->client->multi, request->easy);
    curl_easy_cleanup(request->easy);
    secret_forget(&request->head);
    curl_slist_free_all(request->connect_to);
    curl_slist_free_all(request->proxy_headers);
    header_set_release(&request->headers);
    proxy_release(&request->proxy);
    tls_files_release(&request->tls_files);
    origin_release(&request->origin);
    token_source_unref(request->tokens);
    secret_forget(&request->authorization);
    buf_release(&request->body);
    mem_free(request->url);
    mem_free(request->unix_socket);
    request->client->requests--;
    request->magic = 0;
    mem_free(request);
}

bool http_request_is_running(const struct http_request *request) {
    return request->is_running;
}

void http_request_end_late(struct http_request *request, int64_t time_ms) {
    if (request->is_running && request->lane) lane_end_late(request->lane, time_ms);
}

void http_request_set_body(struct http_request *request, struct span body) {
    request->post = body;
}

void http_request_set_authorization(struct http_request *request, const char *value) {
    secret_forget(&request->authorization);
    buf_init(&request->authorization, 4 * SECRET_MAX_BYTES);
    if (value) buf_puts(&request->authorization, value);
}

/* ---- transfers ---- */

/* points the handle at a URL: proxy, headers and socket go with it */
static void aim(struct http_request *request, const char *url) {
    CURL *easy = request->easy;
    struct origin to;
    origin_of(url, &to);
    bool is_https = to.scheme && strcasecmp(to.scheme, "https") == 0;
    bool is_ours = url == request->url || origin_trusts(&request->origin, &to);
    const char *proxy = to.host ? proxy_for(&request->proxy, is_https, to.host, to.port) : NULL;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy : "");
    /* only where there is a CONNECT: else they would reach the target */
    curl_easy_setopt(easy, CURLOPT_PROXYHEADER, is_https ? request->proxy_headers : NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, is_ours ? request->headers.all : request->headers.open);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, is_ours ? request->connect_to : NULL);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, is_ours ? request->unix_socket : NULL);
    request->is_away = url != request->url;
    bool is_plain = to.scheme && strcasecmp(to.scheme, "http") == 0;
    if (!request->is_away) {
        secret_forget(&request->head);
        if (is_plain && !proxy && !request->is_post && !request->needs_curl)
            lane_write_head(request->url, &request->headers, &request->head);
    }
    origin_release(&to);
}

/* a finished request's memory goes to the next that starts, so that idle targets hold none */
static void borrow_body(struct http_request *request) {
    request->body = request->client->body;
    request->client->body = (struct buf){0};
    buf_reset(&request->body);
    request->body.max_bytes = request->max_body_bytes;
}

static void return_body(struct buf *body, struct buf *spare) {
    if (spare->data || body->capacity > SPARE_MAX_BYTES)
        buf_release(body);
    else
        *spare = *body;
    *body = (struct buf){0};
}

static int64_t time_left(const struct http_request *request) {
    return request->deadline_ms - clock_monotonic_ms();
}

/* the first hop has the whole time, later ones what is left of it */
static void set_time_left(struct http_request *request, bool is_first) {
    int64_t left = time_left(request);
    if (is_first && !request->is_late) return;
    request->is_late = !is_first;
    if (is_first) left = request->timeout_ms;
    curl_easy_setopt(request->easy, CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
}

static void on_lane(void *context, enum lane_end end, const struct reply *reply);

static void start_lane(struct http_request *request) {
    request->body.max_bytes = request->max_body_bytes + LANE_SLACK_BYTES;
    lane_start(request->lane, buf_view(&request->head), &request->body, request->deadline_ms);
}

static void start_transfer(struct http_request *request, bool connects_only) {
    if (request->lane) lane_close(request->lane);
    if (connects_only != request->is_connecting)
        curl_easy_setopt(request->easy, CURLOPT_CONNECT_ONLY, connects_only ? 1L : 0L);
    request->is_connecting = connects_only;
    request->is_hopping = true;
    curl_multi_add_handle(request->client->multi, request->easy);
}

/* curl closes its socket when the handle goes: the lane gets one of its own for the same connection */
void http_request_take_connection(struct http_request *request) {
    curl_socket_t socket = CURL_SOCKET_BAD;
    if (!request->is_connecting) return;
    if (!request->lane)
        request->lane = lane_create(request->client, request->max_body_bytes, on_lane, request);
    if (curl_easy_getinfo(request->easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK)
        lane_open(request->lane, socket);
}

static void hop(struct http_request *request, bool is_first) {
    request->is_gzip = request->is_unwanted = false;
    request->head_bytes = 0;
    request->socket_errno = 0;
    request->error[0] = '\0';
    set_time_left(request, is_first);
    if (!request->body.data) borrow_body(request);
    buf_reset(&request->body);
    bool by_lane = request->head.len && !request->is_away && !request->without_lane;
    if (by_lane && request->lane && lane_is_open(request->lane))
        start_lane(request);
    else
        start_transfer(request, by_lane);
}

static void set_post(struct http_request *request) {
    curl_easy_setopt(request->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(request->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->post.len);
    curl_easy_setopt(request->easy, CURLOPT_POSTFIELDS, request->post.len ? request->post.ptr : "");
}

/* all over again, by curl alone */
static void start_without_lane(struct http_request *request) {
    request->without_lane = STARTS_WITHOUT_LANE;
    hop(request, false);
}

static int load_headers(struct http_request *request, const char *authorization, struct err *err) {
    int rc = header_set_load(&request->headers, authorization, err);
    if (rc) return rc;
    request->is_loaded = request->is_away = true; /* the list is another one */
    return 0;
}

/* what may have changed since the last start; *authorization is that of OAuth 2 or our own */
static int prepare(struct http_request *request, const char *authorization, struct err *err) {
    int rc = 0;
    if (request->tls_files.is_in_use) rc = tls_files_refresh(&request->tls_files, request->easy, err);
    if (!rc && (authorization || request->headers.has_files || !request->is_loaded))
        rc = load_headers(request, authorization, err);
    if (rc) return rc;
    if (request->is_post) set_post(request);
    if (request->is_away) aim(request, request->url);
    return 0;
}

static void deliver(struct http_request *request, const struct http_response *response) {
    request->is_running = false;
    request->done(request, response, request->context);
}

static void deliver_failure(struct http_request *request, const struct err *err) {
    struct http_response response = {.rc = err->code, .err = *err};
    deliver(request, &response);
}

static void fail_later(void *argument) {
    struct late_failure *late = argument;
    struct http_request *request = late->request;
    struct err err = late->err;
    mem_free(late);
    if (!request) return;
    request->late = NULL;
    deliver_failure(request, &err);
}

static void on_token(struct token_waiter *waiter, const char *value, const struct err *err) {
    struct http_request *request =
        (struct http_request *)((char *)waiter - offsetof(struct http_request, waiter));
    struct err own = {0};
    request->is_waiting = false;
    if (!value || prepare(request, value, &own) != 0)
        deliver_failure(request, value ? &own : err);
    else
        hop(request, false);
}

/* the first transfer of a start or of its second token; *err is set when it cannot be */
static int begin(struct http_request *request, bool is_first, struct err *err) {
    const char *authorization = request->authorization.len ? buf_text(&request->authorization) : NULL;
    int rc = 0;
    if (request->tokens) {
        authorization = token_source_get(request->tokens, &request->waiter, &rc, err);
        request->is_waiting = !authorization && !rc;
        if (!authorization) return rc;
    }
    rc = prepare(request, authorization, err);
    if (!rc) hop(request, is_first);
    return rc;
}

void http_request_start(struct http_request *request) {
    CHECK_OBJ(request, REQUEST_MAGIC);
    ASSERT(!request->is_running);
    struct err err = {0};
    request->is_running = true;
    request->is_renewed = false;
    request->redirects = 0;
    request->deadline_ms = clock_monotonic_ms() + request->timeout_ms;
    if (request->without_lane) request->without_lane--;
    if (begin(request, true, &err) == 0) return;
    request->late = mem_zalloc(sizeof *request->late);
    *request->late = (struct late_failure){request, err};
    loop_post(request->client->loop, fail_later, request->late);
}

/* ---- the end ---- */

static int limit_error(const struct http_request *request, struct err *err) {
    return err_set(err, ERR_LIMIT, "body size limit exceeded: larger than %zu bytes",
                   request->max_body_bytes);
}

static int timeout_error(const struct http_request *request, struct err *err) {
    return err_set(err, ERR_TIMEOUT, "context deadline exceeded (no complete answer within %lld ms)",
                   (long long)request->timeout_ms);
}

static int explain(const struct http_request *request, CURLcode code, struct err *err) {
    if (code == CURLE_OPERATION_TIMEDOUT) return timeout_error(request, err);
    if (request->is_unwanted) return err_set(err, ERR_CANCELED, "the rest of the body is not wanted");
    if (code == CURLE_FILESIZE_EXCEEDED || (code == CURLE_WRITE_ERROR && request->body.failed))
        return limit_error(request, err);
    if (request->head_bytes > MAX_HEAD_BYTES)
        return err_set(err, ERR_INVALID, "response headers are larger than %zu bytes", MAX_HEAD_BYTES);
    if (code == CURLE_OUT_OF_MEMORY) /* what curl says of a line of more than 100 KiB */
        return err_set(err, ERR_INVALID, "a line of the response headers is too long");
    const char *text = request->error[0] ? request->error : curl_easy_strerror(code);
    long os_error = 0;
    curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &os_error);
    if (request->socket_errno) os_error = request->socket_errno;
    if (code == CURLE_COULDNT_CONNECT && os_error)
        return err_set(err, ERR_IO, "%s: %s", text, strerror((int)os_error));
    return err_set(err, ERR_IO, "%s", text);
}

static bool is_redirect(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* the next transfer of this start, when location leads there; *err is set when it leads nowhere */
static bool goes_to(struct http_request *request, long status, const char *location, struct err *err) {
    if (request->redirects++ == MAX_REDIRECTS) {
        err_set(err, ERR_IO, "stopped after %d redirects", MAX_REDIRECTS);
        return false;
    }
    char *url = mem_strdup(location); /* the handle's own text ends with its URL */
    aim(request, url);
    mem_free(url);
    if (request->is_post && status < 307) curl_easy_setopt(request->easy, CURLOPT_HTTPGET, 1L);
    hop(request, false);
    return true;
}

/* the token was refused: once more with a new one */
static bool renews_token(struct http_request *request, long status, struct err *err) {
    if (status != 401 || !request->tokens || request->is_renewed) return false;
    request->is_renewed = true;
    token_source_refused(request->tokens);
    return begin(request, false, err) == 0;
}

static bool goes_on(struct http_request *request, long status, struct err *err) {
    char *location = NULL;
    if (request->follows && is_redirect(status))
        curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_URL, &location);
    if (location) return goes_to(request, status, location, err);
    return renews_token(request, status, err);
}

static int unpack(struct http_request *request, struct http_response *response, struct buf *unpacked) {
    struct http_client *client = request->client;
    *unpacked = client->unpacked;
    client->unpacked = (struct buf){0};
    buf_reset(unpacked);
    unpacked->max_bytes = request->max_body_bytes;
    int rc = gzip_read(client->gzip, response->body, unpacked, &response->err);
    if (rc == ERR_LIMIT) rc = limit_error(request, &response->err);
    response->body = buf_view(unpacked);
    return rc;
}

/* hands over what came, unpacked, and takes the memory back */
static void deliver_answer(struct http_request *request, struct http_response *response, bool is_gzip) {
    struct http_client *client = request->client;
    struct buf body = request->body, unpacked = {0};
    request->body = (struct buf){0};
    if (!response->rc && is_gzip && response->status == 200)
        response->rc = unpack(request, response, &unpacked);
    deliver(request, response); /* which may destroy the request */
    return_body(&body, &client->body);
    return_body(&unpacked, &client->unpacked);
}

void http_request_finish(struct http_request *request, CURLcode code) {
    CHECK_OBJ(request, REQUEST_MAGIC);
    struct http_response response = {0};
    request->is_hopping = false;
    if (request->is_connecting && code == CURLE_OK) {
        if (lane_is_open(request->lane))
            start_lane(request);
        else
            start_without_lane(request);
        return;
    }
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &response.status);
    if (code != CURLE_OK)
        response.rc = explain(request, code, &response.err);
    else if (response.status != 200 && goes_on(request, response.status, &response.err))
        return;
    else
        response.rc = response.err.code;
    curl_easy_getinfo(request->easy, CURLINFO_CONTENT_TYPE, (char **)&response.content_type);
    response.body = buf_view(&request->body);
    deliver_answer(request, &response, request->is_gzip);
}

/* where the answer sends us, absolute; NULL: nowhere. Belongs to curl. */
static char *lane_redirect(const struct http_request *request, const struct reply *reply) {
    char *location = NULL;
    CURLU *url = request->follows && is_redirect(reply->status) && reply->location_len ? curl_url() : NULL;
    if (url && !curl_url_set(url, CURLUPART_URL, request->url, 0) &&
        !curl_url_set(url, CURLUPART_URL, reply->location, CURLU_NON_SUPPORT_SCHEME))
        (void)curl_url_get(url, CURLUPART_URL, &location, 0);
    curl_url_cleanup(url);
    return location;
}

static void end_lane(struct http_request *request, const struct reply *reply) {
    struct http_response response = {.status = reply->status,
                                     .content_type = reply->has_type ? reply->type : NULL};
    char *location = lane_redirect(request, reply);
    if (!reply->keeps_connection) lane_close(request->lane);
    bool goes_on;
    if (location) {
        request->without_lane = STARTS_WITHOUT_LANE; /* curl keeps the connections of the whole way */
        goes_on = goes_to(request, reply->status, location, &response.err);
    } else
        goes_on = renews_token(request, reply->status, &response.err);
    curl_free(location);
    if (goes_on) return;
    response.rc = response.err.code;
    response.body = span_of(request->body.data + reply->body_at, reply->body_len);
    deliver_answer(request, &response, reply->is_gzip);
}

static void on_lane(void *context, enum lane_end end, const struct reply *reply) {
    struct http_request *request = context;
    struct http_response response = {0};
    if (end == LANE_ANSWER) {
        end_lane(request, reply);
        return;
    }
    lane_close(request->lane);
    switch (end) {
    case LANE_CLOSED: break;
    case LANE_STALE: hop(request, false); break;
    case LANE_LIMIT:
        response.rc = limit_error(request, &response.err);
        deliver_answer(request, &response, false);
        break;
    case LANE_TIMEOUT:
        response.rc = timeout_error(request, &response.err);
        deliver_answer(request, &response, false);
        break;
    default: start_without_lane(request);
    }
}

const char *http_request_header(const struct http_request *request, const char *name) {
    struct curl_header *header;
    ASSERT(request->needs_curl);
    CURLHcode code = curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header);
    return code == CURLHE_OK ? header->value : NULL;
}
