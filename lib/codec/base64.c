#include "lib/codec/base64.h"

void base64_write(struct span bytes, enum base64_kind kind, struct buf *out) {
    static const char alphabets[2][65] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
    const char *letters = alphabets[kind];
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
        if (left > 1) group |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2) group |= (unsigned char)bytes.ptr[i + 2];
        for (size_t k = 0; k < 4; k++) {
            if (k <= left)
                buf_putc(out, letters[group >> (18 - 6 * k) & 63]);
            else if (kind == BASE64_PLAIN)
                buf_putc(out, '=');
        }
    }
}
