#include "lib/http/internal.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/sys/file.h"
#include "lib/sys/loop.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REQUEST_MAGIC 0x72657175u
#define SECRET_MAX_BYTES ((size_t)64 << 10)
#define SPARE_MAX_BYTES ((size_t)1 << 20) /* larger buffers are given back after a request */

/* a failure that is on its way to done; outlives a request that is destroyed meanwhile */
struct late_failure {
    struct http_request *request; /* NULL when it is gone */
    struct err err;
};

struct http_request {
    uint32_t magic;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    char *credentials_file, *username_file, *password_file; /* read at each start */
    char *authorization;                                    /* the word in front of the file's credentials */
    struct buf credentials;                                 /* "Authorization: ..." of the last start ... */
    struct curl_slist with_header;                          /* ... in front of headers */
    size_t max_body_bytes;
    int64_t timeout_ms;
    http_done *done;
    http_on_body *on_body; /* NULL: the body is collected */
    void *context;
    struct buf body;
    bool is_gzip, is_running, is_unwanted; /* on_body said that it is enough */
    struct late_failure *late;             /* why it could not even start, until that was told */
    char error[CURL_ERROR_SIZE];
};

static size_t on_body(char *data, size_t size, size_t count, void *context) {
    struct http_request *request = context;
    long status = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    if (request->on_body && status == 200) {
        request->is_unwanted = !request->on_body(span_of(data, size * count), request->context);
        return request->is_unwanted ? 0 : size * count;
    }
    return buf_append(&request->body, data, size * count) ? size * count : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *context) {
    static const char name[] = "content-encoding:";
    struct http_request *request = context;
    struct span line = span_of(data, size * count);
    if (line.len > 5 && strncasecmp(line.ptr, "HTTP/", 5) == 0) {
        /* another answer begins, after a redirect */
        request->is_gzip = false;
        buf_reset(&request->body);
    }
    if (line.len > sizeof name - 1 && strncasecmp(line.ptr, name, sizeof name - 1) == 0)
        request->is_gzip = memmem(line.ptr, line.len, "gzip", 4) != NULL;
    return line.len;
}

static char *copy_or_null(const char *text) {
    return text ? mem_strdup(text) : NULL;
}

static long tls_version(const char *min, const char *max) {
    static const struct {
        const char *name;
        long least, most;
    } versions[] = {
        {"TLS10", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0},
        {"TLS11", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1},
        {"TLS12", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2},
        {"TLS13", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3},
    };
    long least = CURL_SSLVERSION_TLSv1_2, most = CURL_SSLVERSION_MAX_DEFAULT;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (min && strcmp(min, versions[i].name) == 0) least = versions[i].least;
        if (max && strcmp(max, versions[i].name) == 0) most = versions[i].most;
    }
    return least | most;
}

static void set_blob(CURL *easy, CURLoption option, const char *text) {
    struct curl_blob blob = {(void *)text, text ? strlen(text) : 0, CURL_BLOB_COPY};
    if (text) curl_easy_setopt(easy, option, &blob);
}

static void set_tls(CURL *easy, const struct http_tls_options *tls) {
    if (tls->ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_file);
    if (tls->cert_file) curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert_file);
    if (tls->key_file) curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key_file);
    set_blob(easy, CURLOPT_CAINFO_BLOB, tls->ca);
    set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->cert);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls->insecure_skip_verify ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls->insecure_skip_verify ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, tls_version(tls->min_version, tls->max_version));
}

static void set_proxy(CURL *easy, const struct http_request_options *options) {
    if (options->proxy_url)
        curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy_url);
    else if (!options->proxy_from_environment)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");             /* not even the environment's */
    if (options->no_proxy || !options->proxy_from_environment) /* "": not even the environment's */
        curl_easy_setopt(easy, CURLOPT_NOPROXY, options->no_proxy ? options->no_proxy : "");
}

static void forget_secret(struct buf *secret) {
    if (secret->data) explicit_bzero(secret->data, secret->len);
    buf_release(secret);
}

static void set_headers(struct http_request *request, const struct http_request_options *options) {
    for (const char *const *header = options->headers; header && *header; header++)
        request->headers = curl_slist_append(request->headers, *header);
    for (size_t i = 0; i < options->configured_header_count; i++) {
        const struct http_header_option *header = &options->configured_headers[i];
        struct buf text;
        if (!header->value) continue;
        buf_init(&text, SECRET_MAX_BYTES);
        buf_printf(&text, "%s: %s", header->name, header->value);
        request->headers = curl_slist_append(request->headers, buf_text(&text));
        forget_secret(&text);
    }
    request->headers = curl_slist_append(
        request->headers, options->accept_gzip ? "Accept-Encoding: gzip" : "Accept-Encoding: identity");
    curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers);
    if (options->user_agent) curl_easy_setopt(request->easy, CURLOPT_USERAGENT, options->user_agent);
}

static void set_auth(struct http_request *request, const struct http_request_options *options) {
    request->password_file = copy_or_null(options->password_file);
    request->username_file = copy_or_null(options->username_file);
    request->credentials_file = copy_or_null(options->credentials_file);
    request->authorization = mem_strdup(options->authorization ? options->authorization : "Bearer");
    if (options->username || options->username_file) {
        curl_easy_setopt(request->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        if (options->username) curl_easy_setopt(request->easy, CURLOPT_USERNAME, options->username);
        if (options->password) curl_easy_setopt(request->easy, CURLOPT_PASSWORD, options->password);
    }
    if (options->authorization && options->credentials) {
        struct buf header;
        buf_init(&header, SECRET_MAX_BYTES);
        buf_printf(&header, "Authorization: %s %s", options->authorization, options->credentials);
        request->headers = curl_slist_append(request->headers, buf_text(&header));
        forget_secret(&header);
    }
}

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
        request->headers = curl_slist_append(request->headers, buf_text(&text));
        buf_reset(&text);
        buf_printf(&text, "%s:%s:%s:%s", name, port, host, port);
        request->connect_to = curl_slist_append(NULL, buf_text(&text));
        curl_easy_setopt(request->easy, CURLOPT_CONNECT_TO, request->connect_to);
        curl_easy_setopt(request->easy, CURLOPT_URL, named);
    }
    buf_release(&text);
    curl_free(host), curl_free(port), curl_free(given), curl_free(named);
    curl_url_cleanup(url);
}

int http_request_create(struct http_client *client, const struct http_request_options *options,
                        http_done *done, void *context, struct http_request **result, struct err *err) {
    struct http_request *request = mem_zalloc(sizeof *request);
    *request =
        (struct http_request){.magic = REQUEST_MAGIC, .client = client, .done = done, .context = context};
    request->easy = curl_easy_init();
    if (!request->easy) {
        mem_free(request);
        return err_set(err, ERR_LIMIT, "http request: no memory");
    }
    CURL *easy = request->easy;
    ASSERT(!options->on_body || !options->accept_gzip);
    request->on_body = options->on_body;
    request->max_body_bytes = options->max_body_bytes;
    request->timeout_ms = options->timeout_ms;
    set_auth(request, options);
    set_proxy(easy, options);
    curl_easy_setopt(easy, CURLOPT_URL, options->url);
    if (options->unix_socket) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->unix_socket);
    if (options->tls.server_name && strncasecmp(options->url, "https:", 6) == 0)
        set_server_name(request, options);
    set_headers(request, options);
    set_tls(easy, &options->tls);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, options->follow_redirects ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     options->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* a name server that is away: leave the resolver's thread to itself, else its join stops the whole loop
     */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    client->requests++;
    *result = request;
    return 0;
}

void http_request_destroy(struct http_request *request) {
    if (!request) return;
    CHECK_OBJ(request, REQUEST_MAGIC);
    if (request->late)
        request->late->request = NULL;
    else if (request->is_running)
        curl_multi_remove_handle(request->client->multi, request->easy);
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    curl_slist_free_all(request->connect_to);
    buf_release(&request->body);
    forget_secret(&request->credentials);
    mem_free(request->authorization);
    mem_free(request->credentials_file);
    mem_free(request->username_file);
    mem_free(request->password_file);
    request->client->requests--;
    request->magic = 0;
    mem_free(request);
}

bool http_request_is_running(const struct http_request *request) {
    return request->is_running;
}

/* a secret's file is read at each start, so that it may be rotated; blanks and line ends around it do not
 * belong to it */
static int read_secret(const char *path, struct buf *secret, struct err *err) {
    buf_init(secret, SECRET_MAX_BYTES);
    int rc = file_read_all(file_system_real(), path, secret, err);
    while (!rc && secret->len && memchr(" \t\r\n", secret->data[secret->len - 1], 4)) secret->len--;
    return rc;
}

/* the text of a secret without the blanks in front of it */
static const char *secret_text(struct buf *secret) {
    const char *text = buf_text(secret);
    return text + strspn(text, " \t\r\n");
}

static int load_option(struct http_request *request, const char *path, CURLoption option, struct err *err) {
    struct buf secret;
    int rc = read_secret(path, &secret, err);
    if (!rc) curl_easy_setopt(request->easy, option, secret_text(&secret));
    forget_secret(&secret);
    return rc;
}

/* curl keeps no copy of the list: the header and its place in front of the others stay until the next start
 */
static int load_credentials(struct http_request *request, struct err *err) {
    struct buf secret;
    int rc = read_secret(request->credentials_file, &secret, err);
    if (!rc) {
        forget_secret(&request->credentials);
        buf_init(&request->credentials, 2 * SECRET_MAX_BYTES);
        buf_printf(&request->credentials, "Authorization: %s %s", request->authorization,
                   secret_text(&secret));
        request->with_header = (struct curl_slist){(char *)buf_text(&request->credentials), request->headers};
        curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, &request->with_header);
    }
    forget_secret(&secret);
    return rc;
}

static int load_secrets(struct http_request *request, struct err *err) {
    int rc = 0;
    if (request->username_file) rc = load_option(request, request->username_file, CURLOPT_USERNAME, err);
    if (!rc && request->password_file)
        rc = load_option(request, request->password_file, CURLOPT_PASSWORD, err);
    if (!rc && request->credentials_file) rc = load_credentials(request, err);
    return rc;
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

static void fail_later(void *argument) {
    struct late_failure *late = argument;
    struct http_request *request = late->request;
    struct http_response response = {.rc = late->err.code, .err = late->err};
    mem_free(late);
    if (!request) return;
    request->late = NULL;
    request->is_running = false;
    request->done(request, &response, request->context);
}

void http_request_start(struct http_request *request) {
    CHECK_OBJ(request, REQUEST_MAGIC);
    ASSERT(!request->is_running);
    request->is_running = true;
    request->is_gzip = request->is_unwanted = false;
    request->error[0] = '\0';
    struct err err = {0};
    if (load_secrets(request, &err) != 0) {
        request->late = mem_zalloc(sizeof *request->late);
        *request->late = (struct late_failure){request, err};
        loop_post(request->client->loop, fail_later, request->late);
        return;
    }
    borrow_body(request);
    curl_multi_add_handle(request->client->multi, request->easy);
}

static int explain(const struct http_request *request, CURLcode code, struct err *err) {
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, ERR_TIMEOUT, "context deadline exceeded (no complete answer within %lld ms)",
                       (long long)request->timeout_ms);
    if (code == CURLE_WRITE_ERROR && request->is_unwanted)
        return err_set(err, ERR_CANCELED, "the rest of the body is not wanted");
    if (code == CURLE_WRITE_ERROR && request->body.failed)
        return err_set(err, ERR_LIMIT, "body size limit exceeded: larger than %zu bytes",
                       request->max_body_bytes);
    const char *text = request->error[0] ? request->error : curl_easy_strerror(code);
    long os_error = 0;
    curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &os_error);
    if (code == CURLE_COULDNT_CONNECT && os_error)
        return err_set(err, ERR_IO, "%s: %s", text, strerror((int)os_error));
    return err_set(err, ERR_IO, "%s", text);
}

void http_request_finish(struct http_request *request, CURLcode code) {
    CHECK_OBJ(request, REQUEST_MAGIC);
    struct http_client *client = request->client;
    struct http_response response = {0};
    struct buf body = request->body, unpacked = {0};
    if (code != CURLE_OK) response.rc = explain(request, code, &response.err);
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &response.status);
    curl_easy_getinfo(request->easy, CURLINFO_CONTENT_TYPE, (char **)&response.content_type);
    response.body = buf_view(&body);
    if (!response.rc && request->is_gzip && response.status == 200) {
        unpacked = client->unpacked;
        client->unpacked = (struct buf){0};
        buf_reset(&unpacked);
        unpacked.max_bytes = request->max_body_bytes;
        response.rc = gzip_read(client->gzip, response.body, &unpacked, &response.err);
        if (response.rc == ERR_LIMIT)
            response.rc = err_set(&response.err, ERR_LIMIT, "body size limit exceeded: larger than %zu bytes",
                                  request->max_body_bytes);
        response.body = buf_view(&unpacked);
    }
    request->body = (struct buf){0};
    request->is_running = false;
    request->done(request, &response, request->context);
    return_body(&body, &client->body);
    return_body(&unpacked, &client->unpacked);
}

const char *http_request_header(const struct http_request *request, const char *name) {
    struct curl_header *header;
    CURLHcode code = curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header);
    return code == CURLHE_OK ? header->value : NULL;
}
