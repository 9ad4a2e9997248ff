#include "web/http/router.h"

/* the segment of path that begins at `at` ("/x") ends here */
static size_t segment_end(struct span path, size_t at) {
    return span_find_byte(path, '/', at + 1);
}

static bool matches(const char *pattern_text, struct span path, struct span *captured) {
    struct span pattern = span_from(pattern_text);
    size_t p = 0, q = 0;
    while (p < pattern.len && q < path.len) {
        size_t p_end = segment_end(pattern, p), q_end = segment_end(path, q);
        struct span wanted = span_of(pattern.ptr + p + 1, p_end - p - 1);
        struct span have = span_of(path.ptr + q + 1, q_end - q - 1);
        if (span_is(wanted, "*")) {
            *captured = span_of(path.ptr + q + 1, path.len - q - 1);
            return true;
        }
        if (wanted.len && wanted.ptr[0] == ':') {
            if (!have.len) return false;
            *captured = have;
        } else if (!span_equal(wanted, have)) {
            return false;
        }
        p = p_end;
        q = q_end;
    }
    return p == pattern.len && q == path.len;
}

int router_find(const struct router *router, struct span path, enum web_method method, struct span *captured,
                unsigned *allowed) {
    *allowed = 0;
    for (size_t i = 0; i < router->count; i++) {
        struct span found = {0};
        if (!matches(router->routes[i].pattern, path, &found)) continue;
        if (router->routes[i].methods & (unsigned)method) {
            *captured = found;
            return (int)i;
        }
        *allowed |= router->routes[i].methods;
    }
    return -1;
}

bool router_strip(struct span prefix, struct span *path) {
    if (!prefix.len) return true;
    if (!span_starts_with(*path, prefix)) return false;
    struct span rest = span_of(path->ptr + prefix.len, path->len - prefix.len);
    if (rest.len && rest.ptr[0] != '/') return false;
    *path = rest.len ? rest : SPAN("/");
    return true;
}
