#include "lib/template/exec.h"

#include "lib/codec/letters.h"
#include "lib/codec/number.h"
#include "lib/codec/regex.h"
#include "lib/codec/url.h"
#include "lib/model/duration.h"
#include "lib/template/humanize.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>

/*
 * The functions that Prometheus adds: samples, numbers for people, texts, links.
 */

int value_to_float(const struct value *value, double *number, struct err *err) {
    switch (value->kind) {
    case VALUE_FLOAT: *number = value->number; return 0;
    case VALUE_INT: *number = (double)value->integer; return 0;
    case VALUE_DURATION: *number = (double)value->integer / 1e9; return 0;
    case VALUE_STRING:
        if (number_parse(value->text, number)) return 0;
        return err_set(err, ERR_INVALID, "strconv.ParseFloat: parsing \"%.*s\": invalid syntax",
                       (int)(value->text.len < 100 ? value->text.len : 100),
                       value->text.ptr ? value->text.ptr : "");
    default: return err_set(err, ERR_INVALID, "can't convert %s to float", value_type(value));
    }
}

/* ---- samples ---- */

static int do_query(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    struct template_sample *samples = NULL;
    size_t found = 0;
    (void)count;
    if (!x->env->query) return err_set(err, ERR_INVALID, "queries are not possible here");
    if (++x->queries > TEMPLATE_MAX_QUERIES)
        return err_set(err, ERR_LIMIT, "more than %d queries", TEMPLATE_MAX_QUERIES);
    int rc = x->env->query(x->env->context, args[0].text, &x->arena, &samples, &found, err);
    if (rc) return rc;
    struct value_list *list = arena_zalloc(&x->arena, sizeof *list);
    struct value *items = arena_array(&x->arena, found + 1, sizeof *items);
    if (!list || !items) return arena_limit(&x->arena, "template", err);
    for (size_t i = 0; i < found; i++) items[i] = (struct value){.kind = VALUE_SAMPLE, .sample = &samples[i]};
    *list = (struct value_list){items, found};
    *result = (struct value){.kind = VALUE_LIST, .list = list};
    return 0;
}

static int do_first(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    (void)x, (void)count;
    if (!args[0].list->count) return err_set(err, ERR_INVALID, "first() called on vector with no elements");
    *result = args[0].list->items[0];
    return 0;
}

static int do_label(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    (void)x, (void)count, (void)err;
    *result = value_string(labels_get(args[1].sample->labels, args[0].text));
    return 0;
}

static int do_value(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    (void)x, (void)count, (void)err;
    *result = value_float(args[0].sample->value);
    return 0;
}

static int do_strvalue(struct exec *x, const struct value *args, size_t count, struct value *result,
                       struct err *err) {
    (void)x, (void)count, (void)err;
    *result = value_string(labels_get(args[0].sample->labels, SPAN("__value__")));
    return 0;
}

static int do_sort_by_label(struct exec *x, const struct value *args, size_t count, struct value *result,
                            struct err *err) {
    const struct value_list *from = args[1].list;
    struct value_list *list = arena_zalloc(&x->arena, sizeof *list);
    struct value *items = arena_array(&x->arena, from->count + 1, sizeof *items);
    (void)count;
    if (!list || !items) return arena_limit(&x->arena, "template", err);
    for (size_t i = 0; i < from->count; i++) { /* insertion keeps the order of equals */
        struct span key = labels_get(from->items[i].sample->labels, args[0].text);
        size_t at = i;
        if (i > 10000) return err_set(err, ERR_LIMIT, "more than 10000 samples to sort");
        while (at > 0 && span_compare(labels_get(items[at - 1].sample->labels, args[0].text), key) > 0) at--;
        memmove(items + at + 1, items + at, (i - at) * sizeof *items);
        items[at] = from->items[i];
    }
    *list = (struct value_list){items, from->count};
    *result = (struct value){.kind = VALUE_LIST, .list = list};
    return 0;
}

static int do_args(struct exec *x, const struct value *args, size_t count, struct value *result,
                   struct err *err) {
    struct value_list *list = arena_zalloc(&x->arena, sizeof *list);
    struct value *items = arena_array(&x->arena, count + 1, sizeof *items);
    if (!list || !items) return arena_limit(&x->arena, "template", err);
    memcpy(items, args, count * sizeof *items);
    *list = (struct value_list){items, count};
    *result = (struct value){.kind = VALUE_MAP, .list = list};
    return 0;
}

/* ---- numbers for people ---- */

static int humanized(struct exec *x, const struct value *arg, void (*write)(double number, struct buf *out),
                     struct value *result, struct err *err) {
    double number;
    int rc = value_to_float(arg, &number, err);
    if (rc) return rc;
    struct buf made;
    buf_init(&made, 1000);
    write(number, &made);
    return exec_text(x, &made, result, err);
}

static int do_humanize(struct exec *x, const struct value *args, size_t count, struct value *result,
                       struct err *err) {
    (void)count;
    return humanized(x, &args[0], humanize, result, err);
}

static int do_humanize_1024(struct exec *x, const struct value *args, size_t count, struct value *result,
                            struct err *err) {
    (void)count;
    return humanized(x, &args[0], humanize_1024, result, err);
}

static int do_humanize_duration(struct exec *x, const struct value *args, size_t count, struct value *result,
                                struct err *err) {
    (void)count;
    return humanized(x, &args[0], humanize_duration, result, err);
}

static int do_humanize_percentage(struct exec *x, const struct value *args, size_t count,
                                  struct value *result, struct err *err) {
    (void)count;
    return humanized(x, &args[0], humanize_percentage, result, err);
}

static int to_time(const struct value *arg, struct value *result, struct err *err) {
    double seconds;
    int rc = value_to_float(arg, &seconds, err);
    if (rc) return rc;
    if (!isfinite(seconds)) {
        *result = value_float(seconds);
        return 0;
    }
    int64_t time_ms;
    rc = humanize_time(seconds, &time_ms, err);
    if (!rc) *result = (struct value){.kind = VALUE_TIME, .integer = time_ms};
    return rc;
}

static int do_humanize_timestamp(struct exec *x, const struct value *args, size_t count, struct value *result,
                                 struct err *err) {
    (void)count;
    struct value time;
    int rc = to_time(&args[0], &time, err);
    if (rc) return rc;
    struct buf made;
    buf_init(&made, 1000);
    value_print(&time, &made);
    return exec_text(x, &made, result, err);
}

static int do_to_time(struct exec *x, const struct value *args, size_t count, struct value *result,
                      struct err *err) {
    (void)x, (void)count;
    int rc = to_time(&args[0], result, err);
    if (!rc && result->kind == VALUE_FLOAT) return err_set(err, ERR_INVALID, "time is not finite");
    return rc;
}

static int do_to_duration(struct exec *x, const struct value *args, size_t count, struct value *result,
                          struct err *err) {
    double seconds;
    (void)x, (void)count;
    int rc = value_to_float(&args[0], &seconds, err);
    if (rc) return rc;
    if (!(fabs(seconds) < 9.2e9)) return err_set(err, ERR_INVALID, "cannot represent the duration in int64");
    *result = (struct value){.kind = VALUE_DURATION, .integer = (int64_t)(seconds * 1e9)};
    return 0;
}

static int do_now(struct exec *x, const struct value *args, size_t count, struct value *result,
                  struct err *err) {
    (void)args, (void)count, (void)err;
    *result = value_float((double)x->env->time_ms / 1000);
    return 0;
}

static int do_parse_duration(struct exec *x, const struct value *args, size_t count, struct value *result,
                             struct err *err) {
    int64_t ms;
    (void)x, (void)count;
    int rc = duration_parse(args[0].text, &ms, err);
    if (!rc) *result = value_float((double)ms / 1000);
    return rc;
}

/* ---- texts ---- */

/* a letter of a word, as Go's Title sees it */
static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c & 0x80) || c == '\'';
}

static size_t rune_at(struct span text, size_t at) {
    size_t length = 1;
    while (at + length < text.len && ((unsigned char)text.ptr[at + length] & 0xc0) == 0x80) length++;
    return length;
}

static int letters(struct exec *x, struct span text, bool upper, struct value *result, struct err *err) {
    struct buf made;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    letters_write(text, upper, &made);
    return exec_text(x, &made, result, err);
}

static int do_title(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    struct span text = args[0].text;
    struct buf made;
    (void)count;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    for (size_t i = 0, length; i < text.len; i += length) {
        length = rune_at(text, i);
        struct span rune = span_of(text.ptr + i, length);
        if (i == 0 || !is_word(text.ptr[i - 1]))
            letters_write(rune, true, &made);
        else
            buf_span(&made, rune);
    }
    return exec_text(x, &made, result, err);
}

static int do_to_upper(struct exec *x, const struct value *args, size_t count, struct value *result,
                       struct err *err) {
    (void)count;
    return letters(x, args[0].text, true, result, err);
}

static int do_to_lower(struct exec *x, const struct value *args, size_t count, struct value *result,
                       struct err *err) {
    (void)count;
    return letters(x, args[0].text, false, result, err);
}

/* not anchored, and a dot is no newline: what Go's regexp does */
static int search_regex(struct span pattern, struct regex **regex, struct err *err) {
    struct buf text;
    struct regex *plain;
    int rc = regex_create(&plain, pattern, err);
    if (rc) return rc;
    regex_destroy(plain);
    buf_init(&text, TEMPLATE_MAX_TEXT);
    buf_printf(&text, "(?-s:%.*s)", SPAN_ARG(pattern));
    rc = regex_create(regex, buf_view(&text), err);
    buf_release(&text);
    return rc;
}

static int do_match(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    struct regex *regex;
    struct span found;
    (void)x, (void)count;
    int rc = search_regex(args[0].text, &regex, err);
    if (rc) return rc;
    *result = value_bool(regex_find(regex, args[1].text, 0, &found, 1));
    regex_destroy(regex);
    return 0;
}

static void replace_all(const struct regex *regex, struct span text, struct span with, struct buf *out) {
    struct span found[REGEX_MAX_CAPTURES];
    size_t from = 0, copied = 0;
    bool follows = false; /* a match ended at `copied`: an empty one there does not count */
    while (from <= text.len && !out->failed && regex_find(regex, text, from, found, REGEX_MAX_CAPTURES)) {
        size_t start = (size_t)(found[0].ptr - text.ptr), end = start + found[0].len;
        if (end > start || !follows || start > copied) {
            buf_append(out, text.ptr + copied, start - copied);
            regex_expand(regex, with, found, out);
            copied = end;
            follows = true;
        }
        from = end > start ? end : end + (end < text.len ? rune_at(text, end) : 1);
    }
    if (copied < text.len) buf_append(out, text.ptr + copied, text.len - copied);
}

static int do_replace_all(struct exec *x, const struct value *args, size_t count, struct value *result,
                          struct err *err) {
    struct regex *regex;
    struct buf made;
    (void)count;
    int rc = search_regex(args[0].text, &regex, err);
    if (rc)
        return err_wrap(err, rc, "regexp: Compile(`%.*s`)",
                        (int)(args[0].text.len < 60 ? args[0].text.len : 60), args[0].text.ptr);
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    struct span text = args[2].text.ptr ? args[2].text : SPAN("");
    replace_all(regex, text, args[1].text, &made);
    regex_destroy(regex);
    return exec_text(x, &made, result, err);
}

static int do_safe_html(struct exec *x, const struct value *args, size_t count, struct value *result,
                        struct err *err) {
    (void)x, (void)count, (void)err;
    *result = args[0];
    return 0;
}

/* ---- hosts and links ---- */

/* host:port, [host]:port; false when it is neither */
static bool split_host_port(struct span text, struct span *host, struct span *port) {
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':') colon--;
    if (!colon) return false;
    *port = span_of(text.ptr + colon, text.len - colon);
    *host = span_of(text.ptr, colon - 1);
    if (host->len && host->ptr[0] == '[') {
        if (host->ptr[host->len - 1] != ']') return false;
        *host = span_of(host->ptr + 1, host->len - 2);
        return true;
    }
    return span_find_byte(*host, ':', 0) == host->len;
}

static int do_strip_port(struct exec *x, const struct value *args, size_t count, struct value *result,
                         struct err *err) {
    struct span host, port;
    (void)x, (void)count, (void)err;
    *result = value_string(split_host_port(args[0].text, &host, &port) ? host : args[0].text);
    return 0;
}

static bool is_address(struct span text) {
    char copy[64];
    unsigned char bytes[16];
    if (text.len >= sizeof copy) return false;
    if (text.len) memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    return inet_pton(AF_INET, copy, bytes) == 1 || inet_pton(AF_INET6, copy, bytes) == 1;
}

static int do_strip_domain(struct exec *x, const struct value *args, size_t count, struct value *result,
                           struct err *err) {
    struct span host = args[0].text, port = {0};
    struct buf made;
    (void)count;
    if (!split_host_port(args[0].text, &host, &port)) {
        host = args[0].text;
        port = span_of(NULL, 0);
    }
    *result = args[0];
    if (is_address(host)) return 0;
    host.len = span_find_byte(host, '.', 0);
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    buf_span(&made, host);
    if (port.len) buf_printf(&made, ":%.*s", SPAN_ARG(port));
    return exec_text(x, &made, result, err);
}

static int link_to(struct exec *x, struct span expr, const char *tab, struct value *result, struct err *err) {
    struct buf made;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    buf_puts(&made, "/graph?g0.expr=");
    url_write_query(expr, &made);
    buf_printf(&made, "&g0.tab=%s", tab);
    return exec_text(x, &made, result, err);
}

static int do_graph_link(struct exec *x, const struct value *args, size_t count, struct value *result,
                         struct err *err) {
    (void)count;
    return link_to(x, args[0].text, "0", result, err);
}

static int do_table_link(struct exec *x, const struct value *args, size_t count, struct value *result,
                         struct err *err) {
    (void)count;
    return link_to(x, args[0].text, "1", result, err);
}

static int do_query_escape(struct exec *x, const struct value *args, size_t count, struct value *result,
                           struct err *err) {
    struct buf made;
    (void)count;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    url_write_query(args[0].text, &made);
    return exec_text(x, &made, result, err);
}

static int do_external_url(struct exec *x, const struct value *args, size_t count, struct value *result,
                           struct err *err) {
    (void)args, (void)count, (void)err;
    *result = value_string(x->env->external_url);
    return 0;
}

static int do_path_prefix(struct exec *x, const struct value *args, size_t count, struct value *result,
                          struct err *err) {
    struct span url = x->env->external_url;
    const char *scheme = url.len ? memmem(url.ptr, url.len, "://", 3) : NULL;
    size_t slash = span_find_byte(url, '/', scheme ? (size_t)(scheme - url.ptr) + 3 : 0);
    (void)args, (void)count, (void)err;
    *result = value_string(slash < url.len ? span_of(url.ptr + slash, url.len - slash) : SPAN(""));
    return 0;
}

const struct function rule_functions[] = {
    {"query", "s", do_query},
    {"first", "q", do_first},
    {"label", "sS", do_label},
    {"value", "S", do_value},
    {"strvalue", "S", do_strvalue},
    {"sortByLabel", "sq", do_sort_by_label},
    {"args", "a*", do_args},
    {"humanize", "a", do_humanize},
    {"humanize1024", "a", do_humanize_1024},
    {"humanizeDuration", "a", do_humanize_duration},
    {"humanizePercentage", "a", do_humanize_percentage},
    {"humanizeTimestamp", "a", do_humanize_timestamp},
    {"toTime", "a", do_to_time},
    {"toDuration", "a", do_to_duration},
    {"now", "", do_now},
    {"parseDuration", "s", do_parse_duration},
    {"title", "s", do_title},
    {"toUpper", "s", do_to_upper},
    {"toLower", "s", do_to_lower},
    {"match", "ss", do_match},
    {"reReplaceAll", "sss", do_replace_all},
    {"safeHtml", "s", do_safe_html},
    {"stripPort", "s", do_strip_port},
    {"stripDomain", "s", do_strip_domain},
    {"graphLink", "s", do_graph_link},
    {"tableLink", "s", do_table_link},
    {"urlQueryEscape", "s", do_query_escape},
    {"externalURL", "", do_external_url},
    {"pathPrefix", "", do_path_prefix},
    {NULL, NULL, NULL},
};
