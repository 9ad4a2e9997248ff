/* Requests to a real socket: what comes back, what is reused, what is refused. */
#include "lib/base/mem.h"
#include "lib/http/client.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"
#include "tests/check_main.h"
#include "tests/unit/lib/http/fake_server.h"

#include <libdeflate.h>
#include <uv.h>

static struct fake_server server, other;
static struct loop *loop;
static struct http_client *client;

/* the last answer, kept behind `done` */
static struct {
    size_t count;
    int rc;
    long status;
    char text[256], type[100], body[4096];
    size_t body_len;
} answer;

static void on_done(struct http_request *request, const struct http_response *response, void *context) {
    (void)request, (void)context;
    answer.count++;
    answer.rc = response->rc;
    answer.status = response->status;
    snprintf(answer.text, sizeof answer.text, "%s", response->rc ? response->err.text : "");
    snprintf(answer.type, sizeof answer.type, "%s", response->content_type ? response->content_type : "-");
    answer.body_len = response->body.len;
    size_t kept = response->body.len < sizeof answer.body - 1 ? response->body.len : sizeof answer.body - 1;
    if (kept) memcpy(answer.body, response->body.ptr, kept);
    answer.body[kept] = '\0';
    uv_stop(loop_uv(loop));
}

static void begin(void) {
    fake_server_start(&server);
    fake_server_start(&other);
    ck_assert_int_eq(loop_create(&loop, NULL), 0);
    ck_assert_int_eq(http_client_create(loop, &client, NULL), 0);
    memset(&answer, 0, sizeof answer);
}

static void end(void) {
    http_client_destroy(client);
    loop_destroy(loop);
    fake_server_end(&server);
    fake_server_end(&other);
}

static const char *url_of(const struct fake_server *at, const char *path) {
    static char text[100];
    snprintf(text, sizeof text, "http://127.0.0.1:%d%s", at->port, path);
    return text;
}

static struct http_request_options plain(const char *path) {
    return (struct http_request_options){.url = url_of(&server, path),
                                         .timeout_ms = 10000,
                                         .max_body_bytes = 1 << 20,
                                         .accept_gzip = true,
                                         .follow_redirects = true};
}

static struct http_request *make(const struct http_request_options *options) {
    struct http_request *request;
    ck_assert_int_eq(http_request_create(client, options, on_done, NULL, &request, NULL), 0);
    return request;
}

static void ask(struct http_request *request) {
    size_t before = answer.count;
    http_request_start(request);
    ck_assert_uint_eq(answer.count, before);
    uv_run(loop_uv(loop), UV_RUN_DEFAULT); /* until done */
    ck_assert_uint_eq(answer.count, before + 1);
}

static void ask_once(const struct http_request_options *options) {
    struct http_request *request = make(options);
    ask(request);
    http_request_destroy(request);
}

/* a page of `size` times 'a', packed */
static void set_packed(const char *path, size_t size) {
    char *text = mem_array(size, 1), *packed = mem_array(size + 1000, 1);
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
    memset(text, 'a', size);
    size_t len = libdeflate_gzip_compress(compressor, text, size, packed, size + 1000);
    fake_server_set(&server, path, "200 OK\r\nContent-Encoding: gzip", packed, len);
    libdeflate_free_compressor(compressor);
    mem_free(text);
    mem_free(packed);
}

static void set_plain(const char *path, size_t size) {
    char *text = mem_array(size, 1);
    memset(text, 'b', size);
    fake_server_set(&server, path, "200 OK", text, size);
    mem_free(text);
}

START_TEST(an_answer_comes_with_status_type_and_body) {
    begin();
    fake_server_set(&server, "/a", "200 OK\r\nContent-Type: text/plain; version=0.0.4", "x 1\n", 4);
    fake_server_set(&server, "/bad", "503 Service Unavailable", "sorry", 5);
    struct http_request_options options = plain("/a");
    const char *headers[] = {"Accept: text/*", "X-Own: 1", NULL};
    options.headers = headers;
    options.user_agent = "test/1";
    ask_once(&options);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.type, "text/plain; version=0.0.4");
    ck_assert_str_eq(answer.body, "x 1\n");
    ck_assert(fake_server_heard(&server, "/a", "GET /a HTTP/1.1\r\n"));
    ck_assert(fake_server_heard(&server, "/a", "Accept: text/*\r\n"));
    ck_assert(fake_server_heard(&server, "/a", "X-Own: 1\r\n"));
    ck_assert(fake_server_heard(&server, "/a", "User-Agent: test/1\r\n"));
    ck_assert(fake_server_heard(&server, "/a", "Accept-Encoding: gzip\r\n"));
    options = plain("/bad");
    options.accept_gzip = false;
    ask_once(&options);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_str_eq(answer.type, "-");
    ck_assert(fake_server_heard(&server, "/bad", "Accept-Encoding: identity\r\n"));
    end();
}
END_TEST

START_TEST(a_connection_is_used_again) {
    begin();
    set_plain("/a", 10);
    struct http_request_options options = plain("/a");
    struct http_request *request = make(&options);
    for (int i = 0; i < 5; i++) ask(request);
    http_request_destroy(request);
    ck_assert_uint_eq(fake_server_asked(&server, "/a"), 5);
    ck_assert_uint_eq(__atomic_load_n(&server.accepted, __ATOMIC_RELAXED), 1);
    end();
}
END_TEST

START_TEST(a_packed_body_is_unpacked_under_its_limit) {
    begin();
    set_packed("/a", 100000);
    struct http_request_options options = plain("/a");
    ask_once(&options);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_uint_eq(answer.body_len, 100000);
    options.max_body_bytes = 100000;
    ask_once(&options);
    ck_assert_int_eq(answer.rc, 0);
    fake_server_set(&server, "/broken", "200 OK\r\nContent-Encoding: gzip", "not packed", 10);
    options = plain("/broken");
    ask_once(&options);
    ck_assert_int_eq(answer.rc, ERR_INVALID);
    end();
}
END_TEST

START_TEST(a_bomb_is_refused) {
    begin();
    set_packed("/bomb", 4 << 20);
    set_plain("/long", 2 << 20);
    struct http_request_options options = plain("/bomb");
    ask_once(&options);
    ck_assert_int_eq(answer.rc, ERR_LIMIT);
    ck_assert_str_eq(answer.text, "body size limit exceeded: larger than 1048576 bytes");
    options = plain("/long");
    ask_once(&options);
    ck_assert_int_eq(answer.rc, ERR_LIMIT);
    ck_assert_str_eq(answer.text, "body size limit exceeded: larger than 1048576 bytes");
    end();
}
END_TEST

START_TEST(a_limit_holds_in_memory_lent_by_a_larger_request) {
    begin();
    set_plain("/long", 100000);
    set_plain("/short", 20000);
    set_packed("/packed", 20000);
    struct http_request_options options = plain("/long");
    ask_once(&options);
    ck_assert_uint_eq(answer.body_len, 100000);
    set_packed("/long", 100000);
    ask_once(&options);
    ck_assert_uint_eq(answer.body_len, 100000);
    options = plain("/short");
    options.max_body_bytes = 10000;
    ask_once(&options);
    ck_assert_int_eq(answer.rc, ERR_LIMIT);
    options.url = url_of(&server, "/packed");
    ask_once(&options);
    ck_assert_int_eq(answer.rc, ERR_LIMIT);
    options.max_body_bytes = 20000;
    ask_once(&options);
    ck_assert_int_eq(answer.rc, 0);
    end();
}
END_TEST

START_TEST(a_slow_server_is_a_timeout) {
    begin();
    fake_server_set(&server, "/never", NULL, NULL, 0);
    struct http_request_options options = plain("/never");
    options.timeout_ms = 50;
    ask_once(&options);
    ck_assert_int_eq(answer.rc, ERR_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(answer.text, "context deadline exceeded"));
    end();
}
END_TEST

START_TEST(each_of_many_requests_has_a_timeout_of_its_own) {
    static const int timeouts_ms[] = {400, 50, 200}; /* started in this order */
    struct http_request *requests[3];
    begin();
    fake_server_set(&server, "/never", NULL, NULL, 0);
    for (size_t i = 0; i < 3; i++) {
        struct http_request_options options = plain("/never");
        options.timeout_ms = timeouts_ms[i];
        requests[i] = make(&options);
        http_request_start(requests[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        uv_run(loop_uv(loop), UV_RUN_DEFAULT); /* until one is done */
        ck_assert_uint_eq(answer.count, i + 1);
        ck_assert_int_eq(answer.rc, ERR_TIMEOUT);
        static const char *const ends[] = {"50 ms)", "200 ms)", "400 ms)"};
        ck_assert_msg(strstr(answer.text, ends[i]) != NULL, "%zu: %s", i, answer.text);
    }
    for (size_t i = 0; i < 3; i++) http_request_destroy(requests[i]);
    end();
}
END_TEST

START_TEST(a_dead_server_is_named_with_the_reason) {
    begin();
    struct http_request_options options = plain("/");
    options.url = "http://127.0.0.1:1/";
    ask_once(&options);
    ck_assert_int_eq(answer.rc, ERR_IO);
    ck_assert_ptr_nonnull(strstr(answer.text, "127.0.0.1 port 1"));
    ck_assert_ptr_nonnull(strstr(answer.text, "refused"));
    end();
}
END_TEST

START_TEST(redirects_are_followed_when_wanted_and_carry_no_credentials_away) {
    char head[200];
    begin();
    snprintf(head, sizeof head, "302 Found\r\nLocation: %s", url_of(&other, "/b"));
    fake_server_set(&server, "/away", head, "moved", 5);
    fake_server_set(&server, "/near", "301 Moved Permanently\r\nLocation: /c", "", 0);
    fake_server_set(&server, "/c", "200 OK", "near", 4);
    fake_server_set(&other, "/b", "200 OK", "far", 3);
    struct http_request_options options = plain("/away");
    options.username = "me";
    options.password = "secret";
    ask_once(&options);
    ck_assert_str_eq(answer.body, "far");
    ck_assert(fake_server_heard(&server, "/away", "Authorization: Basic bWU6c2VjcmV0\r\n"));
    ck_assert(!fake_server_heard(&other, "/b", "Authorization"));
    options.username = options.password = NULL;
    options.authorization = "Bearer";
    options.credentials = "token";
    ask_once(&options);
    ck_assert(fake_server_heard(&server, "/away", "Authorization: Bearer token\r\n"));
    ck_assert(!fake_server_heard(&other, "/b", "Authorization"));
    options.url = url_of(&server, "/near");
    ask_once(&options);
    ck_assert_str_eq(answer.body, "near");
    ck_assert(fake_server_heard(&server, "/c", "Authorization: Bearer token\r\n"));
    options.follow_redirects = false;
    ask_once(&options);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(answer.status, 301);
    end();
}
END_TEST

START_TEST(endless_redirects_end) {
    begin();
    fake_server_set(&server, "/round", "302 Found\r\nLocation: /round", "", 0);
    struct http_request_options options = plain("/round");
    ask_once(&options);
    ck_assert_int_eq(answer.rc, ERR_IO);
    ck_assert_uint_eq(fake_server_asked(&server, "/round"), 11);
    end();
}
END_TEST

static void write_secret(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

START_TEST(files_of_secrets_are_read_at_each_start) {
    char path[] = "/tmp/ferula_secret_XXXXXX";
    int fd = mkstemp(path);
    begin();
    close(fd);
    set_plain("/a", 1);
    struct http_request_options options = plain("/a");
    options.authorization = "Bearer";
    options.credentials_file = path;
    struct http_request *request = make(&options);
    write_secret(path, "one\n");
    ask(request);
    ck_assert(fake_server_heard(&server, "/a", "Authorization: Bearer one\r\n"));
    write_secret(path, "two");
    ask(request);
    ck_assert(fake_server_heard(&server, "/a", "Authorization: Bearer two\r\n"));
    unlink(path);
    ask(request);
    ck_assert_int_eq(answer.rc, ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(answer.text, path));
    http_request_destroy(request);
    end();
}
END_TEST

START_TEST(a_running_request_can_be_destroyed) {
    begin();
    fake_server_set(&server, "/never", NULL, NULL, 0);
    struct http_request_options options = plain("/never");
    struct http_request *request = make(&options);
    http_request_start(request);
    ck_assert(http_request_is_running(request));
    while (!fake_server_asked(&server, "/never")) uv_run(loop_uv(loop), UV_RUN_NOWAIT);
    http_request_destroy(request);
    ck_assert_uint_eq(answer.count, 0);
    end();
}
END_TEST

START_TEST(a_request_that_could_not_start_can_be_destroyed_before_it_says_so) {
    begin();
    struct http_request_options options = plain("/a");
    options.username = "me";
    options.password_file = "/nowhere/at/all";
    struct http_request *request = make(&options);
    http_request_start(request);
    http_request_destroy(request);
    for (int i = 0; i < 5; i++) uv_run(loop_uv(loop), UV_RUN_NOWAIT);
    ck_assert_uint_eq(answer.count, 0);
    end();
}
END_TEST

CHECK_MAIN("request", an_answer_comes_with_status_type_and_body, a_connection_is_used_again,
           a_packed_body_is_unpacked_under_its_limit, a_bomb_is_refused,
           a_limit_holds_in_memory_lent_by_a_larger_request, a_slow_server_is_a_timeout,
           each_of_many_requests_has_a_timeout_of_its_own, a_dead_server_is_named_with_the_reason,
           redirects_are_followed_when_wanted_and_carry_no_credentials_away, endless_redirects_end,
           files_of_secrets_are_read_at_each_start, a_running_request_can_be_destroyed,
           a_request_that_could_not_start_can_be_destroyed_before_it_says_so)
