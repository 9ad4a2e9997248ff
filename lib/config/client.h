#pragma once
/*
 * client.h - the options of outgoing HTTP, the same wherever the server is a client: scrape, discovery,
 * alertmanagers, remote write and read. At most one of basic_auth, authorization and oauth2 is set; the old
 * bearer_token has become an authorization when loading is done.
 */
#include "lib/config/types.h"

struct basic_auth_config {
    uint64_t set;
    const char *username, *username_file;
    struct secret password;
    const char *password_file; /* absolute, or relative to the working directory */
};

struct authorization_config {
    uint64_t set;
    const char *type; /* "Bearer" */
    struct secret credentials;
    const char *credentials_file;
};

struct tls_config {
    uint64_t set;
    const char *ca, *ca_file, *cert, *cert_file;
    struct secret key;
    const char *key_file, *server_name;
    bool insecure_skip_verify;
    const char *min_version, *max_version; /* TLS10 TLS11 TLS12 TLS13, or NULL */
};

struct http_header_config {
    uint64_t set;
    struct strings values;
    struct strings secrets;
    struct strings files;
    const char *name; /* the key in the file */
};

struct oauth2_config {
    uint64_t set;
    const char *client_id;
    struct secret client_secret;
    const char *client_secret_file;
    struct secret client_certificate_key;
    const char *client_certificate_key_file, *client_certificate_key_id;
    const char *grant_type, *signature_algorithm, *iss, *audience;
    struct verbatim claims;
    struct strings scopes;
    const char *token_url;
    struct pairs endpoint_params;
    struct tls_config *tls_config;
    const char *proxy_url, *no_proxy;
    bool proxy_from_environment;
    struct params proxy_connect_header;
};

struct http_client_config {
    uint64_t set;
    struct basic_auth_config *basic_auth;
    struct authorization_config *authorization;
    struct oauth2_config *oauth2;
    struct secret bearer_token;
    const char *bearer_token_file;
    struct tls_config *tls_config; /* NULL: defaults */
    bool follow_redirects;         /* true */
    bool enable_http2;             /* true */
    const char *proxy_url, *no_proxy;
    bool proxy_from_environment;
    struct params proxy_connect_header;
    LIST(struct http_header_config) http_headers;
};
