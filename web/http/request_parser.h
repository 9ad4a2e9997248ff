#pragma once
/*
 * request_parser.h - bytes of a connection to requests, one at a time. No sockets here: the fuzz target
 * drives it.
 *
 *     feed(bytes) -> [ header block ... \r\n\r\n | body ... | next request ... ]
 *
 * A header block is taken whole, looked over by own guards (bare line feeds, folded lines, NUL, sizes, one
 * Host, one length), then given to llhttp, which is strict about the rest. Anything doubtful ends the
 * connection with the status in `refused`.
 */
#include "web/http/exchange.h"

#include <llhttp.h>

#define HTTP_LINE_MAX ((size_t)64 << 10)
#define HTTP_HEADERS_MAX ((size_t)64 << 10)
#define HTTP_HEADER_COUNT_MAX 100

enum parse_state { PARSE_MORE, PARSE_DONE, PARSE_REFUSED };

struct request_parser {
    llhttp_t llhttp;
    llhttp_settings_t settings;
    struct buf in; /* bytes not used yet */
    size_t max_body_bytes;
    struct http_exchange *exchange; /* being filled; owned until handed out */
    struct buf body;
    struct buf url;
    bool in_body, is_complete, keep_alive, is_http10;
    int refused; /* status */
    const char *reason;
    struct span field; /* name of the header being read, in `in` */
    int host_count, length_count, header_count;
};

void request_parser_init(struct request_parser *parser, size_t max_body_bytes);
void request_parser_release(struct request_parser *parser);
/* false when more than the limits is waiting */
bool request_parser_feed(struct request_parser *parser, const char *data, size_t len);
/* the next whole request; the exchange is the caller's: exchange_destroy */
enum parse_state request_parser_next(struct request_parser *parser, struct http_exchange **exchange);
/* has a part of a request come? */
bool request_parser_has_begun(const struct request_parser *parser);

struct http_exchange *exchange_create(void);
void exchange_destroy(struct http_exchange *exchange);
