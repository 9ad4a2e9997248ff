#include "lib/http/headers.h"

#include "lib/base/mem.h"
#include "lib/codec/base64.h"

#include <string.h>

static struct curl_slist *append_header(struct curl_slist *list, const char *name, struct span value) {
    struct buf text;
    buf_init(&text, 2 * SECRET_MAX_BYTES);
    buf_printf(&text, "%s: ", name);
    buf_span(&text, value);
    list = curl_slist_append(list, buf_text(&text));
    secret_forget(&text);
    return list;
}

static void init_configured(struct header_set *set, const struct http_request_options *options) {
    size_t count = options->configured_header_count;
    if (count) set->secrets = mem_array(count, sizeof *set->secrets);
    for (size_t i = 0; i < count; i++) {
        const struct http_header_option *given = &options->configured_headers[i];
        if (!given->is_secret) {
            set->open = append_header(set->open, given->name, span_from(given->value));
            continue;
        }
        struct configured_secret *secret = &set->secrets[set->secret_count++];
        secret->name = mem_strdup(given->name);
        secret_source_init(&secret->value, given->value, given->file);
        set->has_files |= given->file != NULL;
    }
}

void header_set_init(struct header_set *set, const struct http_request_options *options) {
    *set = (struct header_set){0};
    for (const char *const *header = options->headers; header && *header; header++)
        set->open = curl_slist_append(set->open, *header);
    if (options->user_agent)
        set->open = append_header(set->open, "User-Agent", span_from(options->user_agent));
    init_configured(set, options);
    if (options->is_post) set->open = curl_slist_append(set->open, "Expect:"); /* not asked for before */
    set->open = curl_slist_append(set->open, options->accept_gzip ? "Accept-Encoding: gzip"
                                                                  : "Accept-Encoding: identity");
    set->has_basic = options->username || options->username_file;
    secret_source_init(&set->username, options->username, options->username_file);
    secret_source_init(&set->password, options->password, options->password_file);
    if (options->authorization || options->credentials_file)
        set->authorization = mem_strdup(options->authorization ? options->authorization : "Bearer");
    secret_source_init(&set->credentials, options->credentials, options->credentials_file);
    set->has_files |= options->username_file || options->password_file || options->credentials_file;
    set->all = set->open;
}

static void free_secrets(struct curl_slist *list, const struct curl_slist *open) {
    struct curl_slist *last = NULL;
    for (struct curl_slist *item = list; item != open; item = item->next) {
        explicit_bzero(item->data, strlen(item->data));
        last = item;
    }
    if (last) last->next = NULL;
    if (list != open) curl_slist_free_all(list);
}

void header_set_release(struct header_set *set) {
    free_secrets(set->all, set->open);
    curl_slist_free_all(set->open);
    mem_free(set->host);
    mem_free(set->authorization);
    secret_source_release(&set->username);
    secret_source_release(&set->password);
    secret_source_release(&set->credentials);
    for (size_t i = 0; i < set->secret_count; i++) {
        mem_free(set->secrets[i].name);
        secret_source_release(&set->secrets[i].value);
    }
    mem_free(set->secrets);
    *set = (struct header_set){0};
}

/* user:password in base64, behind "Basic " */
static int basic_value(const struct header_set *set, struct buf *value, struct err *err) {
    struct buf user, password = {0};
    int rc = secret_read(&set->username, &user, err);
    if (!rc) rc = secret_read(&set->password, &password, err);
    if (!rc) {
        buf_putc(&user, ':');
        buf_span(&user, buf_view(&password));
        buf_puts(value, "Basic ");
        base64_write(buf_view(&user), BASE64_PLAIN, value);
    }
    secret_forget(&user);
    secret_forget(&password);
    return rc;
}

static int authorization_value(const struct header_set *set, struct buf *value, struct err *err) {
    struct buf credentials;
    int rc = secret_read(&set->credentials, &credentials, err);
    buf_printf(value, "%s ", set->authorization);
    buf_span(value, buf_view(&credentials));
    secret_forget(&credentials);
    return rc;
}

static int append_secrets(const struct header_set *set, struct curl_slist **list, struct err *err) {
    int rc = 0;
    for (size_t i = 0; i < set->secret_count && !rc; i++) {
        struct buf value;
        rc = secret_read(&set->secrets[i].value, &value, err);
        if (!rc) *list = append_header(*list, set->secrets[i].name, buf_view(&value));
        secret_forget(&value);
    }
    return rc;
}

int header_set_load(struct header_set *set, const char *authorization, struct err *err) {
    struct curl_slist *list = NULL;
    struct buf value;
    int rc = 0;
    buf_init(&value, 2 * SECRET_MAX_BYTES);
    if (authorization)
        buf_puts(&value, authorization);
    else if (set->has_basic)
        rc = basic_value(set, &value, err);
    else if (set->authorization)
        rc = authorization_value(set, &value, err);
    if (!rc && value.len) list = append_header(list, "Authorization", buf_view(&value));
    secret_forget(&value);
    if (!rc && set->host) list = curl_slist_append(list, set->host);
    if (!rc) rc = append_secrets(set, &list, err);
    if (rc) {
        free_secrets(list, NULL);
        return rc;
    }
    free_secrets(set->all, set->open);
    set->all = set->open;
    if (!list) return 0;
    struct curl_slist *last = list;
    while (last->next) last = last->next;
    last->next = set->open;
    set->all = list;
    return 0;
}

void header_set_write(const struct header_set *set, struct buf *out) {
    for (const struct curl_slist *item = set->all; item; item = item->next) {
        buf_puts(out, item->data);
        buf_puts(out, "\r\n");
    }
}
