#include "lib/config/web.h"

#include "lib/config/table.h"

/*
 * The tables of the web configuration file. Texts of refusals are Prometheus' where it has them.
 */

static const char *const versions[] = {"TLS12", "TLS13", NULL};
static const char *const client_auth_types[] = {"NoClientCert",
                                                "RequestClientCert",
                                                "RequestClientCertificate",
                                                "RequireAnyClientCert",
                                                "RequireAnyClientCertificate",
                                                "VerifyClientCertIfGiven",
                                                "VerifyClientCertificateIfGiven",
                                                "RequireAndVerifyClientCert",
                                                "RequireAndVerifyClientCertificate",
                                                NULL};
static const char *const curves[] = {"X25519", "CurveP256", "CurveP384", "CurveP521", NULL};
static const char *const suites[] = {"TLS_AES_128_GCM_SHA256",
                                     "TLS_AES_256_GCM_SHA384",
                                     "TLS_CHACHA20_POLY1305_SHA256",
                                     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                                     "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                                     "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
                                     "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                                     "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                     "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                                     "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
                                     "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                                     NULL};
static const char *const scopes[] = {"read", "write", "admin", NULL};
static const char *const frame_options[] = {"deny", "sameorigin", NULL};
static const char *const type_options[] = {"nosniff", NULL};

#define S struct web_tls_config
static const struct field web_tls_fields[] = {
    FIELD(S, "cert", TEXT, cert),
    FIELD(S, "cert_file", PATH, cert_file),
    FIELD(S, "key", SECRET, key),
    FIELD(S, "key_file", PATH, key_file),
    FIELD(S, "client_ca", TEXT, client_ca),
    FIELD(S, "client_ca_file", PATH, client_ca_file),
    FIELD(S, "client_auth_type", CHOICE, client_auth_type, .choices = client_auth_types,
          .preset = "NoClientCert"),
    FIELD(S, "client_allowed_sans", STRINGS, client_allowed_sans),
    FIELD(S, "min_version", CHOICE, min_version, .choices = versions, .preset = "TLS12"),
    FIELD(S, "max_version", CHOICE, max_version, .choices = versions, .preset = "TLS13"),
    FIELD(S, "cipher_suites", STRINGS, cipher_suites, .choices = suites),
    FIELD(S, "curve_preferences", STRINGS, curve_preferences, .choices = curves),
    FIELD(S, "prefer_server_cipher_suites", BOOL, prefer_server_cipher_suites, .preset = "true"),
};
#undef S

static void web_tls_check(struct loader *l, void *object, const struct ynode *node) {
    const struct web_tls_config *tls = object;
    bool wants_client = strcmp(tls->client_auth_type, "NoClientCert") != 0;
    if (tls->cert && tls->cert_file)
        loader_error_at(l, node, "cert_file", "only one of cert and cert_file can be used");
    if (tls->key.text && tls->key_file)
        loader_error_at(l, node, "key_file", "only one of key and key_file can be used");
    if (tls->client_ca && tls->client_ca_file)
        loader_error_at(l, node, "client_ca_file", "only one of client_ca and client_ca_file can be used");
    if (!tls->cert && !tls->cert_file)
        loader_error(l, node->mark, "missing one of cert or cert_file");
    else if (!tls->key.text && !tls->key_file)
        loader_error(l, node->mark, "missing one of key or key_file");
    if ((tls->client_ca || tls->client_ca_file) && !wants_client)
        loader_error_at(l, node, "client_ca_file",
                        "client CA's have been configured without a Client Auth Policy");
    if (strstr(tls->client_auth_type, "Verify") && !tls->client_ca && !tls->client_ca_file)
        loader_error_at(l, node, "client_auth_type", "verifying client certificates needs a client_ca_file");
    if (tls->client_allowed_sans.count && !strstr(tls->client_auth_type, "Verify"))
        loader_error_at(l, node, "client_allowed_sans",
                        "allowed names need client certificates that are verified");
    if (strcmp(tls->min_version, tls->max_version) > 0)
        loader_error_at(l, node, "max_version", "max_version must not be below min_version");
}
static const struct section web_tls_section = SECTION(struct web_tls_config, web_tls_fields, web_tls_check);

#define S struct web_header_config
static const struct field web_header_fields[] = {
    FIELD(S, "Content-Security-Policy", TEXT, content_security_policy),
    FIELD(S, "X-Frame-Options", CHOICE, x_frame_options, .choices = frame_options),
    FIELD(S, "X-Content-Type-Options", CHOICE, x_content_type_options, .choices = type_options),
    FIELD(S, "X-XSS-Protection", TEXT, x_xss_protection),
    FIELD(S, "Strict-Transport-Security", TEXT, strict_transport_security),
};
#undef S

static void web_header_check(struct loader *l, void *object, const struct ynode *node) {
    const struct web_header_config *headers = object;
    const char *const values[] = {headers->content_security_policy, headers->x_xss_protection,
                                  headers->strict_transport_security};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (const char *p = values[i]; p && *p; p++)
            if ((unsigned char)*p < ' ' || *p == 127) {
                loader_error(l, node->mark, "a header's value holds a control character");
                return;
            }
}
static const struct section web_header_section =
    SECTION(struct web_header_config, web_header_fields, web_header_check);

#define S struct web_server_config
static const struct field web_server_fields[] = {
    FIELD(S, "http2", BOOL, http2, .preset = "true"),
    FIELD(S, "headers", SECTION, headers, .section = &web_header_section),
};
#undef S
static const struct section web_server_section = SECTION(struct web_server_config, web_server_fields, NULL);

#define S struct web_rate_limit_config
static const struct field web_rate_limit_fields[] = {
    FIELD(S, "interval", DURATION, interval_ms),
    FIELD(S, "burst", UINT, burst),
};
#undef S

static void web_rate_limit_check(struct loader *l, void *object, const struct ynode *node) {
    const struct web_rate_limit_config *limit = object;
    if (limit->interval_ms && !limit->burst)
        loader_error_at(l, node, "interval", "a rate limit with a burst of 0 lets nothing in");
}
static const struct section web_rate_limit_section =
    SECTION(struct web_rate_limit_config, web_rate_limit_fields, web_rate_limit_check);

#define S struct bearer_token_config
static const struct field bearer_token_fields[] = {
    FIELD(S, "name", TEXT, name, .flags = REQUIRED),
    FIELD(S, "token", SECRET, token),
    FIELD(S, "token_file", PATH, token_file),
    FIELD(S, "token_sha256", TEXT, token_sha256),
    FIELD(S, "scopes", STRINGS, scopes, .choices = scopes, .flags = REQUIRED),
    FIELD(S, "match", TEXT, match),
};
#undef S

static void bearer_token_check(struct loader *l, void *object, const struct ynode *node) {
    const struct bearer_token_config *token = object;
    int given = (token->token.text != NULL) + (token->token_file != NULL) + (token->token_sha256 != NULL);
    if (given != 1)
        loader_error(l, node->mark, "exactly one of token, token_file and token_sha256 is needed");
    if (token->token_sha256 &&
        (strlen(token->token_sha256) != 64 || strspn(token->token_sha256, "0123456789abcdefABCDEF") != 64))
        loader_error_at(l, node, "token_sha256", "a SHA-256 has 64 hexadecimal digits");
    for (const char *p = token->token.text; p && *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 127) {
            loader_error_at(l, node, "token", "a token consists of visible ASCII characters");
            break;
        }
}
static const struct section bearer_token_section =
    SECTION(struct bearer_token_config, bearer_token_fields, bearer_token_check);

#define S struct web_config
static const struct field web_fields[] = {
    FIELD(S, "tls_server_config", OPTIONAL, tls, .section = &web_tls_section),
    FIELD(S, "http_server_config", SECTION, http, .section = &web_server_section),
    FIELD(S, "basic_auth_users", PAIRS, users),
    FIELD(S, "rate_limit", SECTION, rate_limit, .section = &web_rate_limit_section),
    FIELD(S, "bearer_tokens", SECTIONS, tokens, .section = &bearer_token_section),
};
#undef S

int bcrypt_cost(const char *hash) {
    static const char alphabet[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if (strlen(hash) != BCRYPT_HASH_LENGTH || strncmp(hash, "$2", 2) != 0 || !strchr("aby", hash[2]))
        return -1;
    if (hash[3] != '$' || hash[6] != '$' || strspn(hash + 7, alphabet) != BCRYPT_HASH_LENGTH - 7) return -1;
    if (hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9') return -1;
    return (hash[4] - '0') * 10 + hash[5] - '0';
}

static void check_users(struct loader *l, const struct web_config *config, const struct ynode *node) {
    size_t outer = loader_enter(l, SPAN("basic_auth_users"));
    if (config->users.count > WEB_CONFIG_MAX_USERS)
        loader_error(l, node->mark, "more than %u users", WEB_CONFIG_MAX_USERS);
    for (size_t i = 0; i < config->users.count; i++) {
        int cost = bcrypt_cost(config->users.items[i].value);
        size_t before = loader_enter(l, span_from(config->users.items[i].name));
        if (cost < BCRYPT_COST_MIN)
            loader_error(l, node->mark, "not a bcrypt hash ($2y$10$...)");
        else if (cost > BCRYPT_COST_MAX)
            loader_error(l, node->mark, "a bcrypt cost of %d is above the limit of %d", cost,
                         BCRYPT_COST_MAX);
        loader_leave(l, before);
    }
    loader_leave(l, outer);
}

static void check_token_names(struct loader *l, const struct web_config *config, const struct ynode *node) {
    for (size_t i = 0; i < config->tokens.count; i++)
        for (size_t k = 0; k < i; k++)
            if (config->tokens.items[i].name && config->tokens.items[k].name &&
                strcmp(config->tokens.items[i].name, config->tokens.items[k].name) == 0)
                loader_error_at(l, node, "bearer_tokens", "two tokens have the name \"%s\"",
                                config->tokens.items[i].name);
}

static void web_check(struct loader *l, void *object, const struct ynode *node) {
    const struct web_config *config = object;
    check_users(l, config, node);
    check_token_names(l, config, node);
}
const struct section web_section = SECTION(struct web_config, web_fields, web_check);
