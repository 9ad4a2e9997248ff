#include "lib/http/from_config.h"

#include "lib/base/arena.h"
#include "lib/config/client.h"

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

int http_options_from_config(const struct http_client_config *config, struct arena *arena,
                             struct http_request_options *options, struct err *err) {
    int rc = set_headers(options, config, arena, err);
    if (rc) return rc;
    set_credentials(options, config);
    options->tls = tls_options(config->tls_config);
    options->follow_redirects = config->follow_redirects;
    options->http2 = config->enable_http2;
    options->proxy_url = config->proxy_url;
    options->no_proxy = config->no_proxy;
    options->proxy_from_environment = config->proxy_from_environment;
    return 0;
}
