#include "lib/template/value.h"

#include "lib/codec/number.h"

#include <stdio.h>
#include <time.h>

/*
 * Times (UTC, milliseconds) and durations (nanoseconds) as Go prints them, and the methods that templates
 * call.
 */

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

static int split(int64_t time_ms, struct tm *fields) {
    int64_t ms = time_ms % 1000;
    if (ms < 0) ms += 1000;
    time_t seconds = (time_t)((time_ms - ms) / 1000);
    if (!gmtime_r(&seconds, fields)) memset(fields, 0, sizeof *fields);
    return (int)ms;
}

/* .5, .25, nothing */
static void print_fraction(int ms, struct buf *out) {
    if (!ms) return;
    char text[8];
    int length = snprintf(text, sizeof text, ".%03d", ms);
    while (text[length - 1] == '0') length--;
    buf_append(out, text, (size_t)length);
}

void time_print(int64_t time_ms, struct buf *out) {
    struct tm t;
    int ms = split(time_ms, &t);
    buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
               t.tm_min, t.tm_sec);
    print_fraction(ms, out);
    buf_puts(out, " +0000 UTC");
}

static void print_unit(uint64_t value, uint64_t unit, const char *name, struct buf *out) {
    char text[24];
    buf_uint(out, value / unit);
    if (value % unit) {
        int digits = unit == 1000 ? 3 : unit == 1000000 ? 6 : 9;
        int length = snprintf(text, sizeof text, ".%0*llu", digits, (unsigned long long)(value % unit));
        while (text[length - 1] == '0') length--;
        buf_append(out, text, (size_t)length);
    }
    buf_puts(out, name);
}

void duration_print(int64_t nanoseconds, struct buf *out) {
    uint64_t n = nanoseconds < 0 ? 0 - (uint64_t)nanoseconds : (uint64_t)nanoseconds;
    const uint64_t second = 1000000000, minute = 60 * second, hour = 60 * minute;
    if (nanoseconds < 0) buf_putc(out, '-');
    if (n == 0)
        buf_puts(out, "0s");
    else if (n < 1000)
        print_unit(n, 1, "ns", out);
    else if (n < 1000000)
        print_unit(n, 1000, "\xc2\xb5s", out);
    else if (n < second)
        print_unit(n, 1000000, "ms", out);
    else {
        if (n >= hour) buf_printf(out, "%lluh", (unsigned long long)(n / hour));
        if (n >= minute) buf_printf(out, "%llum", (unsigned long long)(n % hour / minute));
        print_unit(n % minute, second, "s", out);
    }
}

/* Go's layouts: the pieces of the reference time, longest first */
enum piece {
    PIECE_YEAR4,
    PIECE_YEAR2,
    PIECE_MONTH,
    PIECE_MON,
    PIECE_MM,
    PIECE_WEEKDAY,
    PIECE_DAY3,
    PIECE_DD,
    PIECE_DAY_BLANK,
    PIECE_HH24,
    PIECE_HH12,
    PIECE_MINUTE,
    PIECE_SECOND,
    PIECE_PM,
    PIECE_ZONE,
    PIECE_OFFSET_COLON,
    PIECE_OFFSET,
    PIECE_Z,
    PIECE_FRACTION3,
    PIECE_H12,
    PIECE_M,
    PIECE_D,
    PIECE_MIN1,
    PIECE_SEC1,
};
static const char *const pieces[] = {"2006",  "06",     "January", "Jan", "01", "Monday", "Mon", "02",
                                     "_2",    "15",     "03",      "04",  "05", "PM",     "MST", "-07:00",
                                     "-0700", "Z07:00", ".000",    "3",   "1",  "2",      "4",   "5"};

static void print_piece(enum piece piece, const struct tm *t, int ms, struct buf *out) {
    int hour12 = t->tm_hour % 12 ? t->tm_hour % 12 : 12;
    switch (piece) {
    case PIECE_YEAR4: buf_printf(out, "%04d", t->tm_year + 1900); break;
    case PIECE_YEAR2: buf_printf(out, "%02d", (t->tm_year + 1900) % 100); break;
    case PIECE_MONTH: buf_puts(out, month_names[t->tm_mon]); break;
    case PIECE_MON: buf_append(out, month_names[t->tm_mon], 3); break;
    case PIECE_MM: buf_printf(out, "%02d", t->tm_mon + 1); break;
    case PIECE_WEEKDAY: buf_puts(out, day_names[t->tm_wday]); break;
    case PIECE_DAY3: buf_append(out, day_names[t->tm_wday], 3); break;
    case PIECE_DD: buf_printf(out, "%02d", t->tm_mday); break;
    case PIECE_DAY_BLANK: buf_printf(out, "%2d", t->tm_mday); break;
    case PIECE_HH24: buf_printf(out, "%02d", t->tm_hour); break;
    case PIECE_HH12: buf_printf(out, "%02d", hour12); break;
    case PIECE_MINUTE: buf_printf(out, "%02d", t->tm_min); break;
    case PIECE_SECOND: buf_printf(out, "%02d", t->tm_sec); break;
    case PIECE_PM: buf_puts(out, t->tm_hour < 12 ? "AM" : "PM"); break;
    case PIECE_ZONE: buf_puts(out, "UTC"); break;
    case PIECE_OFFSET_COLON: buf_puts(out, "+00:00"); break;
    case PIECE_OFFSET: buf_puts(out, "+0000"); break;
    case PIECE_Z: buf_putc(out, 'Z'); break;
    case PIECE_FRACTION3: buf_printf(out, ".%03d", ms); break;
    case PIECE_H12: buf_printf(out, "%d", hour12); break;
    case PIECE_M: buf_printf(out, "%d", t->tm_mon + 1); break;
    case PIECE_D: buf_printf(out, "%d", t->tm_mday); break;
    case PIECE_MIN1: buf_printf(out, "%d", t->tm_min); break;
    case PIECE_SEC1: buf_printf(out, "%d", t->tm_sec); break;
    }
}

static void format_time(int64_t time_ms, struct span layout, struct buf *out) {
    struct tm t;
    int ms = split(time_ms, &t);
    for (size_t at = 0; at < layout.len;) {
        struct span rest = span_of(layout.ptr + at, layout.len - at);
        size_t i = 0, count = sizeof pieces / sizeof *pieces;
        while (i < count && !span_starts_with(rest, span_from(pieces[i]))) i++;
        if (i < count)
            print_piece((enum piece)i, &t, ms, out);
        else
            buf_putc(out, rest.ptr[0]);
        at += i < count ? strlen(pieces[i]) : 1;
    }
}

static int text_result(struct buf *made, struct arena *arena, struct value *result, struct err *err) {
    char *copy = made->failed ? NULL : arena_strndup(arena, made->data ? made->data : "", made->len);
    *result = value_string(span_of(copy, made->len));
    buf_release(made);
    return copy ? 0 : arena_limit(arena, "template", err);
}

static int print_method(const struct value *receiver, struct span layout, struct arena *arena,
                        struct value *result, struct err *err) {
    struct buf made;
    buf_init(&made, 1 << 16);
    if (layout.ptr)
        format_time(receiver->integer, layout, &made);
    else
        value_print(receiver, &made);
    return text_result(&made, arena, result, err);
}

static int time_number(const struct value *receiver, struct span name, struct value *result) {
    struct tm t;
    (void)split(receiver->integer, &t);
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"Unix", (receiver->integer - (receiver->integer % 1000 + 1000) % 1000) / 1000},
                   {"UnixMilli", receiver->integer},
                   {"Year", t.tm_year + 1900},
                   {"YearDay", t.tm_yday + 1},
                   {"Day", t.tm_mday},
                   {"Hour", t.tm_hour},
                   {"Minute", t.tm_min},
                   {"Second", t.tm_sec}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!span_is(name, numbers[i].name)) continue;
        *result = value_int(numbers[i].value);
        return 0;
    }
    if (span_is(name, "Month")) {
        *result = value_string(span_from(month_names[t.tm_mon]));
    } else if (span_is(name, "Weekday")) {
        *result = value_string(span_from(day_names[t.tm_wday]));
    } else if (span_is(name, "UTC")) {
        *result = *receiver;
    } else {
        return ERR_NOT_FOUND;
    }
    return 0;
}

static int duration_number(const struct value *receiver, struct span name, struct value *result) {
    static const struct {
        const char *name;
        double unit;
        bool is_int;
    } numbers[] = {{"Seconds", 1e9, false},     {"Minutes", 60e9, false},    {"Hours", 3600e9, false},
                   {"Milliseconds", 1e6, true}, {"Microseconds", 1e3, true}, {"Nanoseconds", 1, true}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!span_is(name, numbers[i].name)) continue;
        *result = numbers[i].is_int ? value_int(receiver->integer / (int64_t)numbers[i].unit)
                                    : value_float((double)receiver->integer / numbers[i].unit);
        return 0;
    }
    return ERR_NOT_FOUND;
}

int time_method(const struct value *receiver, struct span name, const struct value *args, size_t count,
                struct arena *arena, struct value *result, struct err *err) {
    if (span_is(name, "Format") && receiver->kind == VALUE_TIME) {
        if (count != 1)
            return err_set(err, ERR_INVALID, "wrong number of args for Format: want 1 got %zu", count);
        if (args[0].kind != VALUE_STRING)
            return err_set(err, ERR_INVALID, "wrong type for value; expected string; got %s",
                           value_type(&args[0]));
        return print_method(receiver, args[0].text.ptr ? args[0].text : SPAN(""), arena, result, err);
    }
    if (span_is(name, "String")) return print_method(receiver, span_of(NULL, 0), arena, result, err);
    int rc = receiver->kind == VALUE_TIME ? time_number(receiver, name, result)
                                          : duration_number(receiver, name, result);
    if (!rc && count)
        return err_set(err, ERR_INVALID, "wrong number of args for %.*s: want 0 got %zu", SPAN_ARG(name),
                       count);
    return rc;
}
