#include "web/http/encoder.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#define OUT_STEP ((size_t)16 << 10)
#define ZSTD_WINDOW_LOG 19 /* half a MiB for each answer under way; browsers take up to 8 */

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
        if (is_coding(coding, "zstd")) return ENCODING_ZSTD;
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
    static const char *const names[] = {"identity", "gzip", "deflate", "zstd"};
    return names[encoding];
}

struct encoder {
    ZSTD_CCtx *zstd; /* NULL: zlib's */
    z_stream stream;
};

struct encoder *encoder_create(enum encoding encoding) {
    ASSERT(encoding != ENCODING_NONE);
    struct encoder *encoder = mem_zalloc(sizeof *encoder);
    if (encoding == ENCODING_ZSTD) {
        encoder->zstd = ZSTD_createCCtx();
        ASSERT(encoder->zstd); /* only memory could fail here */
        size_t rc = ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, 1);
        ASSERT(!ZSTD_isError(rc));
        rc = ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_windowLog, ZSTD_WINDOW_LOG);
        ASSERT(!ZSTD_isError(rc));
        return encoder;
    }
    int window = encoding == ENCODING_GZIP ? 15 + 16 : 15;
    int rc = deflateInit2(&encoder->stream, Z_BEST_SPEED, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    ASSERT(rc == Z_OK); /* only memory could fail here */
    return encoder;
}

void encoder_destroy(struct encoder *encoder) {
    if (!encoder) return;
    if (encoder->zstd)
        ZSTD_freeCCtx(encoder->zstd);
    else
        deflateEnd(&encoder->stream);
    mem_free(encoder);
}

static bool write_zstd(ZSTD_CCtx *zstd, struct span data, bool is_last, struct buf *out) {
    ZSTD_inBuffer in = {data.ptr, data.len, 0};
    size_t left;
    do {
        if (!buf_reserve(out, OUT_STEP)) return false;
        ZSTD_outBuffer to = {out->data + out->len, OUT_STEP, 0};
        left = ZSTD_compressStream2(zstd, &to, &in, is_last ? ZSTD_e_end : ZSTD_e_continue);
        ASSERT(!ZSTD_isError(left));
        out->len += to.pos;
    } while (is_last ? left != 0 : in.pos < in.size);
    return true;
}

static bool write_zlib(z_stream *stream, struct span data, bool is_last, struct buf *out) {
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

bool encoder_write(struct encoder *encoder, struct span data, bool is_last, struct buf *out) {
    return encoder->zstd ? write_zstd(encoder->zstd, data, is_last, out)
                         : write_zlib(&encoder->stream, data, is_last, out);
}
