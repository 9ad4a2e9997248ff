#include "web/http/incoming.h"

#include "lib/base/mem.h"

#include <string.h>
#include <strings.h>

struct incoming *incoming_create(struct budget *budget) {
    struct incoming *incoming = mem_zalloc(sizeof *incoming);
    arena_init(&incoming->arena, INCOMING_ARENA_MAX, budget);
    buf_init_budget(&incoming->body, 0, budget);
    return incoming;
}

void incoming_destroy(struct incoming *incoming) {
    if (!incoming) return;
    buf_release(&incoming->body);
    arena_release(&incoming->arena);
    mem_free(incoming);
}

static struct span find_pair(const struct web_pair *pairs, size_t count, const char *name, bool any_case,
                             bool *found) {
    size_t len = strlen(name);
    for (size_t i = 0; i < count; i++) {
        struct span have = pairs[i].name;
        *found = have.len == len &&
                 (any_case ? strncasecmp(have.ptr, name, len) : memcmp(have.ptr, name, len)) == 0;
        if (*found) return pairs[i].value;
    }
    *found = false;
    return (struct span){0};
}

struct span web_request_param(const struct web_request *request, const char *name) {
    bool found;
    return find_pair(request->params, request->param_count, name, false, &found);
}

bool web_request_has_param(const struct web_request *request, const char *name) {
    bool found;
    (void)find_pair(request->params, request->param_count, name, false, &found);
    return found;
}

struct span web_request_header(const struct web_request *request, const char *name) {
    bool found;
    return find_pair(request->headers, request->header_count, name, true, &found);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum decode_result { DECODE_OK, DECODE_BAD, DECODE_LIMIT };

/* %XX once, and + for a space in forms; text without either is not copied */
static enum decode_result decode(struct arena *arena, struct span text, bool is_form, struct span *out) {
    if (!text.len || (!memchr(text.ptr, '%', text.len) && !(is_form && memchr(text.ptr, '+', text.len)))) {
        *out = text;
        return DECODE_OK;
    }
    char *to = arena_alloc(arena, text.len);
    if (!to) return DECODE_LIMIT;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) return DECODE_BAD;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (is_form && c == '+') {
            c = ' ';
        }
        to[len++] = c;
    }
    *out = span_of(to, len);
    return DECODE_OK;
}

static size_t count_pairs(struct span form) {
    size_t count = form.len ? 1 : 0;
    for (size_t i = 0; i < form.len; i++) count += form.ptr[i] == '&';
    return count;
}

static enum decode_result decode_pair(struct arena *arena, struct span text, struct web_pair *pair) {
    size_t equals = span_find_byte(text, '=', 0);
    struct span name = span_of(text.ptr, equals);
    struct span value =
        equals < text.len ? span_of(text.ptr + equals + 1, text.len - equals - 1) : (struct span){0};
    if (memchr(text.ptr, ';', text.len)) return DECODE_BAD; /* was a separator once: ambiguous */
    enum decode_result result = decode(arena, name, true, &pair->name);
    return result == DECODE_OK ? decode(arena, value, true, &pair->value) : result;
}

/* a=1&b=2 after the params that are there; what cannot be decoded is left out and noted */
static bool take_form(struct incoming *incoming, struct span form) {
    struct web_request *request = &incoming->request;
    for (size_t at = 0; at < form.len;) {
        size_t end = span_find_byte(form, '&', at);
        struct span text = span_of(form.ptr + at, end - at);
        at = end + 1;
        if (!text.len) continue;
        enum decode_result result =
            decode_pair(&incoming->arena, text, &request->params[request->param_count]);
        if (result == DECODE_LIMIT) return false;
        if (result == DECODE_OK)
            request->param_count++;
        else
            request->has_bad_params = true;
    }
    return true;
}

static bool is_form(const struct web_request *request) {
    static const char form[] = "application/x-www-form-urlencoded";
    struct span type = web_request_header(request, "Content-Type");
    size_t end = span_find_byte(type, ';', 0);
    type = span_trim(span_of(type.ptr, end));
    return type.len == sizeof form - 1 && strncasecmp(type.ptr, form, type.len) == 0;
}

static int take_params(struct incoming *incoming, struct span query, const char **reason) {
    struct web_request *request = &incoming->request;
    bool has_form = request->method == METHOD_POST || request->method == METHOD_PUT;
    struct span form = has_form && is_form(request) ? request->body : (struct span){0};
    size_t most = count_pairs(form) + count_pairs(query);
    *reason = "too many parameters";
    if (most > INCOMING_PARAMS_MAX) return 400;
    request->params = arena_array(&incoming->arena, most + 1, sizeof *request->params);
    *reason = "no memory for the request";
    return request->params && take_form(incoming, form) && take_form(incoming, query) ? 0 : 503;
}

/* a path never leaves its folder, whatever serves it */
static bool has_dot_dot(struct span path) {
    for (size_t at = 0; at < path.len;) {
        size_t end = span_find_byte(path, '/', at);
        if (end - at == 2 && path.ptr[at] == '.' && path.ptr[at + 1] == '.') return true;
        at = end + 1;
    }
    return false;
}

/* http://host:port/path?query to /path?query */
static struct span without_authority(struct span target) {
    if (!span_starts_with(target, SPAN("http://"))) return target;
    size_t slash = span_find_byte(target, '/', 7);
    return slash < target.len ? span_of(target.ptr + slash, target.len - slash) : SPAN("/");
}

struct span incoming_path(struct span target) {
    target = without_authority(target);
    return span_of(target.ptr, span_find_byte(target, '?', 0));
}

int incoming_finish(struct incoming *incoming, const char **reason) {
    struct web_request *request = &incoming->request;
    struct span target = without_authority(incoming->target), query = {0};
    request->body = buf_view(&incoming->body);
    if (request->method == METHOD_OPTIONS && span_is(target, "*")) target = SPAN("/");
    *reason = "the target is not a path";
    if (!target.len || target.ptr[0] != '/') return 400;
    size_t question = span_find_byte(target, '?', 0);
    if (question < target.len) query = span_of(target.ptr + question + 1, target.len - question - 1);
    *reason = "the path cannot be decoded";
    enum decode_result result =
        decode(&incoming->arena, span_of(target.ptr, question), false, &request->path);
    if (result != DECODE_OK) return result == DECODE_BAD ? 400 : 503;
    if (memchr(request->path.ptr, '\0', request->path.len)) return 400;
    *reason = "the path leaves its folder";
    if (has_dot_dot(request->path)) return 400;
    return take_params(incoming, query, reason);
}
