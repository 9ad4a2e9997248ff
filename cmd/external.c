#include "cmd/external.h"

#include "lib/base/mem.h"
#include "lib/base/span.h"

static int path_of(const char *url, struct span *path, struct err *err) {
    const char *colon = strstr(url, "://");
    size_t len = strlen(url);
    if (strchr("\"'", url[0]) || strchr("\"'", url[len - 1]))
        return err_set(err, ERR_INVALID, "parse external URL \"%s\": URL must not begin or end with quotes",
                       url);
    if (!colon || colon == url)
        return err_set(err, ERR_INVALID, "parse external URL \"%s\": it has no scheme", url);
    const char *host = colon + 3;
    size_t host_len = strcspn(host, "/?#");
    if (!host_len) return err_set(err, ERR_INVALID, "parse external URL \"%s\": it has no host", url);
    *path = span_of(host + host_len, strcspn(host + host_len, "?#"));
    return 0;
}

int external_route_prefix(const char *external_url, const char *route_prefix, char **prefix,
                          struct err *err) {
    struct span path = {0};
    int rc = *external_url ? path_of(external_url, &path, err) : 0;
    if (rc) return rc;
    if (*route_prefix) path = span_from(route_prefix);
    while (path.len && path.ptr[path.len - 1] == '/') path.len--;
    while (path.len && path.ptr[0] == '/') path = span_of(path.ptr + 1, path.len - 1);
    for (size_t i = 0; i < path.len; i++)
        if ((unsigned char)path.ptr[i] <= ' ' || path.ptr[i] == 127)
            return err_set(err, ERR_INVALID, "a prefix of paths holds no blanks or control characters");
    char *text = mem_zalloc(path.len + 2);
    if (path.len) {
        text[0] = '/';
        memcpy(text + 1, path.ptr, path.len);
    }
    *prefix = text;
    return 0;
}
