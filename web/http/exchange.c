#include "web/http/exchange.h"

#include "lib/base/assert.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

#define PARAMS_MAX 10000
#define COMPRESS_FROM ((size_t)1400) /* less fits one packet anyway */

struct span http_param(const struct http_exchange *exchange, const char *name) {
    for (size_t i = 0; i < exchange->param_count; i++)
        if (span_is(exchange->params[i].name, name)) return exchange->params[i].value;
    return span_of(NULL, 0);
}

void http_header(struct http_exchange *exchange, const char *header) {
    ASSERT(exchange->header_count < HTTP_EXTRA_HEADERS);
    if (header) exchange->headers[exchange->header_count++] = header;
}

void http_answer_text(struct http_exchange *exchange, int status, const char *text) {
    exchange->status = status;
    exchange->answer_type = "text/plain; charset=utf-8";
    buf_reset(&exchange->answer);
    buf_puts(&exchange->answer, text);
    buf_putc(&exchange->answer, '\n');
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') return (c | 0x20) - 'a' + 10;
    return -1;
}

bool http_decode(struct arena *arena, struct span text, bool plus, struct span *out) {
    if (span_find_byte(text, '%', 0) == text.len && (!plus || span_find_byte(text, '+', 0) == text.len)) {
        *out = text;
        return true;
    }
    char *copy = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    if (!copy) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1,
                low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0 || (high | low) == 0) return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        copy[len++] = c;
    }
    copy[len] = '\0';
    *out = span_of(copy, len);
    return true;
}

static size_t count_pairs(struct span text) {
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++) count += text.ptr[i] == '&';
    return count;
}

bool http_params_parse(struct http_exchange *exchange, struct span text) {
    size_t most = exchange->param_count + count_pairs(text);
    if (most > PARAMS_MAX) return false;
    struct http_param *params = arena_array(&exchange->arena, most, sizeof *params);
    if (!params) return false;
    if (exchange->param_count) memcpy(params, exchange->params, exchange->param_count * sizeof *params);
    exchange->params = params;
    for (size_t at = 0; at < text.len;) {
        size_t end = span_find_byte(text, '&', at);
        struct span pair = span_of(text.ptr + at, end - at);
        size_t equal = span_find_byte(pair, '=', 0);
        struct http_param *param = &params[exchange->param_count];
        at = end + 1;
        if (!pair.len) continue;
        if (!http_decode(&exchange->arena, span_of(pair.ptr, equal), true, &param->name)) return false;
        struct span value =
            equal < pair.len ? span_of(pair.ptr + equal + 1, pair.len - equal - 1) : span_of("", 0);
        if (!http_decode(&exchange->arena, value, true, &param->value)) return false;
        exchange->param_count++;
    }
    return true;
}

/* the first of gzip and deflate in the client's order; weights are not looked at, as upstream */
static const char *choose_encoding(struct span accept) {
    for (size_t at = 0; at < accept.len;) {
        size_t end = span_find_byte(accept, ',', at);
        struct span item = span_trim(span_of(accept.ptr + at, end - at));
        item = span_trim(span_of(item.ptr, span_find_byte(item, ';', 0)));
        if (item.len == 4 && strncasecmp(item.ptr, "gzip", 4) == 0) return "gzip";
        if (item.len == 7 && strncasecmp(item.ptr, "deflate", 7) == 0) return "deflate";
        at = end + 1;
    }
    return NULL;
}

static bool deflate_whole(struct span from, bool gzip, struct buf *to) {
    z_stream stream = {0};
    if (deflateInit2(&stream, 1, Z_DEFLATED, gzip ? 15 + 16 : 15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&stream, from.len), done = 0;
    int rc = Z_OK;
    bool has_room = buf_reserve(to, bound);
    stream.next_out = (unsigned char *)to->data;
    while (has_room && rc == Z_OK) {
        /* zlib counts in 32 bits */
        size_t piece = from.len - done < ((size_t)1 << 30) ? from.len - done : (size_t)1 << 30;
        stream.next_in = (unsigned char *)from.ptr + done;
        stream.avail_in = (unsigned)piece;
        stream.avail_out =
            bound - stream.total_out < ((size_t)1 << 30) ? (unsigned)(bound - stream.total_out) : 1u << 30;
        done += piece;
        rc = deflate(&stream, done == from.len ? Z_FINISH : Z_NO_FLUSH);
        done -= stream.avail_in;
    }
    to->len = stream.total_out;
    deflateEnd(&stream);
    return has_room && rc == Z_STREAM_END;
}

void http_compress(struct http_exchange *exchange) {
    const char *encoding = choose_encoding(exchange->accept_encoding);
    struct buf packed;
    if (!encoding || exchange->answer.len < COMPRESS_FROM || exchange->answer.failed) return;
    buf_init(&packed, HTTP_ANSWER_MAX);
    if (deflate_whole(buf_view(&exchange->answer), encoding[0] == 'g', &packed)) {
        struct buf plain = exchange->answer;
        exchange->answer = packed;
        packed = plain;
        http_header(exchange, encoding[0] == 'g' ? "Content-Encoding: gzip" : "Content-Encoding: deflate");
    }
    buf_release(&packed);
}
