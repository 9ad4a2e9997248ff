#include "lib/codec/number.h"

#include "lib/codec/shim.h"

#include <math.h>
#include <string.h>

/* Shortest digits d1..dn of |value| and the exponent of d1: value = 0.d1d2..dn * 10^(point). */
struct decimal {
    char digits[24];
    int count;
    int point; /* digits before the decimal point; may be negative or beyond count */
};

static size_t put(char *out, const char *text) {
    size_t len = strlen(text);
    memcpy(out, text, len);
    return len;
}

/* 0 when value is finite, else the text is written */
static size_t write_special(double value, char *out) {
    if (isnan(value)) return put(out, "NaN");
    if (isinf(value)) return put(out, value > 0 ? "+Inf" : "-Inf");
    return 0;
}

static struct decimal decimal_of(double value) {
    char text[48];
    struct decimal decimal = {.count = 0};
    size_t len = shim_double_digits(fabs(value), text, sizeof text);
    size_t i = 0;
    for (; i < len && text[i] != 'e'; i++)
        if (text[i] != '.') decimal.digits[decimal.count++] = text[i];
    int exponent = 0, sign = 1;
    for (i++; i < len; i++) {
        if (text[i] == '-')
            sign = -1;
        else if (text[i] != '+')
            exponent = exponent * 10 + (text[i] - '0');
    }
    decimal.point = sign * exponent + 1;
    return decimal;
}

static size_t write_fixed(const struct decimal *decimal, char *out) {
    size_t at = 0;
    if (decimal->point <= 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int i = decimal->point; i < 0; i++) out[at++] = '0';
        memcpy(out + at, decimal->digits, (size_t)decimal->count);
        return at + (size_t)decimal->count;
    }
    for (int i = 0; i < decimal->point; i++) out[at++] = i < decimal->count ? decimal->digits[i] : '0';
    if (decimal->count <= decimal->point) return at;
    out[at++] = '.';
    memcpy(out + at, decimal->digits + decimal->point, (size_t)(decimal->count - decimal->point));
    return at + (size_t)(decimal->count - decimal->point);
}

static size_t write_exponent(const struct decimal *decimal, char *out) {
    size_t at = 0;
    out[at++] = decimal->digits[0];
    if (decimal->count > 1) {
        out[at++] = '.';
        memcpy(out + at, decimal->digits + 1, (size_t)decimal->count - 1);
        at += (size_t)decimal->count - 1;
    }
    int exponent = decimal->point - 1;
    out[at++] = 'e';
    out[at++] = exponent < 0 ? '-' : '+';
    if (exponent < 0) exponent = -exponent;
    if (exponent >= 100) out[at++] = (char)('0' + exponent / 100);
    out[at++] = (char)('0' + exponent / 10 % 10); /* Go writes at least two digits */
    out[at++] = (char)('0' + exponent % 10);
    return at;
}

static const char digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

static size_t count_digits(uint64_t whole) {
    static const uint64_t powers[] = {0,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      10000000000000000000u};
    size_t count = (64 - (size_t)__builtin_clzll(whole | 1)) * 1233 >> 12; /* bits times log 2, or one less */
    return count + (whole >= powers[count]);
}

/* two at a time, from the last to the first, in their place */
static size_t write_digits(uint64_t whole, char *out) {
    size_t count = count_digits(whole), at = count;
    for (; at >= 2; whole /= 100) {
        at -= 2;
        memcpy(out + at, digit_pairs + whole % 100 * 2, 2);
    }
    if (at) out[0] = (char)('0' + whole);
    return count;
}

size_t number_write_uint(uint64_t value, char out[20]) {
    return write_digits(value, out);
}

/* whole numbers below 2^53 are their digits, but for the general form from a million on */
static size_t write_whole(double value, char *out) {
    size_t at = 0;
    if (signbit(value)) out[at++] = '-';
    return at + write_digits((uint64_t)fabs(value), out + at);
}

/* Three decimals are enough for many: m / 1000 of at most 15 digits that reads back the same is the shortest,
 * since no two decimals of so few digits are the same double. 0: it is another number. */
static size_t write_thousandths(double value, char *out) {
    double scaled = fabs(value) * 1000;
    if (!(scaled >= 1 && scaled < 1e15)) return 0;
    uint64_t thousandths = (uint64_t)(scaled + 0.5);
    if ((double)thousandths / 1000 != fabs(value)) return 0;
    unsigned rest = (unsigned)(thousandths % 1000);
    size_t at = 0;
    if (signbit(value)) out[at++] = '-';
    at += write_digits(thousandths / 1000, out + at);
    if (!rest) return at;
    out[at++] = '.';
    out[at++] = (char)('0' + rest / 100);
    out[at++] = (char)('0' + rest / 10 % 10);
    out[at++] = (char)('0' + rest % 10);
    while (out[at - 1] == '0') at--;
    return at;
}

static bool is_small_whole(double value) {
    return fabs(value) < 9007199254740992.0 && value == trunc(value);
}

enum layout { LAYOUT_PLAIN, LAYOUT_JSON, LAYOUT_GENERAL };

static bool wants_exponent(enum layout layout, double value, const struct decimal *decimal) {
    double magnitude = fabs(value);
    switch (layout) {
    case LAYOUT_PLAIN: return false;
    case LAYOUT_JSON: return magnitude < 1e-6 || magnitude >= 1e21;
    case LAYOUT_GENERAL: return decimal->point - 1 < -4 || decimal->point - 1 >= 6;
    }
    return false;
}

static size_t write_number(enum layout layout, double value, char *out) {
    size_t special = write_special(value, out);
    if (special) return special;
    if (is_small_whole(value) && (layout != LAYOUT_GENERAL || fabs(value) < 1e6))
        return write_whole(value, out);
    size_t few = layout == LAYOUT_GENERAL ? 0 : write_thousandths(value, out);
    if (few) return few;
    struct decimal decimal = decimal_of(value);
    size_t at = 0;
    if (signbit(value)) out[at++] = '-';
    return at + (wants_exponent(layout, value, &decimal) ? write_exponent(&decimal, out + at)
                                                         : write_fixed(&decimal, out + at));
}

size_t number_write_plain(double value, char out[NUMBER_MAX_TEXT]) {
    return write_number(LAYOUT_PLAIN, value, out);
}

size_t number_write_json(double value, char out[NUMBER_MAX_TEXT]) {
    return write_number(LAYOUT_JSON, value, out);
}

size_t number_write_general(double value, char out[NUMBER_MAX_TEXT]) {
    return write_number(LAYOUT_GENERAL, value, out);
}

bool buf_number(struct buf *buf, double value) {
    if (!buf_reserve(buf, NUMBER_MAX_TEXT)) return false;
    buf->len += number_write_json(value, buf->data + buf->len);
    return true;
}

static bool is_word(struct span text, const char *lower) {
    size_t len = strlen(lower);
    if (text.len != len) return false;
    for (size_t i = 0; i < len; i++)
        if ((text.ptr[i] | 0x20) != lower[i]) return false;
    return true;
}

static bool parse_special(struct span body, bool negative, bool has_sign, double *value) {
    if (is_word(body, "inf") || is_word(body, "infinity")) {
        *value = negative ? -INFINITY : INFINITY;
        return true;
    }
    if (is_word(body, "nan") && !has_sign) {
        uint64_t bits = 0x7ff8000000000001u; /* the ordinary NaN, see lib/model/sample.h */
        memcpy(value, &bits, sizeof bits);
        return true;
    }
    return false;
}

/* Clinger's exact case: digits below 2^53 and a power of ten that a double holds exactly. */
size_t number_scan(struct span text, double *value) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    uint64_t mantissa = 0;
    size_t at = 0, point = 0, most = text.len < NUMBER_SCAN_MAX ? text.len : NUMBER_SCAN_MAX;
    for (; at < most; at++) {
        unsigned digit = (unsigned char)text.ptr[at] - (unsigned)'0';
        if (digit > 9) {
            if (text.ptr[at] != '.' || point) break;
            point = at + 1;
            continue;
        }
        mantissa = mantissa * 10 + digit;
    }
    if (at == (point != 0) || mantissa > (uint64_t)1 << 53) return 0; /* no digit, or too many */
    *value = point ? (double)mantissa / powers[at - point] : (double)mantissa;
    return at;
}

/* from_chars says "out of range" for both ends; only an exponent (or a long run of zeros) tells which */
static bool is_underflow(struct span body) {
    size_t e = 0;
    while (e < body.len && (body.ptr[e] | 0x20) != 'e') e++;
    if (e < body.len) return e + 1 < body.len && body.ptr[e + 1] == '-';
    size_t zeros = 0;
    while (zeros < body.len && body.ptr[zeros] == '0') zeros++;
    return zeros == body.len || body.ptr[zeros] == '.';
}

bool number_parse(struct span text, double *value) {
    struct span body = text;
    bool negative = false, has_sign = body.len && (body.ptr[0] == '-' || body.ptr[0] == '+');
    if (has_sign) {
        negative = body.ptr[0] == '-';
        body = span_of(body.ptr + 1, body.len - 1);
    }
    if (!body.len) return false;
    double magnitude;
    if (number_scan(body, &magnitude) != body.len) {
        char first = body.ptr[0];
        if ((first < '0' || first > '9') && first != '.')
            return parse_special(body, negative, has_sign, value);
        int rc = shim_double_parse(body.ptr, body.len, &magnitude);
        if (rc == 1 || (rc == 2 && !is_underflow(body))) return false;
        if (rc == 2) magnitude = 0;
    }
    *value = negative ? -magnitude : magnitude;
    return true;
}

bool number_parse_uint(struct span text, uint64_t *value) {
    uint64_t parsed = 0;
    if (!text.len) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c < '0' || c > '9') return false;
        if (__builtin_mul_overflow(parsed, (uint64_t)10, &parsed) ||
            __builtin_add_overflow(parsed, (uint64_t)(c - '0'), &parsed))
            return false;
    }
    *value = parsed;
    return true;
}

bool number_parse_int(struct span text, int64_t *value) {
    bool has_sign = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+');
    bool negative = has_sign && text.ptr[0] == '-';
    uint64_t magnitude;
    if (!number_parse_uint(span_of(text.ptr + has_sign, text.len - has_sign), &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + negative) return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}
