#include "web/gate/authorization.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdint.h>
#include <strings.h>

static int digit_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* base64 with its padding, strictly: each text has one form. The length, or -1. */
static long decode(struct span text, char out[AUTHORIZATION_MAX]) {
    size_t len = 0;
    if (text.len % 4 || text.len / 4 * 3 > AUTHORIZATION_MAX) return -1;
    for (size_t at = 0; at < text.len; at += 4) {
        size_t padding =
            at + 4 < text.len ? 0 : (size_t)(text.ptr[at + 3] == '=') + (text.ptr[at + 2] == '=');
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++) {
            int digit = i >= 4 - padding ? 0 : digit_of(text.ptr[at + i]);
            if (digit < 0) return -1;
            bits = bits << 6 | (uint32_t)digit;
        }
        if (padding == 2 && text.ptr[at + 3] != '=') return -1;
        if (bits & ((1u << (8 * padding)) - 1)) return -1;
        for (size_t i = 0; i < 3 - padding; i++) out[len++] = (char)(bits >> (16 - 8 * i) & 0xff);
    }
    return (long)len;
}

/* the rest behind "word ", in any case; false when it begins otherwise */
static bool takes_word(struct span header, const char *word, struct span *rest) {
    size_t len = strlen(word);
    if (header.len <= len || strncasecmp(header.ptr, word, len) != 0 || header.ptr[len] != ' ') return false;
    *rest = span_trim(span_of(header.ptr + len, header.len - len));
    return true;
}

void authorization_read(struct span header, struct authorization *authorization) {
    struct span rest;
    authorization->kind = header.ptr ? AUTHORIZATION_BAD : AUTHORIZATION_NONE;
    authorization->user = authorization->password = authorization->token = (struct span){0};
    if (!header.ptr) return;
    if (takes_word(header, "Bearer", &rest)) {
        authorization->token = rest;
        if (rest.len && rest.len <= AUTHORIZATION_MAX) authorization->kind = AUTHORIZATION_BEARER;
        return;
    }
    if (!takes_word(header, "Basic", &rest)) return;
    long len = decode(rest, authorization->text);
    if (len <= 0) return;
    struct span text = span_of(authorization->text, (size_t)len);
    size_t colon = span_find_byte(text, ':', 0);
    if (colon == text.len) return;
    authorization->user = span_of(text.ptr, colon);
    authorization->password = span_of(text.ptr + colon + 1, text.len - colon - 1);
    authorization->kind = AUTHORIZATION_BASIC;
}

void authorization_wipe(struct authorization *authorization) {
    OPENSSL_cleanse(authorization, sizeof *authorization);
}
