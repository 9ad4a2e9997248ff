#include "lib/config/table.h"

#include <strings.h>

/*
 * The options of outgoing HTTP. The texts of the refusals are Prometheus' own.
 */

static const char *const tls_versions[] = {"TLS10", "TLS11", "TLS12", "TLS13", NULL};
static const char *const proxy_schemes[] = {"http", "https", "socks5", "socks5h", NULL};
static const char *const grant_types[] = {"client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer",
                                          NULL};
static const char *const signatures[] = {"RS256", "RS384", "RS512", NULL};

#define S struct tls_config
static const struct field tls_fields[] = {
    FIELD(S, "ca", TEXT, ca),
    FIELD(S, "cert", TEXT, cert),
    FIELD(S, "key", SECRET, key),
    FIELD(S, "ca_file", PATH, ca_file),
    FIELD(S, "cert_file", PATH, cert_file),
    FIELD(S, "key_file", PATH, key_file),
    FIELD(S, "server_name", TEXT, server_name),
    FIELD(S, "insecure_skip_verify", BOOL, insecure_skip_verify, .flags = ALWAYS),
    FIELD(S, "min_version", CHOICE, min_version, .choices = tls_versions),
    FIELD(S, "max_version", CHOICE, max_version, .choices = tls_versions),
};
#undef S

static void tls_check(struct loader *l, void *object, const struct ynode *node) {
    const struct tls_config *tls = object;
    if (tls->ca && tls->ca_file)
        loader_error_at(l, node, "ca_file", "at most one of ca and ca_file must be configured");
    if (tls->cert && tls->cert_file)
        loader_error_at(l, node, "cert_file", "at most one of cert and cert_file must be configured");
    if (tls->key.text && tls->key_file)
        loader_error_at(l, node, "key_file", "at most one of key and key_file must be configured");
    bool has_cert = tls->cert || tls->cert_file, has_key = tls->key.text || tls->key_file;
    if (has_cert && !has_key)
        loader_error_at(
            l, node, tls->cert ? "cert" : "cert_file",
            "exactly one of key or key_file must be configured when a client certificate is configured");
    if (has_key && !has_cert)
        loader_error_at(
            l, node, tls->key.text ? "key" : "key_file",
            "exactly one of cert or cert_file must be configured when a client key is configured");
    if (tls->min_version && tls->max_version && strcmp(tls->min_version, tls->max_version) > 0)
        loader_error_at(
            l, node, "max_version",
            "tls_config.max_version must be greater than or equal to tls_config.min_version if both are "
            "specified");
}
const struct section tls_section = SECTION(struct tls_config, tls_fields, tls_check);

#define S struct basic_auth_config
static const struct field basic_auth_fields[] = {
    FIELD(S, "username", TEXT, username),
    FIELD(S, "username_file", PATH, username_file),
    FIELD(S, "password", SECRET, password),
    FIELD(S, "password_file", PATH, password_file),
};
#undef S

static void basic_auth_check(struct loader *l, void *object, const struct ynode *node) {
    const struct basic_auth_config *auth = object;
    if (auth->username && auth->username_file)
        loader_error_at(l, node, "username_file",
                        "at most one of basic_auth username & username_file must be configured");
    if (auth->password.text && auth->password_file)
        loader_error_at(l, node, "password_file",
                        "at most one of basic_auth password & password_file must be configured");
}
static const struct section basic_auth_section =
    SECTION(struct basic_auth_config, basic_auth_fields, basic_auth_check);

#define S struct authorization_config
static const struct field authorization_fields[] = {
    FIELD(S, "type", TEXT, type, .preset = "Bearer"),
    FIELD(S, "credentials", SECRET, credentials),
    FIELD(S, "credentials_file", PATH, credentials_file),
};
#undef S

static void authorization_check(struct loader *l, void *object, const struct ynode *node) {
    struct authorization_config *auth = object;
    if (auth->credentials.text && auth->credentials_file)
        loader_error_at(l, node, "credentials_file",
                        "at most one of authorization credentials & credentials_file must be configured");
    if (!*auth->type) auth->type = "Bearer";
    if (strcasecmp(auth->type, "basic") == 0)
        loader_error_at(l, node, "type",
                        "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
}
static const struct section authorization_section =
    SECTION(struct authorization_config, authorization_fields, authorization_check);

#define S struct oauth2_config
static const struct field oauth2_fields[] = {
    FIELD(S, "client_id", TEXT, client_id),
    FIELD(S, "client_secret", SECRET, client_secret),
    FIELD(S, "client_secret_file", PATH, client_secret_file),
    FIELD(S, "client_certificate_key_id", TEXT, client_certificate_key_id),
    FIELD(S, "client_certificate_key", SECRET, client_certificate_key),
    FIELD(S, "client_certificate_key_file", PATH, client_certificate_key_file),
    FIELD(S, "grant_type", CHOICE, grant_type, .choices = grant_types),
    FIELD(S, "signature_algorithm", CHOICE, signature_algorithm, .choices = signatures),
    FIELD(S, "iss", TEXT, iss),
    FIELD(S, "audience", TEXT, audience),
    FIELD(S, "claims", VERBATIM_MAP, claims),
    FIELD(S, "scopes", STRINGS, scopes),
    FIELD(S, "token_url", URL, token_url),
    FIELD(S, "endpoint_params", PAIRS, endpoint_params),
    FIELD(S, "tls_config", OPTIONAL, tls_config, .section = &tls_section),
    FIELD(S, "proxy_url", URL, proxy_url, .choices = proxy_schemes),
    FIELD(S, "no_proxy", TEXT, no_proxy),
    FIELD(S, "proxy_from_environment", BOOL, proxy_from_environment),
    FIELD(S, "proxy_connect_header", PARAMS, proxy_connect_header),
};
#undef S

static void oauth2_check(struct loader *l, void *object, const struct ynode *node) {
    const struct oauth2_config *oauth2 = object;
    if (!oauth2->client_id) loader_error_at(l, node, "client_id", "oauth2 client_id must be configured");
    if (!oauth2->token_url) loader_error_at(l, node, "token_url", "oauth2 token_url must be configured");
    if (oauth2->client_secret.text && oauth2->client_secret_file)
        loader_error_at(l, node, "client_secret_file",
                        "at most one of oauth2 client_secret & client_secret_file must be configured");
    if (oauth2->client_certificate_key.text && oauth2->client_certificate_key_file)
        loader_error_at(l, node, "client_certificate_key_file",
                        "at most one of oauth2 client_certificate_key & client_certificate_key_file must be "
                        "configured");
}
static const struct section oauth2_section = SECTION(struct oauth2_config, oauth2_fields, oauth2_check);

#define S struct http_header_config
static const struct field http_header_fields[] = {
    FIELD(S, "values", STRINGS, values),
    FIELD(S, "secrets", SECRETS, secrets),
    FIELD(S, "files", PATHS, files),
};
#undef S

/* set by the client itself, or by options of their own */
static const char *const reserved_headers[] = {"authorization",
                                               "host",
                                               "content-encoding",
                                               "content-length",
                                               "content-type",
                                               "user-agent",
                                               "connection",
                                               "keep-alive",
                                               "proxy-authenticate",
                                               "proxy-authorization",
                                               "www-authenticate",
                                               "accept-encoding",
                                               "x-prometheus-remote-write-version",
                                               "x-prometheus-remote-read-version",
                                               "x-prometheus-scrape-timeout-seconds",
                                               NULL};

bool header_is_reserved(const char *name) {
    for (size_t i = 0; reserved_headers[i]; i++)
        if (strcasecmp(name, reserved_headers[i]) == 0) return true;
    return false;
}

static bool is_header_name(const char *name) {
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 127 || strchr("()<>@,;:\\\"/[]?={}", *p))
            return false;
    return *name != 0;
}

static bool is_header_value(const char *value) {
    for (const char *p = value; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 127) return false;
    return true;
}

static void http_header_check(struct loader *l, void *object, const struct ynode *node) {
    const struct http_header_config *header = object;
    bool is_bad_value = false;
    if (header_is_reserved(header->name))
        loader_error(l, node->mark, "setting header \"%s\" is not allowed", header->name);
    else if (!is_header_name(header->name))
        loader_error(l, node->mark, "not a valid header name");
    for (size_t i = 0; i < header->values.count; i++)
        is_bad_value |= !is_header_value(header->values.items[i]);
    for (size_t i = 0; i < header->secrets.count; i++)
        is_bad_value |= !is_header_value(header->secrets.items[i]);
    if (is_bad_value) loader_error(l, node->mark, "a header's value holds a control character");
}
static const struct section http_header_section =
    SECTION(struct http_header_config, http_header_fields, http_header_check);

#define S struct http_client_config
static const struct field http_client_fields[] = {
    FIELD(S, "basic_auth", OPTIONAL, basic_auth, .section = &basic_auth_section),
    FIELD(S, "authorization", OPTIONAL, authorization, .section = &authorization_section),
    FIELD(S, "oauth2", OPTIONAL, oauth2, .section = &oauth2_section),
    FIELD(S, "bearer_token", SECRET, bearer_token),
    FIELD(S, "bearer_token_file", PATH, bearer_token_file),
    FIELD(S, "tls_config", OPTIONAL, tls_config, .section = &tls_section),
    FIELD(S, "follow_redirects", BOOL, follow_redirects, .preset = "true"),
    FIELD(S, "enable_http2", BOOL, enable_http2, .preset = "true"),
    FIELD(S, "proxy_url", URL, proxy_url, .choices = proxy_schemes),
    FIELD(S, "no_proxy", TEXT, no_proxy),
    FIELD(S, "proxy_from_environment", BOOL, proxy_from_environment),
    FIELD(S, "proxy_connect_header", PARAMS, proxy_connect_header),
    FIELD(S, "http_headers", NAMED, http_headers, .section = &http_header_section,
          .name_offset = offsetof(struct http_header_config, name)),
};
#undef S

/* bearer_token is an old way to write authorization */
static void adopt_bearer(struct loader *l, struct http_client_config *http) {
    struct authorization_config *auth = loader_alloc(l, 1, sizeof *auth);
    if (!auth) return;
    *auth = (struct authorization_config){
        .type = "Bearer", .credentials = http->bearer_token, .credentials_file = http->bearer_token_file};
    http->authorization = auth;
    http->bearer_token.text = http->bearer_token_file = NULL;
}

static void check_auth(struct loader *l, struct http_client_config *http, const struct ynode *node) {
    bool has_bearer = http->bearer_token.text || http->bearer_token_file;
    const char *bearer = http->bearer_token.text ? "bearer_token" : "bearer_token_file";
    if (http->bearer_token.text && http->bearer_token_file)
        loader_error_at(l, node, "bearer_token_file",
                        "at most one of bearer_token & bearer_token_file must be configured");
    else if (has_bearer && (http->basic_auth || http->oauth2))
        loader_error_at(
            l, node, bearer,
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
    else if (has_bearer && http->authorization)
        loader_error_at(l, node, bearer,
                        "authorization is not compatible with bearer_token & bearer_token_file");
    else if ((http->basic_auth != NULL) + (http->authorization != NULL) + (http->oauth2 != NULL) > 1)
        loader_error_at(l, node, http->oauth2 ? "oauth2" : "authorization",
                        "at most one of basic_auth, oauth2 & authorization must be configured");
    else if (has_bearer)
        adopt_bearer(l, http);
}

static void http_client_check(struct loader *l, void *object, const struct ynode *node) {
    struct http_client_config *http = object;
    check_auth(l, http, node);
    if (http->proxy_from_environment && (http->proxy_url || http->no_proxy))
        loader_error_at(l, node, "proxy_from_environment",
                        "if proxy_from_environment is configured, %s must not be configured",
                        http->proxy_url ? "proxy_url" : "no_proxy");
    else if (http->no_proxy && !http->proxy_url)
        loader_error_at(l, node, "no_proxy", "if no_proxy is configured, proxy_url must also be configured");
    if (http->proxy_connect_header.count && !http->proxy_from_environment && !http->proxy_url)
        loader_error_at(
            l, node, "proxy_connect_header",
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be "
            "configured");
}
const struct section http_client_section =
    SECTION(struct http_client_config, http_client_fields, http_client_check);
