#include "web/api/params.h"

#include "lib/codec/number.h"
#include "lib/model/duration.h"
#include "promql/parse/parse.h"
#include "web/api/answer.h"

#include <math.h>
#include <string.h>

/* what Go's earliest and latest times are called, which clients send for "no bound" */
#define TIME_FIRST SPAN("-292273086-05-16T16:47:06Z")
#define TIME_FIRST_MS (-9223309901257974000)
#define TIME_LAST SPAN("292277025-08-18T07:12:54.999999999Z")
#define TIME_LAST_MS 9223309901257974999
#define QUOTED_MAX ((size_t)512)

bool bool_parse(struct span text, bool *value) {
    static const char *const texts[][2] = {{"0", "1"},        {"f", "t"},        {"F", "T"},
                                           {"false", "true"}, {"FALSE", "TRUE"}, {"False", "True"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *value = span_is(text, texts[i][1]);
        if (*value || span_is(text, texts[i][0])) return true;
    }
    return false;
}

/* what: "timestamp", "duration" and perhaps a sentence more */
static int cannot_parse(struct span text, const char *what, struct err *err) {
    struct buf quoted;
    buf_init(&quoted, QUOTED_MAX);
    text_write_quoted(span_of(text.ptr, text.len < 100 ? text.len : 100), &quoted);
    int rc = err_set(err, ERR_INVALID, "cannot parse %s to a valid %s", buf_text(&quoted), what);
    buf_release(&quoted);
    return rc;
}

/* exactly `digits` digits at *at; -1 when there are none */
static int64_t take_digits(struct span text, size_t *at, size_t digits) {
    int64_t value = 0;
    if (*at + digits > text.len) return -1;
    for (size_t end = *at + digits; *at < end; (*at)++) {
        char c = text.ptr[*at];
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    return value;
}

static bool take_char(struct span text, size_t *at, const char *any_of) {
    if (*at >= text.len || text.ptr[*at] == '\0' || !strchr(any_of, text.ptr[*at])) return false;
    (*at)++;
    return true;
}

/* days since 1970-01-01 of a date in the Gregorian calendar */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * m + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2) return is_leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool take_date(struct span text, size_t *at, int64_t *days) {
    int64_t year = take_digits(text, at, 4);
    if (year < 0 || !take_char(text, at, "-")) return false;
    int64_t month = take_digits(text, at, 2);
    if (month < 1 || month > 12 || !take_char(text, at, "-")) return false;
    int64_t day = take_digits(text, at, 2);
    *days = days_of(year, month, day);
    return day >= 1 && day <= days_in_month(year, month) && take_char(text, at, "Tt");
}

static bool take_clock(struct span text, size_t *at, int64_t *seconds) {
    int64_t hour = take_digits(text, at, 2);
    if (hour < 0 || hour > 23 || !take_char(text, at, ":")) return false;
    int64_t minute = take_digits(text, at, 2);
    if (minute < 0 || minute > 59 || !take_char(text, at, ":")) return false;
    int64_t second = take_digits(text, at, 2);
    *seconds = hour * 3600 + minute * 60 + second;
    return second >= 0 && second <= 59;
}

/* .123456: the first three digits count, the rest is cut */
static bool take_fraction(struct span text, size_t *at, int64_t *ms) {
    *ms = 0;
    if (!take_char(text, at, ".,")) return true;
    size_t first = *at;
    for (int64_t worth = 100; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9'; (*at)++) {
        *ms += worth * (text.ptr[*at] - '0');
        worth /= 10;
    }
    return *at > first;
}

static bool take_zone(struct span text, size_t *at, int64_t *seconds) {
    *seconds = 0;
    if (take_char(text, at, "Zz")) return true;
    bool is_west = *at < text.len && text.ptr[*at] == '-';
    if (!take_char(text, at, "+-")) return false;
    int64_t hours = take_digits(text, at, 2);
    if (hours < 0 || hours > 23 || !take_char(text, at, ":")) return false;
    int64_t minutes = take_digits(text, at, 2);
    *seconds = (hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return minutes >= 0 && minutes <= 59;
}

static bool parse_rfc3339(struct span text, int64_t *time_ms) {
    size_t at = 0;
    int64_t days, seconds, ms, zone;
    if (!take_date(text, &at, &days) || !take_clock(text, &at, &seconds) || !take_fraction(text, &at, &ms) ||
        !take_zone(text, &at, &zone) || at != text.len)
        return false;
    *time_ms = (days * 86400 + seconds - zone) * 1000 + ms;
    return true;
}

int time_parse(struct span text, int64_t *time_ms, struct err *err) {
    double seconds;
    if (number_parse(text, &seconds)) {
        double whole, rest = modf(seconds, &whole);
        if (!(fabs(seconds) < 9.2e15)) return cannot_parse(text, "timestamp", err);
        *time_ms = (int64_t)whole * 1000 + (int64_t)round(rest * 1000);
        return 0;
    }
    if (parse_rfc3339(text, time_ms)) return 0;
    if (!span_equal(text, TIME_FIRST) && !span_equal(text, TIME_LAST))
        return cannot_parse(text, "timestamp", err);
    *time_ms = span_equal(text, TIME_FIRST) ? TIME_FIRST_MS : TIME_LAST_MS;
    return 0;
}

int api_duration_parse(struct span text, int64_t *ms, struct err *err) {
    double seconds;
    if (!number_parse(text, &seconds))
        return duration_parse(text, ms, NULL) ? cannot_parse(text, "duration", err) : 0;
    if (fabs(seconds) < 9.2e9) { /* nanoseconds in 64 bits */
        *ms = (int64_t)(seconds * 1000);
        return 0;
    }
    return cannot_parse(text, "duration. It overflows int64", err);
}

bool param_time(struct exchange *exchange, const char *name, int64_t otherwise, int64_t *time_ms) {
    struct span text = web_request_param(exchange_request(exchange), name);
    struct err err;
    *time_ms = otherwise;
    if (!text.len || time_parse(text, time_ms, &err) == 0) return true;
    answer_error(exchange, ANSWER_BAD_DATA, "invalid parameter \"%s\": invalid time value for '%s': %s", name,
                 name, err.text);
    return false;
}

bool param_limit(struct exchange *exchange, uint64_t *limit) {
    struct span text = web_request_param(exchange_request(exchange), "limit");
    int64_t value = 0;
    if (text.len && !number_parse_int(text, &value)) {
        struct buf quoted;
        buf_init(&quoted, QUOTED_MAX);
        text_write_quoted(span_of(text.ptr, text.len < 100 ? text.len : 100), &quoted);
        answer_error(exchange, ANSWER_BAD_DATA,
                     "invalid parameter \"limit\": strconv.Atoi: parsing %s: invalid syntax",
                     buf_text(&quoted));
        buf_release(&quoted);
        return false;
    }
    if (value < 0) {
        answer_invalid(exchange, "limit", "limit must be non-negative");
        return false;
    }
    *limit = (uint64_t)value;
    return true;
}

bool param_number(struct exchange *exchange, const char *name, int64_t *number) {
    struct span text = web_request_param(exchange_request(exchange), name);
    *number = -1;
    if (!text.len || number_parse_int(text, number)) return true;
    answer_error(exchange, ANSWER_BAD_DATA, "%s must be a number", name);
    return false;
}

/* ---- match[] ---- */

static const char *parse_problem(const struct parse_error *error, struct arena *arena) {
    const char *why;
    if (strstr(error->text, "no expression found")) return "1:1: parse error: unexpected end of input";
    if (strstr(error->text, "must contain at least one non-empty matcher"))
        return "match[] must contain at least one non-empty matcher";
    why = arena_printf(arena, "%u:%u: parse error: %s", error->line, error->column, error->text);
    return why ? why : "no memory for the selector";
}

/* a selector and nothing else: neither range nor offset nor @ */
static bool is_plain_selector(const struct expr *expr) {
    if (expr->kind != EXPR_SELECTOR) return false;
    const struct selector *selector = &expr->selector;
    return !selector->is_range && !selector->shift.has_offset && selector->shift.at == AT_NONE;
}

static bool is_name_byte(char c) {
    char lower = (char)(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

static size_t skip_spaces(struct span text, size_t at) {
    while (at < text.len && (text.ptr[at] == ' ' || (text.ptr[at] >= '\t' && text.ptr[at] <= '\r'))) at++;
    return at;
}

/* behind {...}; quoted braces do not count */
static size_t skip_braces(struct span text, size_t at) {
    char quote = 0;
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (quote && c == '\\' && quote != '`') {
            at++;
        } else if (quote) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'' || c == '`') {
            quote = c;
        } else if (c == '}') {
            return at + 1;
        }
    }
    return text.len;
}

/* An expression that parses but is no selector: what stands behind name{...} is what is unexpected. */
static const char *selector_problem(struct span text, struct arena *arena) {
    size_t at = skip_spaces(text, 0), line = 1, begin = 0, end;
    while (at < text.len && is_name_byte(text.ptr[at])) at++;
    at = skip_spaces(text, at);
    if (at < text.len && text.ptr[at] == '{') at = skip_spaces(text, skip_braces(text, at));
    for (size_t i = 0; i < at; i++)
        if (text.ptr[i] == '\n') {
            line++;
            begin = i + 1;
        }
    for (end = at; end < text.len && is_name_byte(text.ptr[end]);) end++;
    const char *form =
        end > at ? "%zu:%zu: parse error: unexpected <%.*s>" : "%zu:%zu: parse error: unexpected \"%.*s\"";
    size_t len = end > at ? end - at : at < text.len;
    const char *why =
        arena_printf(arena, form, line, at - begin + 1, (int)(len < 64 ? len : 64), text.ptr + at);
    return why ? why : "no memory for the selector";
}

int match_parse(struct span text, struct arena *arena, struct match *match, const char **why) {
    struct parse_options options = {0};
    struct parse_error error;
    struct expr *expr;
    int rc = promql_parse(text, &options, arena, &expr, &error);
    if (rc) {
        *why = parse_problem(&error, arena);
        return rc;
    }
    if (!is_plain_selector(expr)) {
        expr_release(expr);
        *why = selector_problem(text, arena);
        return ERR_INVALID;
    }
    *match = (struct match){expr, expr->selector.matchers, expr->selector.matcher_count};
    return 0;
}

static bool add_match(struct exchange *exchange, struct span text, bool name_error, struct matches *matches) {
    const char *why = NULL;
    if (match_parse(text, exchange_arena(exchange), &matches->items[matches->count], &why) == 0) {
        matches->count++;
        return true;
    }
    if (name_error)
        answer_invalid(exchange, "match[]", why);
    else
        answer_error(exchange, ANSWER_BAD_DATA, "%s", why);
    return false;
}

bool param_matches(struct exchange *exchange, bool name_error, struct matches *matches) {
    const struct web_request *request = exchange_request(exchange);
    *matches = (struct matches){0};
    matches->items = arena_array(exchange_arena(exchange), request->param_count + 1, sizeof *matches->items);
    if (!matches->items) {
        answer_error(exchange, ANSWER_EXECUTION, "no memory for the selectors");
        return false;
    }
    for (size_t i = 0; i < request->param_count; i++) {
        if (!span_is(request->params[i].name, "match[]")) continue;
        if (!add_match(exchange, request->params[i].value, name_error, matches)) {
            matches_release(matches);
            return false;
        }
    }
    return true;
}

void matches_release(struct matches *matches) {
    for (size_t i = 0; i < matches->count; i++) expr_release(matches->items[i].expr);
    matches->count = 0;
}
