#include "lib/http/origin.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void origin_release(struct origin *origin) {
    curl_free(origin->scheme);
    curl_free(origin->host);
    *origin = (struct origin){0};
}

void origin_of(const char *url, struct origin *origin) {
    char *port = NULL;
    CURLU *parts = curl_url();
    *origin = (struct origin){0};
    if (parts && !curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME)) {
        (void)curl_url_get(parts, CURLUPART_SCHEME, &origin->scheme, 0);
        (void)curl_url_get(parts, CURLUPART_HOST, &origin->host, 0);
        if (!curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
            origin->port = strtol(port, NULL, 10);
        size_t len = origin->host ? strlen(origin->host) : 0;
        if (len > 2 && origin->host[0] == '[') {
            memmove(origin->host, origin->host + 1, len - 2);
            origin->host[len - 2] = '\0';
        }
    }
    curl_free(port);
    curl_url_cleanup(parts);
}

bool origin_trusts(const struct origin *from, const struct origin *to) {
    if (!from->host || !to->host || !from->scheme || !to->scheme) return false;
    if (strcasecmp(from->host, to->host) != 0) return false;
    if (strcasecmp(from->scheme, to->scheme) == 0) return from->port == to->port;
    return strcasecmp(to->scheme, "https") == 0;
}
