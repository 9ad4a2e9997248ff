#include "lib/http/proxy.h"

#include "lib/base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROXY_URL_MAX 4096

/* socks5 leaves names to the proxy, as Go does; a proxy without a scheme speaks http */
static char *proxy_url(const char *text) {
    char url[PROXY_URL_MAX];
    if (!text || !*text) return NULL;
    if (strncasecmp(text, "socks5://", 9) == 0)
        snprintf(url, sizeof url, "socks5h%s", text + 6);
    else
        snprintf(url, sizeof url, "%s%s", strstr(text, "://") ? "" : "http://", text);
    return mem_strdup(url);
}

static const char *environment(const char *name, const char *small) {
    const char *value = getenv(name);
    return value && *value ? value : getenv(small);
}

void proxy_init(struct proxy *proxy, const struct http_proxy_options *options) {
    *proxy = (struct proxy){0};
    if (options->url) {
        proxy->http = proxy_url(options->url);
        proxy->https = proxy_url(options->url);
        if (options->no_proxy && *options->no_proxy) proxy->exceptions = mem_strdup(options->no_proxy);
    } else if (options->from_environment) {
        const char *exceptions = environment("NO_PROXY", "no_proxy");
        proxy->http = proxy_url(environment("HTTP_PROXY", "http_proxy"));
        proxy->https = proxy_url(environment("HTTPS_PROXY", "https_proxy"));
        proxy->exceptions = mem_strdup(exceptions ? exceptions : "");
    }
}

void proxy_release(struct proxy *proxy) {
    mem_free(proxy->http);
    mem_free(proxy->https);
    mem_free(proxy->exceptions);
    *proxy = (struct proxy){0};
}

struct address {
    unsigned char bytes[16];
    size_t len; /* 4 or 16; 0: it is a name */
};

static struct address address_of(const char *host) {
    struct address address = {0};
    if (inet_pton(AF_INET, host, address.bytes) == 1)
        address.len = 4;
    else if (inet_pton(AF_INET6, host, address.bytes) == 1)
        address.len = 16;
    return address;
}

static bool is_this_machine(const char *host, const struct address *address) {
    static const unsigned char six[16] = {[15] = 1};
    if (strcasecmp(host, "localhost") == 0) return true;
    return (address->len == 4 && address->bytes[0] == 127) ||
           (address->len == 16 && memcmp(address->bytes, six, 16) == 0);
}

static bool is_in_network(const struct address *address, char *network, char *slash) {
    *slash = '\0';
    struct address base = address_of(network);
    char *end;
    unsigned long bits = strtoul(slash + 1, &end, 10);
    if (!base.len || base.len != address->len || *end || bits > base.len * 8) return false;
    for (size_t i = 0; i < bits; i++)
        if ((base.bytes[i / 8] ^ address->bytes[i / 8]) & (0x80 >> i % 8)) return false;
    return true;
}

/* takes ":port" and brackets off an entry; the port, or 0 */
static long split_port(char **entry) {
    char *text = *entry, *colon = strrchr(text, ':'), *bracket = strchr(text, ']');
    long port = 0;
    if (colon && (bracket ? colon == bracket + 1 : colon == strchr(text, ':'))) {
        port = strtol(colon + 1, NULL, 10);
        *colon = '\0';
    }
    if (*text == '[' && bracket) {
        *bracket = '\0';
        (*entry)++;
    }
    return port;
}

static bool is_name_below(const char *host, const char *entry) {
    if (entry[0] == '*' && entry[1] == '.') entry++;
    size_t host_len = strlen(host), len = strlen(entry);
    if (entry[0] != '.' && strcasecmp(host, entry) == 0) return true;
    if (len >= host_len || !len || strcasecmp(host + host_len - len, entry) != 0) return false;
    return entry[0] == '.' || host[host_len - len - 1] == '.';
}

static bool entry_names(char *entry, const char *host, const struct address *address, long port) {
    if (strcmp(entry, "*") == 0) return true;
    char *slash = strchr(entry, '/');
    if (slash) return address->len && is_in_network(address, entry, slash);
    long wanted = split_port(&entry);
    if (wanted && wanted != port) return false;
    struct address given = address_of(entry);
    if (given.len) return given.len == address->len && memcmp(given.bytes, address->bytes, given.len) == 0;
    return !address->len && is_name_below(host, entry);
}

static bool is_exception(const char *exceptions, const char *host, long port) {
    struct address address = address_of(host);
    if (is_this_machine(host, &address)) return true;
    while (*exceptions) {
        char entry[256];
        size_t len = strcspn(exceptions, ",");
        const char *text = exceptions;
        size_t count = len;
        while (count && (*text == ' ' || *text == '\t')) text++, count--;
        while (count && (text[count - 1] == ' ' || text[count - 1] == '\t')) count--;
        if (count && count < sizeof entry) {
            memcpy(entry, text, count);
            entry[count] = '\0';
            if (entry_names(entry, host, &address, port)) return true;
        }
        exceptions += len + (exceptions[len] == ',');
    }
    return false;
}

const char *proxy_for(const struct proxy *proxy, bool is_https, const char *host, long port) {
    const char *url = is_https ? proxy->https : proxy->http;
    if (!url || (proxy->exceptions && is_exception(proxy->exceptions, host, port))) return NULL;
    return url;
}
