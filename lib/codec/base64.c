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

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_read(struct span text, struct buf *out, struct err *err) {
    uint32_t bits = 0;
    unsigned have = 0, padding = 0; /* characters of the group so far */
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\r') continue;
        int value = value_of(c);
        bool is_padding = c == '=' && have >= 2;
        if ((value < 0 && !is_padding) || (padding && !is_padding))
            return err_set(err, ERR_INVALID, "base64: invalid character at offset %zu", i);
        padding += is_padding;
        bits = bits << 6 | (uint32_t)(is_padding ? 0 : value);
        if (++have < 4) continue;
        const char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
        buf_append(out, bytes, 3 - padding);
        have = 0;
        bits = 0;
    }
    if (have) return err_set(err, ERR_INVALID, "base64: the last group is not complete");
    return out->failed ? err_set(err, ERR_LIMIT, "base64: more than %zu bytes", out->max_bytes) : 0;
}
