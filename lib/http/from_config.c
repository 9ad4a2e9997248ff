#include "lib/http/from_config.h"

#include "lib/base/arena.h"
#include "lib/codec/json.h"
#include "lib/codec/url.h"
#include "lib/codec/yaml.h"
#include "lib/config/client.h"

#include <stdlib.h>
#include <string.h>

#define FORM_MAX_BYTES ((size_t)1 << 20)

static void set_credentials(struct http_request_options *options, const struct http_client_config *config) {
    const struct basic_auth_config *basic = config->basic_auth;
    const struct authorization_config *authorization = config->authorization;
    if (basic) {
        options->username_file = basic->username_file;
        options->username = !basic->username && !basic->username_file ? "" : basic->username;
        options->password = basic->password.text;
        options->password_file = basic->password_file;
    }
    if (authorization) {
        options->authorization = authorization->type;
        options->credentials = authorization->credentials.text;
        options->credentials_file = authorization->credentials_file;
    }
}

static struct http_tls_options tls_options(const struct tls_config *tls) {
    if (!tls) return (struct http_tls_options){0};
    return (struct http_tls_options){.ca_file = tls->ca_file,
                                     .cert_file = tls->cert_file,
                                     .key_file = tls->key_file,
                                     .server_name = tls->server_name,
                                     .ca = tls->ca,
                                     .cert = tls->cert,
                                     .key = tls->key.text,
                                     .insecure_skip_verify = tls->insecure_skip_verify,
                                     .min_version = tls->min_version,
                                     .max_version = tls->max_version};
}

static size_t header_count(const struct http_client_config *config) {
    size_t count = 0;
    for (size_t i = 0; i < config->http_headers.count; i++) {
        const struct http_header_config *given = &config->http_headers.items[i];
        count += given->values.count + given->secrets.count + given->files.count;
    }
    return count;
}

static int set_headers(struct http_request_options *options, const struct http_client_config *config,
                       struct arena *arena, struct err *err) {
    size_t count = header_count(config), used = 0;
    struct http_header_option *all = count ? arena_array(arena, count, sizeof *all) : NULL;
    if (count && !all) return arena_limit(arena, "the list of HTTP headers", err);
    for (size_t i = 0; i < config->http_headers.count; i++) {
        const struct http_header_config *given = &config->http_headers.items[i];
        for (size_t k = 0; k < given->values.count; k++)
            all[used++] = (struct http_header_option){.name = given->name, .value = given->values.items[k]};
        for (size_t k = 0; k < given->secrets.count; k++)
            all[used++] = (struct http_header_option){
                .name = given->name, .value = given->secrets.items[k], .is_secret = true};
        for (size_t k = 0; k < given->files.count; k++)
            all[used++] = (struct http_header_option){
                .name = given->name, .file = given->files.items[k], .is_secret = true};
    }
    options->configured_headers = all;
    options->configured_header_count = count;
    return 0;
}

/* "Name: value" for each value, ended by NULL; NULL when there is none */
static int connect_headers(const struct params *headers, struct arena *arena, const char *const **result,
                           struct err *err) {
    size_t count = 0, used = 0;
    for (size_t i = 0; i < headers->count; i++) count += headers->items[i].values.count;
    *result = NULL;
    if (!count) return 0;
    const char **all = arena_array(arena, count + 1, sizeof *all);
    for (size_t i = 0; i < headers->count && all; i++)
        for (size_t k = 0; k < headers->items[i].values.count; k++) {
            const char *text =
                arena_printf(arena, "%s: %s", headers->items[i].name, headers->items[i].values.items[k]);
            if (!text) return arena_limit(arena, "the list of proxy headers", err);
            all[used++] = text;
        }
    *result = all;
    return all ? 0 : arena_limit(arena, "the list of proxy headers", err);
}

/* ---- OAuth 2 ---- */

static void put_node(struct json_writer *json, const struct ynode *node);

static void put_scalar(struct json_writer *json, const struct ynode *node) {
    char *end;
    bool flag;
    const char *text = node->text.ptr;
    double number = node->is_plain && node->text.len ? strtod(text, &end) : 0;
    if (ynode_is_null(node))
        json_null(json);
    else if (ynode_bool(node, &flag))
        json_bool(json, flag);
    else if (node->is_plain && node->text.len && !*end && strchr("+-.0123456789", *text))
        json_double(json, number);
    else
        json_string(json, node->text);
}

/* the tree's depth is limited by its reader */
static void put_entries(struct json_writer *json, const struct ynode *map) {
    for (uint32_t i = 0; i < map->count; i++) {
        json_key_span(json, map->entries[i].key->text);
        put_node(json, map->entries[i].value);
    }
}

static void put_node(struct json_writer *json, const struct ynode *node) {
    if (node->kind == YNODE_SCALAR) {
        put_scalar(json, node);
    } else if (node->kind == YNODE_LIST) {
        json_array(json);
        for (uint32_t i = 0; i < node->count; i++) put_node(json, node->items[i]);
        json_end_array(json);
    } else {
        json_object(json);
        put_entries(json, node);
        json_end_object(json);
    }
}

/* the claims as JSON without the outer braces, to stand among others */
static void write_claims(const struct verbatim *claims, struct buf *out) {
    struct json_writer json;
    if (!claims->node || claims->node->kind != YNODE_MAP) return;
    json_init(&json, out);
    json_object(&json);
    put_entries(&json, claims->node);
    json_end_object(&json);
    if (out->failed) return;
    out->len--;
    memmove(out->data, out->data + 1, --out->len);
}

static void write_scope(const struct strings *scopes, struct buf *out) {
    for (size_t i = 0; i < scopes->count; i++) {
        if (i) buf_putc(out, ' ');
        buf_puts(out, scopes->items[i]);
    }
}

static void write_form(const struct pairs *params, struct buf *out) {
    for (size_t i = 0; i < params->count; i++) {
        if (i) buf_putc(out, '&');
        url_write_escaped(span_from(params->items[i].name), out);
        buf_putc(out, '=');
        url_write_escaped(span_from(params->items[i].value), out);
    }
}

/* the buf's text in the arena, and the buf empty again; NULL when it is empty or the arena is full */
static const char *take_text(struct buf *text, struct arena *arena) {
    const char *copy = text->len && !text->failed ? arena_strndup(arena, text->data, text->len) : NULL;
    buf_reset(text);
    return copy;
}

static int set_oauth2(struct http_request_options *options, const struct oauth2_config *config,
                      struct arena *arena, struct err *err) {
    struct http_oauth2_options *oauth2 = arena_zalloc(arena, sizeof *oauth2);
    struct buf text;
    if (!oauth2) return arena_limit(arena, "oauth2", err);
    *oauth2 = (struct http_oauth2_options){.client_id = config->client_id,
                                           .client_secret = config->client_secret.text,
                                           .client_secret_file = config->client_secret_file,
                                           .token_url = config->token_url,
                                           .is_jwt = config->grant_type &&
                                                     strcmp(config->grant_type, "client_credentials") != 0,
                                           .key = config->client_certificate_key.text,
                                           .key_file = config->client_certificate_key_file,
                                           .key_id = config->client_certificate_key_id,
                                           .algorithm = config->signature_algorithm,
                                           .issuer = config->iss,
                                           .audience = config->audience,
                                           .tls = tls_options(config->tls_config),
                                           .proxy = {.url = config->proxy_url,
                                                     .no_proxy = config->no_proxy,
                                                     .from_environment = config->proxy_from_environment}};
    buf_init(&text, FORM_MAX_BYTES);
    write_scope(&config->scopes, &text);
    oauth2->scope = take_text(&text, arena);
    write_form(&config->endpoint_params, &text);
    oauth2->form = take_text(&text, arena);
    write_claims(&config->claims, &text);
    oauth2->claims = take_text(&text, arena);
    buf_release(&text);
    options->oauth2 = oauth2;
    return connect_headers(&config->proxy_connect_header, arena, &oauth2->proxy.connect_headers, err);
}

int http_options_from_config(const struct http_client_config *config, struct arena *arena,
                             struct http_request_options *options, struct err *err) {
    options->oauth2 = NULL;
    int rc = set_headers(options, config, arena, err);
    if (!rc && config->oauth2) rc = set_oauth2(options, config->oauth2, arena, err);
    if (!rc) rc = connect_headers(&config->proxy_connect_header, arena, &options->proxy.connect_headers, err);
    if (rc) return rc;
    set_credentials(options, config);
    options->tls = tls_options(config->tls_config);
    options->follow_redirects = config->follow_redirects;
    options->http2 = config->enable_http2;
    options->proxy.url = config->proxy_url;
    options->proxy.no_proxy = config->no_proxy;
    options->proxy.from_environment = config->proxy_from_environment;
    return 0;
}
