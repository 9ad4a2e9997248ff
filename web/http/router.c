#include "web/http/router.h"

static bool path_matches(const char *pattern, struct span path, struct span *wildcard) {
    const char *star = strchr(pattern, '*');
    if (!star) return span_is(path, pattern);
    struct span before = span_of(pattern, (size_t)(star - pattern)), after = span_from(star + 1);
    if (path.len <= before.len + after.len || !span_starts_with(path, before) || !span_ends_with(path, after))
        return false;
    *wildcard = span_of(path.ptr + before.len, path.len - before.len - after.len);
    return true;
}

const struct http_route *http_route_find(const struct http_router *router, struct http_exchange *exchange,
                                         unsigned *allowed) {
    const struct http_route *found = NULL;
    *allowed = 0;
    for (size_t i = 0; i < router->count; i++) {
        struct span wildcard = {0};
        if (!path_matches(router->routes[i].path, exchange->path, &wildcard)) continue;
        *allowed |= router->routes[i].methods;
        if (found && !(router->routes[i].methods & exchange->method)) continue;
        found = &router->routes[i];
        exchange->wildcard = wildcard;
    }
    return found;
}
