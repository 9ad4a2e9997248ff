#include "lib/codec/base64.h"

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct span text, struct buf *out, struct err *err) {
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
