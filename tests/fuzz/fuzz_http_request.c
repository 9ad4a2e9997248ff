// links: web_http
/*
 * Any bytes on a connection, in pieces of any size, are requests or a refusal. A request that is taken keeps
 * what the rest of the server builds on. Input: size of the pieces, bytes.
 */
#include "lib/base/assert.h"
#include "web/http/request_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_taken(const struct incoming *incoming) {
    const struct web_request *request = &incoming->request;
    ASSERT(request->path.len > 0 && request->path.ptr[0] == '/');
    ASSERT(request->header_count <= REQUEST_HEADER_COUNT_MAX);
    ASSERT(request->body.len <= REQUEST_BODY_MAX);
    int hosts = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        struct span value = request->headers[i].value;
        ASSERT(request->headers[i].name.len > 0);
        for (size_t j = 0; j < value.len; j++) ASSERT(!strchr("\r\n", value.ptr[j]));
        hosts += request->headers[i].name.len == 4 &&
                 span_equal(web_request_header(request, "Host"), value) &&
                 request->headers[i].name.ptr[0] != 'X';
    }
    ASSERT(request->http_minor == 0 || hosts >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    size_t step = 1 + (size_t)data[0] * 16;
    struct request_parser parser;
    struct incoming *incoming;
    enum parse_state state = PARSE_MORE;
    request_parser_init(&parser, NULL);
    for (size_t at = 1; at < size && state != PARSE_REFUSED; at += step) {
        request_parser_feed(&parser, (const char *)data + at, size - at < step ? size - at : step);
        while ((state = request_parser_next(&parser, &incoming)) == PARSE_DONE) {
            check_taken(incoming);
            incoming_destroy(incoming);
        }
    }
    ASSERT(state != PARSE_REFUSED || (parser.refused >= 400 && parser.reason));
    request_parser_release(&parser);
    return 0;
}
