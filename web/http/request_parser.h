#pragma once
/*
 * request_parser.h - inside of web/http: the bytes of a connection to requests, one at a time. No sockets
 * here: the fuzz target drives it.
 *
 *     feed(bytes) -> in: [ request line \r\n header \r\n ... \r\n\r\n | body ... | next request ... ]
 *                          guards, each byte once | llhttp, whole     | llhttp, as it comes
 *
 * The guards come first and refuse what parsers disagree about: bare CR or LF, folded lines, NUL, too much of
 * anything. The head is then given to llhttp (strict mode) in one piece, and what it found is checked again:
 * one Host, one Content-Length of digits or Transfer-Encoding: chunked but never both. After a refusal the
 * connection is lost: where the next request would begin is not known.
 */
#include "web/http/guard.h"
#include "web/http/incoming.h"
#include "web/http/router.h"

#define REQUEST_LINE_MAX ((size_t)64 << 10)
#define REQUEST_HEADERS_MAX ((size_t)64 << 10)
#define REQUEST_HEADER_COUNT_MAX 100
#define REQUEST_BODY_MAX ((size_t)4 << 20) /* but for routes that take large ones */

enum parse_state { PARSE_MORE, PARSE_DONE, PARSE_REFUSED };
enum parse_place { PLACE_IDLE, PLACE_HEAD, PLACE_BODY };

struct llhttp__internal_s; /* llhttp_t, which only request_parser.c sees */

struct request_parser {
    struct llhttp__internal_s *llhttp;
    struct buf in;   /* bytes not used yet */
    size_t scanned;  /* of in, by the guards */
    size_t line_end; /* of the request line, 0 while it is not complete */
    size_t line_start;
    int header_count;
    uint64_t body_bytes; /* as they came, chunk framing included */
    struct budget *budget;
    const struct router *router;    /* says which routes take large bodies; NULL: none does */
    struct span prefix;             /* in front of its paths */
    const struct http_guard *guard; /* whose large bodies are worth reading; NULL: everybody's */
    struct incoming *incoming;      /* from the end of the head on; owned */
    bool is_complete, wants_continue;
    int refused;        /* status */
    const char *reason; /* a literal */
};

/* budget counts heads and bodies; may be NULL */
void request_parser_init(struct request_parser *parser, struct budget *budget);
void request_parser_release(struct request_parser *parser);
/* takes the bytes over; at most 64 KiB at a time, and not while that much is waiting already */
void request_parser_feed(struct request_parser *parser, const char *data, size_t len);
/* the next whole request, the caller's: incoming_destroy */
enum parse_state request_parser_next(struct request_parser *parser, struct incoming **incoming);
enum parse_place request_parser_place(const struct request_parser *parser);
/* true once, when the client waits for 100 Continue before it sends the body */
bool request_parser_take_continue(struct request_parser *parser);
