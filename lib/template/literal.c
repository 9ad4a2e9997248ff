#include "lib/template/literal.h"

#include "lib/codec/number.h"
#include "lib/template/template.h"

#include <math.h>

void utf8_write(uint64_t rune, struct buf *out) {
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) rune = 0xfffd;
    if (rune < 0x80) {
        buf_putc(out, (char)rune);
    } else if (rune < 0x800) {
        buf_putc(out, (char)(0xc0 | rune >> 6));
        buf_putc(out, (char)(0x80 | (rune & 63)));
    } else if (rune < 0x10000) {
        buf_putc(out, (char)(0xe0 | rune >> 12));
        buf_putc(out, (char)(0x80 | (rune >> 6 & 63)));
        buf_putc(out, (char)(0x80 | (rune & 63)));
    } else {
        buf_putc(out, (char)(0xf0 | rune >> 18));
        buf_putc(out, (char)(0x80 | (rune >> 12 & 63)));
        buf_putc(out, (char)(0x80 | (rune >> 6 & 63)));
        buf_putc(out, (char)(0x80 | (rune & 63)));
    }
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* `digits` digits of that base at *at; false when they are not there */
static bool take_code(struct span text, size_t *at, int digits, int base, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        int digit = *at < text.len ? hex_digit(text.ptr[*at]) : -1;
        if (digit < 0 || digit >= base) return false;
        *code = *code * (uint32_t)base + (uint32_t)digit;
    }
    return true;
}

/* one escape behind its backslash */
static bool take_escape(struct span text, size_t *at, struct buf *out) {
    static const char letters[] = "abfnrtv\\'\"", bytes[] = "\a\b\f\n\r\t\v\\'\"";
    if (*at >= text.len) return false;
    char c = text.ptr[*at];
    const char *letter = strchr(letters, c);
    uint32_t code;
    if (c && letter) {
        buf_putc(out, bytes[letter - letters]);
        (*at)++;
        return true;
    }
    if (c >= '0' && c <= '7') {
        if (!take_code(text, at, 3, 8, &code) || code > 255) return false;
        buf_putc(out, (char)code);
        return true;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    (*at)++;
    if (!digits || !take_code(text, at, digits, 16, &code)) return false;
    if (c == 'x')
        buf_putc(out, (char)code);
    else if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return false;
    else
        utf8_write(code, out);
    return true;
}

int literal_unquote(struct span text, struct arena *arena, struct span *value) {
    struct span inner = span_of(text.ptr + 1, text.len - 2);
    if (text.ptr[0] == '`') {
        *value = inner;
        return 0;
    }
    struct buf out;
    bool good = true;
    buf_init(&out, TEMPLATE_MAX_TEXT);
    for (size_t i = 0; good && i < inner.len;) {
        if (inner.ptr[i] != '\\') {
            buf_putc(&out, inner.ptr[i++]);
        } else {
            i++;
            good = take_escape(inner, &i, &out);
        }
    }
    char *copy = good && !out.failed ? arena_strndup(arena, out.data ? out.data : "", out.len) : NULL;
    *value = span_of(copy, out.len);
    buf_release(&out);
    return copy ? 0 : good ? ERR_LIMIT : ERR_INVALID;
}

/* 0x1f, 0b11, 0o17 */
static bool based_int(struct span text, int64_t *value) {
    size_t at = text.len && (text.ptr[0] == '+' || text.ptr[0] == '-');
    if (text.len < at + 3 || text.ptr[at] != '0') return false;
    char kind = (char)(text.ptr[at + 1] | 0x20);
    int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    uint64_t sum = 0;
    if (!base) return false;
    for (size_t i = at + 2; i < text.len; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0 || digit >= base || sum > (UINT64_MAX >> 5)) return false;
        sum = sum * (unsigned)base + (unsigned)digit;
    }
    if (sum > INT64_MAX) return false;
    *value = text.ptr[0] == '-' ? -(int64_t)sum : (int64_t)sum;
    return true;
}

bool literal_number(struct span text, double *number, int64_t *integer, bool *is_int) {
    char last = text.ptr[text.len - 1];
    bool starts_well = strchr("+-.0123456789", text.ptr[0]) && last != '+' && last != '-';
    *is_int = based_int(text, integer) || number_parse_int(text, integer);
    if (*is_int) {
        *number = (double)*integer;
        return true;
    }
    if (!starts_well || !number_parse(text, number) || !isfinite(*number)) return false;
    *is_int = fabs(*number) < 9e18 && *number == floor(*number);
    if (*is_int) *integer = (int64_t)*number;
    return true;
}
