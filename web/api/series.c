#include "lib/model/queryable.h"
#include "web/api/inside.h"

#include <stdlib.h>

/* Series, label names and label values: unions over several match[], sorted, each once. */

#define CUT "results truncated due to limit"

struct window {
    int64_t mint, maxt;
    uint64_t limit; /* 0: none */
};

static bool take_window(struct exchange *exchange, struct window *window) {
    return param_limit(exchange, &window->limit) && param_time(exchange, "start", INT64_MIN, &window->mint) &&
           param_time(exchange, "end", INT64_MAX, &window->maxt);
}

/* how many of `count` go out, and whether that needs saying */
static const char *cut(const struct window *window, size_t *count) {
    if (!window->limit || *count <= window->limit) return NULL;
    *count = (size_t)window->limit;
    return CUT;
}

static bool is_canceled(struct exchange *exchange) {
    return atomic_load_explicit(exchange_cancel(exchange), memory_order_relaxed);
}

/* ---- series ---- */

struct label_sets {
    struct labels *items;
    size_t count;
    const char *warning; /* of a set: something could not be read */
};

/* the sets of one more selector, behind those that are there */
static int add_sets(struct exchange *exchange, struct series_set *set, struct label_sets *all,
                    struct err *err) {
    struct arena *arena = exchange_arena(exchange);
    struct labels *items = arena_array(arena, all->count + set->count + 1, sizeof *items);
    if (!items) return arena_limit(arena, "the answer", err);
    if (all->count) memcpy(items, all->items, all->count * sizeof *items);
    all->items = items;
    for (size_t i = 0; i < set->count; i++) {
        if (i % 1024 == 0 && is_canceled(exchange)) return err_set(err, ERR_CANCELED, "request was canceled");
        int rc = series_set_labels(set, i, arena, &items[all->count], err);
        if (rc) return rc;
        all->count++;
    }
    return 0;
}

static int collect_sets(struct exchange *exchange, struct queryable *queryable, const struct window *window,
                        const struct matches *matches, struct label_sets *all, struct err *err) {
    int rc = 0;
    for (size_t i = 0; i < matches->count && !rc; i++) {
        struct series_set *set = NULL;
        rc = queryable_select(queryable, matches->items[i].matchers, matches->items[i].count, window->mint,
                              window->maxt, exchange_arena(exchange)->budget, &set, err);
        if (!rc) rc = add_sets(exchange, set, all, err);
        if (!rc && !all->warning) all->warning = atomic_load(&set->warning);
        series_set_close(set);
    }
    return rc;
}

static int compare_sets(const void *a, const void *b) {
    return labels_compare(*(const struct labels *)a, *(const struct labels *)b);
}

static void sort_sets(struct label_sets *sets) {
    size_t kept = 0;
    if (sets->count) qsort(sets->items, sets->count, sizeof *sets->items, compare_sets);
    for (size_t i = 0; i < sets->count; i++)
        if (!kept || !labels_equal(sets->items[kept - 1], sets->items[i]))
            sets->items[kept++] = sets->items[i];
    sets->count = kept;
}

static void write_set(struct json_writer *json, size_t i, const void *items) {
    answer_write_labels(json, &((const struct labels *)items)[i]);
}

void api_series(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    const struct web_request *request = exchange_request(exchange);
    struct window window;
    struct matches matches;
    struct label_sets sets = {0};
    struct err err = {0};
    if (request->has_bad_params) {
        answer_error(exchange, ANSWER_BAD_DATA, "error parsing form values: invalid URL escape");
        return;
    }
    if (!web_request_has_param(request, "match[]")) {
        answer_error(exchange, ANSWER_BAD_DATA, "no match[] parameter provided");
        return;
    }
    if (!take_window(exchange, &window) || !param_matches(exchange, true, &matches)) return;
    struct queryable *readable = api_readable(api, exchange);
    if (!readable) {
        matches_release(&matches);
        return;
    }
    int rc = collect_sets(exchange, readable, &window, &matches, &sets, &err);
    matches_release(&matches);
    if (rc) {
        answer_failure(exchange, rc, err.text);
        return;
    }
    sort_sets(&sets);
    const char *warnings[] = {sets.warning, cut(&window, &sets.count)};
    answer_list(exchange, sets.items, sets.count, write_set, warnings);
}

/* ---- names and values ---- */

struct texts {
    struct span *items;
    size_t count;
};

/* names when `name` is empty, else its values */
static int ask_texts(struct queryable *queryable, struct span name, const struct match *match,
                     const struct window *window, struct arena *arena, struct texts *texts, struct err *err) {
    const struct matcher *matchers = match ? match->matchers : NULL;
    size_t count = match ? match->count : 0;
    if (name.len)
        return queryable->ops->label_values(queryable, name, matchers, count, window->mint, window->maxt,
                                            arena, &texts->items, &texts->count, err);
    return queryable->ops->label_names(queryable, matchers, count, window->mint, window->maxt, arena,
                                       &texts->items, &texts->count, err);
}

/* two sorted lists into one, each text once */
static int merge_texts(struct arena *arena, struct texts *all, const struct texts *more, struct err *err) {
    struct span *items = arena_array(arena, all->count + more->count + 1, sizeof *items);
    if (!items) return arena_limit(arena, "the answer", err);
    size_t i = 0, j = 0, count = 0;
    while (i < all->count || j < more->count) {
        int order = i == all->count ? 1 : j == more->count ? -1 : span_compare(all->items[i], more->items[j]);
        items[count++] = order <= 0 ? all->items[i] : more->items[j];
        i += order <= 0;
        j += order >= 0;
    }
    *all = (struct texts){items, count};
    return 0;
}

static int collect_texts(struct exchange *exchange, struct queryable *queryable, struct span name,
                         const struct window *window, const struct matches *matches, struct texts *all,
                         struct err *err) {
    struct arena *arena = exchange_arena(exchange);
    if (!matches->count) return ask_texts(queryable, name, NULL, window, arena, all, err);
    for (size_t i = 0; i < matches->count; i++) {
        struct texts more = {0};
        if (is_canceled(exchange)) return err_set(err, ERR_CANCELED, "request was canceled");
        int rc = ask_texts(queryable, name, &matches->items[i], window, arena, &more, err);
        if (!rc) rc = merge_texts(arena, all, &more, err);
        if (rc) return rc;
    }
    return 0;
}

int api_collect_texts(struct exchange *exchange, struct queryable *readable, struct span name, int64_t mint,
                      int64_t maxt, const struct matches *matches, struct span **texts, size_t *count,
                      struct err *err) {
    struct window window = {mint, maxt, 0};
    struct texts all = {0};
    int rc = collect_texts(exchange, readable, name, &window, matches, &all, err);
    *texts = all.items;
    *count = all.count;
    return rc;
}

static void write_text(struct json_writer *json, size_t i, const void *items) {
    json_string(json, ((const struct span *)items)[i]);
}

static void answer_texts(struct exchange *exchange, struct api *api, struct span name) {
    struct window window;
    struct matches matches;
    struct texts texts = {0};
    struct err err = {0};
    if (!take_window(exchange, &window) || !param_matches(exchange, false, &matches)) return;
    struct queryable *readable = api_readable(api, exchange);
    if (!readable) {
        matches_release(&matches);
        return;
    }
    int rc = collect_texts(exchange, readable, name, &window, &matches, &texts, &err);
    matches_release(&matches);
    if (rc) {
        answer_failure(exchange, rc, err.text);
        return;
    }
    const char *warnings[] = {NULL, cut(&window, &texts.count)};
    answer_list(exchange, texts.items, texts.count, write_text, warnings);
}

void api_labels(struct exchange *exchange, void *context) {
    answer_texts(exchange, api_of(context), (struct span){0});
}

/* ---- U__ names: every odd character as _<hex>_, an underscore doubled ---- */

static bool put_code_point(struct buf *out, uint32_t code) {
    if (code < 0x80) return buf_putc(out, (char)code);
    if (code < 0x800)
        return buf_putc(out, (char)(0xc0 | code >> 6)) && buf_putc(out, (char)(0x80 | (code & 0x3f)));
    if (code < 0x10000)
        return buf_putc(out, (char)(0xe0 | code >> 12)) && buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f))) &&
               buf_putc(out, (char)(0x80 | (code & 0x3f)));
    return buf_putc(out, (char)(0xf0 | code >> 18)) && buf_putc(out, (char)(0x80 | (code >> 12 & 0x3f))) &&
           buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f))) && buf_putc(out, (char)(0x80 | (code & 0x3f)));
}

/* the hex digits between underscores at *at; false when they are none */
static bool take_code(struct span text, size_t *at, struct buf *out) {
    uint32_t code = 0;
    size_t digits = 0;
    for (; *at < text.len && text.ptr[*at] != '_'; (*at)++) {
        char c = text.ptr[*at], lower = (char)(c | 0x20);
        bool is_digit = c >= '0' && c <= '9', is_letter = lower >= 'a' && lower <= 'f';
        if ((!is_digit && !is_letter) || ++digits > 6) return false;
        code = code * 16 + (uint32_t)(is_digit ? c - '0' : lower - 'a' + 10);
    }
    if (!digits || *at == text.len || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    (*at)++;
    return put_code_point(out, code);
}

/* the name that an escaped one stands for; what is not well escaped stands for itself */
static struct span unescape_name(struct span name, struct arena *arena) {
    struct span prefix = SPAN("U__");
    if (!span_starts_with(name, prefix)) return name;
    struct buf out;
    bool is_good = true;
    buf_init(&out, 4 * name.len + 4);
    for (size_t at = prefix.len; at < name.len && is_good;) {
        char c = name.ptr[at++];
        if (c != '_') {
            buf_putc(&out, c);
        } else if (at < name.len && name.ptr[at] == '_') {
            buf_putc(&out, '_');
            at++;
        } else {
            is_good = take_code(name, &at, &out);
        }
    }
    char *copy = is_good && !out.failed ? arena_strndup(arena, out.data, out.len) : NULL;
    struct span result = copy ? span_of(copy, out.len) : name;
    buf_release(&out);
    return result;
}

void api_label_values(struct exchange *exchange, void *context) {
    struct arena *arena = exchange_arena(exchange);
    struct span name = unescape_name(exchange_request(exchange)->captured, arena);
    if (!name.len || !span_is_utf8(name)) {
        struct buf quoted;
        buf_init(&quoted, (size_t)1 << 20);
        text_write_quoted(name, &quoted);
        answer_error(exchange, ANSWER_BAD_DATA, "invalid label name: %s", buf_text(&quoted));
        buf_release(&quoted);
        return;
    }
    answer_texts(exchange, api_of(context), name);
}
