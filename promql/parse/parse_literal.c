#include "promql/parse/parser.h"

#include "lib/codec/number.h"
#include "lib/model/duration.h"

#include <math.h>
#include <string.h>

#define NUMBER_TEXT_MAX 512

/* digits of base 8 or 16 up to 2^63 - 1 */
static bool whole_value(struct span digits, unsigned base, double *value) {
    uint64_t sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        uint64_t digit = (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        if (digit >= base || sum > (INT64_MAX - digit) / base) return false;
        sum = sum * base + digit;
    }
    *value = (double)sum;
    return digits.len > 0;
}

static bool is_octal(struct span digits) {
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] < '0' || digits.ptr[i] > '7') return false;
    return true;
}

/* As Go reads it: an integer with a prefix (0x1F, and 0755 is octal), else a float. Underscores stand between
 * digits. */
static bool number_value(struct span text, double *value) {
    char plain[NUMBER_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_') {
            if (i + 1 == text.len) return false;
            continue;
        }
        if (len == sizeof plain) return false;
        plain[len++] = text.ptr[i];
    }
    bool has_zero = len > 1 && plain[0] == '0';
    if (has_zero && (plain[1] | 0x20) == 'x') return whole_value(span_of(plain + 2, len - 2), 16, value);
    if (has_zero && is_octal(span_of(plain, len)) && whole_value(span_of(plain + 1, len - 1), 8, value))
        return true;
    return number_parse(span_of(plain, len), value);
}

/* decimal digits, a point, an exponent: what is out of range rather than wrong */
static bool is_well_formed(struct span text) {
    if (text.len && (text.ptr[text.len - 1] == '_' || (text.ptr[text.len - 1] | 0x20) == 'e')) return false;
    return !(text.len > 1 && (text.ptr[1] | 0x20) == 'x');
}

bool parse_duration_token(struct parser *parser, int64_t *ms) {
    struct err err = {0};
    if (duration_parse(parse_text(parser), ms, &err) != 0) {
        parse_fail(parser, parser->token.start, parser->token.end, "%s", err.text);
        return false;
    }
    parse_advance(parser);
    return true;
}

bool parse_number_token(struct parser *parser, double *value) {
    int64_t ms;
    if (parser->token.kind == TOKEN_DURATION) {
        if (!parse_duration_token(parser, &ms)) return false;
        *value = (double)ms / 1000;
        return true;
    }
    if (!number_value(parse_text(parser), value)) {
        struct span text = parse_text(parser);
        parse_fail(parser, parser->token.start, parser->token.end,
                   "error parsing number: strconv.ParseFloat: parsing \"%.*s\": %s", SPAN_ARG(text),
                   is_well_formed(text) ? "value out of range" : "invalid syntax");
        return false;
    }
    parse_advance(parser);
    return true;
}

static size_t put_utf8(uint32_t rune, char *out) {
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    if (rune < 0x800) {
        out[0] = (char)(0xc0 | rune >> 6);
        out[1] = (char)(0x80 | (rune & 0x3f));
        return 2;
    }
    if (rune < 0x10000) {
        out[0] = (char)(0xe0 | rune >> 12);
        out[1] = (char)(0x80 | (rune >> 6 & 0x3f));
        out[2] = (char)(0x80 | (rune & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | rune >> 18);
    out[1] = (char)(0x80 | (rune >> 12 & 0x3f));
    out[2] = (char)(0x80 | (rune >> 6 & 0x3f));
    out[3] = (char)(0x80 | (rune & 0x3f));
    return 4;
}

/* digits of one base; moves *at behind them */
static bool take_code(struct span body, size_t *at, size_t digits, uint32_t base, uint32_t *code) {
    *code = 0;
    if (body.len - *at < digits) return false;
    for (size_t i = 0; i < digits; i++) {
        char c = body.ptr[(*at)++];
        uint32_t digit = c >= '0' && c <= '9'                     ? (uint32_t)(c - '0')
                         : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (uint32_t)((c | 0x20) - 'a' + 10)
                                                                  : 99;
        if (digit >= base) return false;
        *code = *code * base + digit;
    }
    return true;
}

/* Go's escapes; *at is behind the backslash. Bytes written, 0 for a bad escape. */
static size_t take_escape(struct span body, size_t *at, char quote, char *out) {
    static const char letters[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
    uint32_t code;
    if (*at >= body.len) return 0;
    char c = body.ptr[(*at)++];
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter || c == quote) {
        out[0] = letter ? values[letter - letters] : quote;
        return 1;
    }
    if (c >= '0' && c <= '7') {
        (*at)--;
        if (!take_code(body, at, 3, 8, &code) || code > 255) return 0;
        out[0] = (char)code;
        return 1;
    }
    if (c != 'x' && c != 'u' && c != 'U') return 0;
    if (!take_code(body, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &code)) return 0;
    if (c == 'x') {
        out[0] = (char)code;
        return 1;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
    return put_utf8(code, out);
}

bool parse_string_token(struct parser *parser, struct span *text) {
    struct span token = parse_text(parser), body = span_of(token.ptr + 1, token.len - 2);
    char quote = token.ptr[0];
    if (quote == '`' || span_find_byte(body, '\\', 0) == body.len) {
        *text = body;
        parse_advance(parser);
        return true;
    }
    char *out = arena_alloc(parser->arena, body.len + 4); /* no escape is shorter than what it stands for */
    size_t len = 0;
    if (!out) return parse_fail(parser, 0, 0, "expression needs more memory than its limit") != NULL;
    for (size_t i = 0; i < body.len;) {
        if (body.ptr[i] != '\\') {
            out[len++] = body.ptr[i++];
            continue;
        }
        i++;
        size_t put = take_escape(body, &i, quote, out + len);
        if (!put) {
            parse_fail(parser, parser->token.start, parser->token.end,
                       "unknown escape sequence in string %.*s", SPAN_ARG(token));
            return false;
        }
        len += put;
    }
    *text = span_of(out, len);
    parse_advance(parser);
    return true;
}
