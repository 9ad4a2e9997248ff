#pragma once
/*
 * web.h - the file of --web.config.file as plain structs: TLS of the listener, who may come in, headers of
 * every answer.
 *
 *     tls_server_config, http_server_config, basic_auth_users, rate_limit   as Prometheus has them
 *     bearer_tokens: [{name, token | token_file | token_sha256, scopes, match}]   ours
 *
 * Everything lies in the arena given at loading. Secrets stand in it as they were written: never print it.
 */
#include "lib/config/config.h"

#define WEB_CONFIG_MAX_FILE_BYTES ((size_t)1 << 20)
#define WEB_CONFIG_MAX_USERS 10000u
#define BCRYPT_HASH_LENGTH 60u
#define BCRYPT_COST_MIN 4
#define BCRYPT_COST_MAX 14 /* a second or so; more is a way to stand still */

struct web_tls_config {
    uint64_t set;
    const char *cert, *cert_file, *key_file;
    struct secret key;
    const char *client_ca, *client_ca_file;
    const char *client_auth_type; /* "NoClientCert" ...: see web_client_auth */
    struct strings client_allowed_sans;
    const char *min_version, *max_version; /* TLS12 or TLS13 */
    struct strings cipher_suites, curve_preferences;
    bool prefer_server_cipher_suites;
};

struct web_header_config { /* NULL: not sent */
    uint64_t set;
    const char *content_security_policy, *x_frame_options, *x_content_type_options, *x_xss_protection,
        *strict_transport_security;
};

struct web_server_config {
    uint64_t set;
    bool http2; /* accepted; only HTTP/1.1 is spoken */
    struct web_header_config headers;
};

struct web_rate_limit_config {
    uint64_t set;
    int64_t interval_ms; /* between requests; 0: no limit */
    uint64_t burst;
};

struct bearer_token_config {
    uint64_t set;
    const char *name;
    struct secret token; /* one of the three */
    const char *token_file, *token_sha256;
    struct strings scopes; /* read, write, admin */
    const char *match;     /* a selector: only such series are read; NULL: all */
};

struct web_config {
    uint64_t set;
    struct web_tls_config *tls; /* NULL: plain HTTP */
    struct web_server_config http;
    struct pairs users; /* name and bcrypt hash */
    struct web_rate_limit_config rate_limit;
    LIST(struct bearer_token_config) tokens;
};

/* The cost of a well-formed bcrypt hash, or -1. */
int bcrypt_cost(const char *hash);

/* 0 and a configuration in arena, or ERR_INVALID and at least one error. */
int web_config_load_file(const char *path, struct arena *arena, struct web_config **config,
                         struct config_errors *errors);
int web_config_load_text(struct span text, const char *file_name, struct arena *arena,
                         struct web_config **config, struct config_errors *errors);
