#include "lib/discovery/fetch.h"

#include "lib/base/arena.h"
#include "lib/codec/url.h"
#include "lib/http/from_config.h"

#define OPTIONS_MAX_BYTES ((size_t)16 << 20)

int fetch_start(struct fetch *fetch, const struct http_client_config *http,
                struct http_request_options *options, http_done *done, void *context, struct err *err) {
    struct arena arena;
    arena_init(&arena, OPTIONS_MAX_BYTES, NULL);
    fetch_stop(fetch);
    int rc = http_options_from_config(http, &arena, options, err);
    if (!rc) rc = http_request_create(fetch->client, options, done, context, &fetch->request, err);
    if (!rc) http_request_start(fetch->request);
    arena_release(&arena);
    return rc;
}

void fetch_stop(struct fetch *fetch) {
    http_request_destroy(fetch->request);
    fetch->request = NULL;
}

void url_put_query(struct buf *url, const char *name, struct span value) {
    if (!value.len) return;
    buf_putc(url, memchr(url->data, '?', url->len) ? '&' : '?');
    buf_puts(url, name);
    buf_putc(url, '=');
    url_write_escaped(value, url);
}

void put_address(struct buf *out, struct span host, uint64_t port) {
    bool is_ipv6 = span_find_byte(host, ':', 0) < host.len;
    buf_printf(out, is_ipv6 ? "[%.*s]:%llu" : "%.*s:%llu", SPAN_ARG(host), (unsigned long long)port);
}

int fetch_judge(const struct http_response *response, struct err *err) {
    if (response->rc) {
        if (err) *err = response->err;
        return response->rc;
    }
    if (response->status == 200) return 0;
    struct span body = span_trim(response->body);
    if (body.len > 100) body.len = 100;
    while (body.len && (body.ptr[body.len - 1] == '\n' || body.ptr[body.len - 1] == '\r')) body.len--;
    return err_set(err, ERR_IO, "server returned HTTP status %ld%s%.*s", response->status,
                   body.len ? ": " : "", SPAN_ARG(body));
}
