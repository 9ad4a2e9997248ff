/* Numbers, durations and strings, and how a character is shown in an error. */
#include "promql/parse/lexer.h"

#include <stdio.h>
#include <string.h>

/* the sequence at `at`: its length and code point; 0xfffd for what is no UTF-8 */
static uint32_t rune_at(struct span text, uint32_t at, uint32_t *rune) {
    uint32_t len = 1;
    unsigned char c = (unsigned char)text.ptr[at];
    *rune = c;
    if (c < 0x80) return 1;
    while (len < 4 && at + len < text.len && ((unsigned char)text.ptr[at + len] & 0xc0) == 0x80) len++;
    uint32_t wanted = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (len < wanted || !span_is_utf8(span_of(text.ptr + at, wanted))) {
        *rune = 0xfffd;
        return 1;
    }
    *rune = c & (0xffu >> (wanted + 1));
    for (uint32_t i = 1; i < wanted; i++) *rune = *rune << 6 | ((unsigned char)text.ptr[at + i] & 0x3f);
    return wanted;
}

static bool is_printable(uint32_t rune) {
    return !(rune < 0x20 || (rune >= 0x7f && rune <= 0xa0) || rune == 0xad ||
             (rune >= 0x2000 && rune <= 0x200f) || (rune >= 0x2028 && rune <= 0x202f) ||
             (rune >= 0x205f && rune <= 0x206f) || rune == 0x3000 || rune == 0xfeff ||
             (rune >= 0xe000 && rune <= 0xf8ff));
}

/* as Go's %q writes one character */
static void quote_rune(struct span text, uint32_t at, char *out, size_t size) {
    static const char letters[] = "abtnvfr"; /* from \a on */
    uint32_t rune, len = at < text.len ? rune_at(text, at, &rune) : 0;
    if (len == 0 || rune == 0xfffd)
        snprintf(out, size, "'\xef\xbf\xbd'");
    else if (rune == '\'' || rune == '\\')
        snprintf(out, size, "'\\%c'", (char)rune);
    else if (is_printable(rune))
        snprintf(out, size, "'%.*s'", (int)len, text.ptr + at);
    else if (rune >= '\a' && rune <= '\r')
        snprintf(out, size, "'\\%c'", letters[rune - '\a']);
    else
        snprintf(out, size, rune < 0x80 ? "'\\x%02x'" : "'\\u%04x'", rune);
}

struct token lexer_fail_at(struct lexer *lexer, uint32_t start, uint32_t at, const char *message,
                           const char *rest) {
    char quoted[24];
    quote_rune(lexer->text, at, quoted, sizeof quoted);
    return lexer_fail(lexer, start, "%s%s%s", message, quoted, rest);
}

static bool is_digit_of(char c, bool hex) {
    return lexer_is_digit(c) || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

static bool accept(struct lexer *lexer, const char *set) {
    char c = lexer_peek(lexer, 0);
    if (!c || !strchr(set, c)) return false;
    lexer->at++;
    return true;
}

/* What may be a number: points, exponents and underscores where Go allows them. False leaves the lexer behind
 * the character that was wrong. The parser judges the rest (09 and 1_ are refused there). */
static bool scan_number(struct lexer *lexer) {
    bool hex = lexer_peek(lexer, 0) == '0' && (lexer_peek(lexer, 1) | 0x20) == 'x';
    bool after_point = false, after_exponent = false;
    if (hex) {
        lexer->at += 2;
        (void)accept(lexer, "_"); /* one may stand here */
    }
    for (;;) {
        char c = lexer_peek(lexer, 0);
        if (is_digit_of(c, hex)) {
            lexer->at++;
        } else if (c == '.') {
            lexer->at++;
            if (after_point || hex || accept(lexer, "_.")) return false;
            after_point = true;
        } else if (!hex && (c | 0x20) == 'e') {
            lexer->at++;
            if (after_exponent) return false;
            after_exponent = true;
            (void)accept(lexer, "+-");
            if (accept(lexer, "._eE") || lexer->at >= lexer->text.len) return false;
        } else if (c == '_') {
            lexer->at++;
            if (accept(lexer, "._eE") || lexer->at >= lexer->text.len) return false;
        } else {
            return !lexer_is_alpha(c);
        }
    }
}

/* The rest of 1h30m behind its first digits. Which units there are and in which order the parser judges. */
static bool scan_duration(struct lexer *lexer) {
    const char *units = "smhdwy";
    do {
        if (!accept(lexer, units)) return false;
        (void)accept(lexer, "s"); /* ms */
        units = "smhdw";
        if (!lexer_is_digit(lexer_peek(lexer, 0))) break;
        while (lexer_is_digit(lexer_peek(lexer, 0))) lexer->at++;
    } while (true);
    if (!lexer_is_alpha(lexer_peek(lexer, 0))) return true;
    lexer->at++;
    return false;
}

struct token lexer_take_number(struct lexer *lexer) {
    uint32_t start = lexer->at;
    lexer->after_operand = true;
    if (scan_number(lexer)) return lexer_token(lexer, TOKEN_NUMBER, start);
    if (scan_duration(lexer)) return lexer_token(lexer, TOKEN_DURATION, start);
    return lexer_fail(lexer, start, "bad number or duration syntax: \"%.*s\"", (int)(lexer->at - start),
                      lexer->text.ptr + start);
}

/* U+0063 'c' */
static struct token fail_escape(struct lexer *lexer, uint32_t start, const char *before, const char *behind) {
    char quoted[24];
    uint32_t rune;
    (void)rune_at(lexer->text, lexer->at, &rune);
    quote_rune(lexer->text, lexer->at, quoted, sizeof quoted);
    bool shown = is_printable(rune);
    return lexer_fail(lexer, start, "%sU+%04X%s%s%s", before, rune, shown ? " " : "", shown ? quoted : "",
                      behind);
}

static uint32_t digit_of(char c) {
    if (lexer_is_digit(c)) return (uint32_t)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : 16;
}

/* behind a backslash; false with *failed set */
static bool take_escape(struct lexer *lexer, uint32_t start, char quote, struct token *failed) {
    char c = lexer_peek(lexer, 0);
    bool at_end = lexer->at >= lexer->text.len;
    uint32_t count = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 3, base = 16, code = 0;
    if (at_end) {
        *failed = lexer_fail(lexer, start, "escape sequence not terminated");
        return false;
    }
    if (c == quote || (c && strchr("abfnrtv\\", c))) {
        lexer->at++;
        return true;
    }
    if (c >= '0' && c <= '7') {
        base = 8;
    } else if (count == 3) {
        *failed = fail_escape(lexer, start, "unknown escape sequence ", "");
        return false;
    } else {
        lexer->at++;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t digit = digit_of(lexer_peek(lexer, 0));
        if (digit >= base) {
            *failed = lexer->at >= lexer->text.len
                          ? lexer_fail(lexer, start, "escape sequence not terminated")
                          : fail_escape(lexer, start, "illegal character ", " in escape sequence");
            return false;
        }
        code = code * base + digit;
        lexer->at++;
    }
    if (code <= (count == 3 ? 255 : 0x10ffff) && (code < 0xd800 || code >= 0xe000)) return true;
    *failed = lexer_fail(lexer, start, "escape sequence is an invalid Unicode code point");
    return false;
}

struct token lexer_take_string(struct lexer *lexer) {
    uint32_t start = lexer->at, rune;
    char quote = lexer->text.ptr[lexer->at++];
    struct token failed;
    while (lexer->at < lexer->text.len) {
        char c = lexer->text.ptr[lexer->at];
        if (c == '\n' && quote != '`') break;
        uint32_t len = rune_at(lexer->text, lexer->at, &rune);
        if (rune == 0xfffd && len == 1) return lexer_fail(lexer, start, "invalid UTF-8 rune");
        lexer->at += len;
        if (c == quote) return lexer_token(lexer, TOKEN_STRING, start);
        if (c == '\\' && quote != '`' && !take_escape(lexer, start, quote, &failed)) return failed;
    }
    return lexer_fail(lexer, start, quote == '`' ? "unterminated raw string" : "unterminated quoted string");
}
