#include "lib/template/humanize.h"

#include "lib/codec/number.h"

#include <math.h>
#include <stddef.h>

static void general(double number, struct buf *out) {
    if (isnan(number))
        buf_puts(out, "NaN");
    else if (isinf(number))
        buf_puts(out, number > 0 ? "+Inf" : "-Inf");
    else
        buf_printf(out, "%.4g", number);
}

/* divided (or, small ones, multiplied) by base until it is of a handy size */
static void scaled(double number, double base, const char *const *names, size_t count, bool up,
                   const char *unit, struct buf *out) {
    const char *name = "";
    for (size_t i = 0; i < count; i++) {
        if (up ? fabs(number) < base : fabs(number) >= 1) break;
        name = names[i];
        number = up ? number / base : number * base;
    }
    buf_printf(out, "%.4g%s%s", number, name, unit);
}

static const char *const small[] = {"m", "u", "n", "p", "f", "a", "z", "y"};

void humanize(double number, struct buf *out) {
    static const char *const large[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
    if (number == 0 || !isfinite(number))
        general(number, out);
    else if (fabs(number) >= 1)
        scaled(number, 1000, large, 8, true, "", out);
    else
        scaled(number, 1000, small, 8, false, "", out);
}

void humanize_1024(double number, struct buf *out) {
    static const char *const large[] = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
    if (fabs(number) <= 1 || !isfinite(number))
        general(number, out);
    else
        scaled(number, 1024, large, 8, true, "", out);
}

void humanize_duration(double seconds, struct buf *out) {
    if (!isfinite(seconds)) {
        general(seconds, out);
        return;
    }
    if (seconds == 0) {
        buf_puts(out, "0s");
        return;
    }
    if (fabs(seconds) < 1) {
        scaled(seconds, 1000, small, 8, false, "s", out);
        return;
    }
    double size = fabs(seconds);
    int64_t whole = size < 9.2e18 ? (int64_t)size : INT64_MIN; /* as Go's conversion */
    long long s = whole % 60, m = whole / 60 % 60, h = whole / 3600 % 24, d = whole / 86400;
    if (seconds < 0) buf_putc(out, '-');
    if (d)
        buf_printf(out, "%lldd %lldh %lldm %llds", d, h, m, s);
    else if (h)
        buf_printf(out, "%lldh %lldm %llds", h, m, s);
    else if (m)
        buf_printf(out, "%lldm %llds", m, s);
    else
        buf_printf(out, "%.4gs", size);
}

void humanize_percentage(double ratio, struct buf *out) {
    general(ratio * 100, out);
    buf_putc(out, '%');
}

int humanize_time(double seconds, int64_t *time_ms, struct err *err) {
    double nanoseconds = seconds * 1e9;
    if (nanoseconds > 9223372036854775807.0 || nanoseconds < -9223372036854775808.0) {
        char text[NUMBER_MAX_TEXT];
        size_t length = number_write_general(seconds, text);
        return err_set(err, ERR_INVALID,
                       "%.*s cannot be represented as a nanoseconds timestamp since it overflows int64",
                       (int)length, text);
    }
    *time_ms = (int64_t)(nanoseconds >= 9223372036854775807.0 ? 9.223372036854775e12 : nanoseconds / 1e6);
    return 0;
}
