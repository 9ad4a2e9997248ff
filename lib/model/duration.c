#include "lib/model/duration.h"

struct unit {
    const char *name;
    uint64_t ms;
    bool only_whole; /* printed only when it divides the rest: nobody thinks of 90 days as 12w6d */
};

static const struct unit units[] = {
    {"y", 365u * 86400000ull, true},
    {"w", 7 * 86400000ull, true},
    {"d", 86400000, true},
    {"h", 3600000, false},
    {"m", 60000, false},
    {"s", 1000, false},
    {"ms", 1, false},
};
#define UNIT_COUNT (sizeof units / sizeof *units)

/* Reads digits and a unit no larger than units[*next]; moves *next behind it. */
static bool take_part(struct span *rest, size_t *next, uint64_t *part_ms) {
    uint64_t amount = 0;
    size_t digits = 0;
    for (; digits < rest->len && rest->ptr[digits] >= '0' && rest->ptr[digits] <= '9'; digits++)
        if (__builtin_mul_overflow(amount, (uint64_t)10, &amount) ||
            __builtin_add_overflow(amount, (uint64_t)(rest->ptr[digits] - '0'), &amount))
            return false;
    size_t letters = digits;
    while (letters < rest->len && rest->ptr[letters] >= 'a' && rest->ptr[letters] <= 'z') letters++;
    struct span name = span_of(rest->ptr + digits, letters - digits);
    if (!digits) return false;
    for (size_t i = *next; i < UNIT_COUNT; i++) {
        if (!span_is(name, units[i].name)) continue;
        *rest = span_of(rest->ptr + letters, rest->len - letters);
        *next = i + 1;
        return !__builtin_mul_overflow(amount, units[i].ms, part_ms);
    }
    return false;
}

int duration_parse(struct span text, int64_t *ms, struct err *err) {
    uint64_t total = 0, part = 0;
    size_t next = 0;
    if (!text.len) return err_set(err, ERR_INVALID, "empty duration string");
    if (span_is(text, "0")) {
        *ms = 0;
        return 0;
    }
    for (struct span rest = text; rest.len;) {
        if (!take_part(&rest, &next, &part))
            return err_set(err, ERR_INVALID, "not a valid duration string: \"%.*s\"", SPAN_ARG(text));
        /* upstream counts in nanoseconds */
        if (__builtin_add_overflow(total, part, &total) || total > INT64_MAX / 1000000)
            return err_set(err, ERR_INVALID, "duration out of range");
    }
    *ms = (int64_t)total;
    return 0;
}

void duration_write(int64_t ms, struct buf *out) {
    if (ms == 0) {
        buf_puts(out, "0s");
        return;
    }
    uint64_t rest = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (ms < 0) buf_putc(out, '-');
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        uint64_t amount = rest / units[i].ms;
        if (!amount || (units[i].only_whole && rest % units[i].ms)) continue;
        buf_uint(out, amount);
        buf_puts(out, units[i].name);
        rest -= amount * units[i].ms;
    }
}
