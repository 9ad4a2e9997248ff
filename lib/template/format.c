#include "lib/template/literal.h"
#include "lib/template/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Go's fmt.Sprintf over template values: flags, width, precision, verbs, and its words for what does not fit.
 */

#define WIDTH_MAX 1000
#define NUMBER_TEXT_MAX 2048

struct directive {
    bool plus, minus, sharp, space, zero;
    int width, precision; /* -1: not given */
    char verb;
};

static size_t rune_length(unsigned char lead) {
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static size_t rune_count(struct span text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static void pad(const struct directive *d, struct span text, struct buf *out) {
    int fill = d->width - (int)rune_count(text);
    bool zero = d->zero && !d->minus;
    if (zero && fill > 0 && text.len && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        buf_putc(out, text.ptr[0]);
        text = span_of(text.ptr + 1, text.len - 1);
    }
    for (int i = 0; !d->minus && i < fill; i++) buf_putc(out, zero ? '0' : ' ');
    buf_span(out, text);
    for (int i = 0; d->minus && i < fill; i++) buf_putc(out, ' ');
}

static void bad_verb(const struct directive *d, const struct value *value, struct buf *out) {
    buf_printf(out, "%%!%c(", d->verb);
    if (value->kind == VALUE_MISSING || value->kind == VALUE_NIL) {
        buf_puts(out, "<nil>");
    } else {
        buf_printf(out, "%s=", value_type(value));
        value_print(value, out);
    }
    buf_putc(out, ')');
}

/* digits of base b, at least `precision` of them, with prefix and sign */
static void write_int(const struct directive *d, int64_t value, unsigned base, const char *prefix,
                      struct buf *out) {
    const char *digits = d->verb == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[WIDTH_MAX + 80];
    size_t at = sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int count = 0, least = d->precision >= 0 ? d->precision : 1;
    for (; rest || count < least; count++, rest /= base) text[--at] = digits[rest % base];
    for (size_t i = strlen(prefix); i-- > 0;) text[--at] = prefix[i];
    if (value < 0 || d->plus || d->space) text[--at] = value < 0 ? '-' : d->plus ? '+' : ' ';
    struct directive own = *d;
    if (d->precision >= 0) own.zero = false;
    pad(&own, span_of(text + at, sizeof text - at), out);
}

static void format_rune(const struct directive *d, int64_t value, bool is_quoted, struct buf *out) {
    struct buf text;
    buf_init(&text, 16);
    if (is_quoted) buf_putc(&text, '\'');
    utf8_write(value < 0 ? 0xfffd : (uint64_t)value, &text);
    if (is_quoted) buf_putc(&text, '\'');
    pad(d, buf_view(&text), out);
    buf_release(&text);
}

static void format_int(const struct directive *d, const struct value *value, struct buf *out) {
    int64_t n = value->integer;
    switch (d->verb) {
    case 'v':
    case 'd': write_int(d, n, 10, "", out); break;
    case 'b': write_int(d, n, 2, d->sharp ? "0b" : "", out); break;
    case 'o': write_int(d, n, 8, d->sharp ? "0" : "", out); break;
    case 'O': write_int(d, n, 8, "0o", out); break;
    case 'x': write_int(d, n, 16, d->sharp ? "0x" : "", out); break;
    case 'X': write_int(d, n, 16, d->sharp ? "0X" : "", out); break;
    case 'c': format_rune(d, n, false, out); break;
    case 'q': format_rune(d, n, true, out); break;
    case 'U': buf_printf(out, "U+%04llX", (unsigned long long)n); break;
    default: bad_verb(d, value, out);
    }
}

static void format_special(const struct directive *d, double number, struct buf *out) {
    struct directive own = *d;
    own.zero = false;
    const char *text = isnan(number) ? (d->plus ? "+NaN" : "NaN") : number < 0 ? "-Inf" : "+Inf";
    pad(&own, span_from(text), out);
}

static void format_float(const struct directive *d, const struct value *value, struct buf *out) {
    char text[NUMBER_TEXT_MAX], pattern[8] = "%";
    double number = value->number;
    if (!d->verb || !strchr("veEfFgG", d->verb)) {
        bad_verb(d, value, out);
        return;
    }
    if (!isfinite(number)) {
        format_special(d, number, out);
        return;
    }
    int length = 0;
    bool is_shortest = d->precision < 0 && strchr("vgG", d->verb);
    if ((d->plus || d->space) && !signbit(number)) text[length++] = d->plus ? '+' : ' ';
    if (is_shortest) {
        struct buf plain;
        buf_init(&plain, NUMBER_TEXT_MAX / 2);
        value_print(value, &plain);
        for (size_t i = 0; i < plain.len; i++)
            text[length++] = d->verb == 'G' && plain.data[i] == 'e' ? 'E' : plain.data[i];
        buf_release(&plain);
    } else {
        char verb = d->verb == 'v' ? 'g' : d->verb;
        snprintf(pattern, sizeof pattern, "%%%s.*%c", d->sharp ? "#" : "", verb);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        length += snprintf(text + length, sizeof text - (size_t)length, pattern,
                           d->precision < 0 ? 6 : d->precision, number);
#pragma GCC diagnostic pop
        if (length >= (int)sizeof text) length = (int)sizeof text - 1;
    }
    pad(d, span_of(text, (size_t)length), out);
}

/* the first `precision` runes */
static struct span cut(const struct directive *d, struct span text) {
    if (d->precision < 0) return text;
    size_t at = 0;
    for (int i = 0; i < d->precision && at < text.len; i++) at += rune_length((unsigned char)text.ptr[at]);
    return span_of(text.ptr, at < text.len ? at : text.len);
}

static void format_string(const struct directive *d, const struct value *value, struct buf *out) {
    struct span text = value->text;
    struct buf made;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    if (d->verb == 's' || d->verb == 'v') {
        buf_span(&made, cut(d, text));
    } else if (d->verb == 'q') {
        text_write_quoted(cut(d, text), &made);
    } else if (d->verb == 'x' || d->verb == 'X') {
        for (size_t i = 0; i < text.len && (d->precision < 0 || i < (size_t)d->precision); i++)
            buf_printf(&made, d->verb == 'x' ? "%02x" : "%02X", (unsigned char)text.ptr[i]);
    } else {
        bad_verb(d, value, out);
        buf_release(&made);
        return;
    }
    if (made.failed) out->failed = true;
    pad(d, buf_view(&made), out);
    buf_release(&made);
}

static void format_other(const struct directive *d, const struct value *value, struct buf *out) {
    struct buf made;
    bool is_text = value->kind == VALUE_TIME || value->kind == VALUE_DURATION;
    bool is_bool = value->kind == VALUE_BOOL && d->verb == 't';
    if (d->verb != 'v' && !is_bool && !(is_text && d->verb == 's')) {
        bad_verb(d, value, out);
        return;
    }
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    if (value->kind == VALUE_MISSING)
        buf_puts(&made, "<nil>");
    else
        value_print(value, &made);
    if (made.failed) out->failed = true;
    pad(d, buf_view(&made), out);
    buf_release(&made);
}

static void format_value(const struct directive *d, const struct value *value, struct buf *out) {
    if (d->verb == 'T')
        pad(d, span_from(value_type(value)), out);
    else if (value->kind == VALUE_INT)
        format_int(d, value, out);
    else if (value->kind == VALUE_FLOAT)
        format_float(d, value, out);
    else if (value->kind == VALUE_STRING)
        format_string(d, value, out);
    else
        format_other(d, value, out);
}

struct formatting {
    struct span format;
    size_t at;
    const struct value *values;
    size_t count, next;
};

/* a width or precision: digits, or * that takes an operand; -1: none */
static int take_number(struct formatting *f, struct buf *out, const char *bad) {
    int number = -1;
    if (f->at < f->format.len && f->format.ptr[f->at] == '*') {
        f->at++;
        bool is_int = f->next < f->count && f->values[f->next].kind == VALUE_INT &&
                      llabs(f->values[f->next].integer) <= WIDTH_MAX;
        if (is_int)
            number = (int)f->values[f->next].integer;
        else
            buf_puts(out, bad);
        f->next++;
        return number;
    }
    while (f->at < f->format.len && f->format.ptr[f->at] >= '0' && f->format.ptr[f->at] <= '9') {
        number = (number < 0 ? 0 : number) * 10 + (f->format.ptr[f->at++] - '0');
        if (number > WIDTH_MAX) number = WIDTH_MAX;
    }
    return number;
}

static void take_flags(struct formatting *f, struct directive *d) {
    for (; f->at < f->format.len; f->at++) {
        switch (f->format.ptr[f->at]) {
        case '+': d->plus = true; break;
        case '-': d->minus = true; break;
        case '#': d->sharp = true; break;
        case ' ': d->space = true; break;
        case '0': d->zero = true; break;
        default: return;
        }
    }
}

static void format_one(struct formatting *f, struct buf *out) {
    struct directive d = {.width = -1, .precision = -1};
    take_flags(f, &d);
    d.width = take_number(f, out, "%!(BADWIDTH)");
    if (d.width < -1) {
        d.minus = true;
        d.width = -d.width;
    }
    if (f->at < f->format.len && f->format.ptr[f->at] == '.') {
        f->at++;
        d.precision = take_number(f, out, "%!(BADPREC)");
        if (d.precision < 0) d.precision = 0;
    }
    if (f->at >= f->format.len) {
        buf_puts(out, "%!(NOVERB)");
        return;
    }
    d.verb = f->format.ptr[f->at++];
    if (d.verb == '%')
        buf_putc(out, '%');
    else if (f->next >= f->count)
        buf_printf(out, "%%!%c(MISSING)", d.verb);
    else
        format_value(&d, &f->values[f->next++], out);
}

void values_printf(struct span format, const struct value *values, size_t count, struct buf *out) {
    struct formatting f = {.format = format, .values = values, .count = count};
    while (f.at < format.len) {
        size_t percent = span_find_byte(format, '%', f.at);
        buf_append(out, format.ptr + f.at, percent - f.at);
        f.at = percent + 1;
        if (percent < format.len) format_one(&f, out);
    }
    if (f.next >= count) return;
    buf_puts(out, "%!(EXTRA ");
    for (size_t i = f.next; i < count; i++) {
        if (i > f.next) buf_puts(out, ", ");
        if (values[i].kind <= VALUE_NIL) {
            buf_puts(out, "<nil>");
            continue;
        }
        buf_printf(out, "%s=", value_type(&values[i]));
        value_print(&values[i], out);
    }
    buf_putc(out, ')');
}
