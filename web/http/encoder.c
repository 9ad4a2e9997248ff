#include "web/http/encoder.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <strings.h>
#include <zlib.h>

#define OUT_STEP ((size_t)16 << 10)

static bool is_coding(struct span text, const char *name) {
    return text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0;
}

/* "gzip;q=0" or "gzip; q=0.000" */
static bool is_refused(struct span parameters) {
    parameters = span_trim(parameters);
    if (parameters.len < 3 || strncasecmp(parameters.ptr, "q=0", 3) != 0) return false;
    for (size_t i = 3; i < parameters.len; i++)
        if (parameters.ptr[i] != '.' && parameters.ptr[i] != '0') return false;
    return true;
}

/* the next coding of the list that we have and that is not refused, or ENCODING_NONE at its end */
static enum encoding next_coding(struct span accept, size_t *at) {
    while (*at < accept.len) {
        size_t end = span_find_byte(accept, ',', *at);
        struct span item = span_of(accept.ptr + *at, end - *at);
        *at = end + 1;
        size_t semicolon = span_find_byte(item, ';', 0);
        struct span coding = span_trim(span_of(item.ptr, semicolon)), parameters = {0};
        if (semicolon < item.len) parameters = span_of(item.ptr + semicolon + 1, item.len - semicolon - 1);
        if (is_refused(parameters)) continue;
        if (is_coding(coding, "gzip")) return ENCODING_GZIP;
        if (is_coding(coding, "deflate")) return ENCODING_DEFLATE;
    }
    return ENCODING_NONE;
}

enum encoding encoding_choose(struct span accept) {
    size_t at = 0;
    return next_coding(accept, &at);
}

bool encoding_is_taken(struct span accept, enum encoding encoding) {
    size_t at = 0;
    for (;;) {
        enum encoding next = next_coding(accept, &at);
        if (next == encoding || next == ENCODING_NONE) return next == encoding;
    }
}

const char *encoding_name(enum encoding encoding) {
    return encoding == ENCODING_GZIP ? "gzip" : "deflate";
}

struct encoder {
    z_stream stream;
};

struct encoder *encoder_create(enum encoding encoding) {
    ASSERT(encoding != ENCODING_NONE);
    struct encoder *encoder = mem_zalloc(sizeof *encoder);
    int window = encoding == ENCODING_GZIP ? 15 + 16 : 15;
    int rc = deflateInit2(&encoder->stream, Z_BEST_SPEED, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    ASSERT(rc == Z_OK); /* only memory could fail here */
    return encoder;
}

void encoder_destroy(struct encoder *encoder) {
    if (!encoder) return;
    deflateEnd(&encoder->stream);
    mem_free(encoder);
}

bool encoder_write(struct encoder *encoder, struct span data, bool is_last, struct buf *out) {
    z_stream *stream = &encoder->stream;
    ASSERT(data.len <= UINT32_MAX);
    stream->next_in = (z_const Bytef *)data.ptr;
    stream->avail_in = (uInt)data.len;
    int rc = Z_OK;
    do {
        if (!buf_reserve(out, OUT_STEP)) return false;
        stream->next_out = (Bytef *)out->data + out->len;
        stream->avail_out = (uInt)OUT_STEP;
        rc = deflate(stream, is_last ? Z_FINISH : Z_NO_FLUSH);
        ASSERT(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
        out->len += OUT_STEP - stream->avail_out;
    } while (stream->avail_out == 0);
    return true;
}
