#include "lib/config/web.h"

#include "tests/check_main.h"

#include <string.h>

/* The web configuration file: what is read, and what is refused in whose words. */

#define HASH "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

static struct config_errors errors;

static int load(const char *text, struct arena *arena, struct web_config **config) {
    arena_init(arena, (size_t)16 << 20, NULL);
    return web_config_load_text(span_from(text), "/etc/x/web.yml", arena, config, &errors);
}

START_TEST(everything_that_prometheus_has_is_read) {
    struct arena arena;
    struct web_config *config = NULL;
    ck_assert_int_eq(load("tls_server_config:\n  cert_file: a.crt\n  key_file: /k\n  client_ca_file: ca\n"
                          "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [x.test]\n"
                          "  min_version: TLS13\n  curve_preferences: [CurveP256]\n"
                          "http_server_config: {http2: false, headers: {X-Frame-Options: deny}}\n"
                          "basic_auth_users: {alice: '" HASH "'}\nrate_limit: {interval: 10ms, burst: 5}\n"
                          "bearer_tokens: [{name: a, token: t, scopes: [read, admin], match: '{a=\"b\"}'}]\n",
                          &arena, &config),
                     0);
    ck_assert_str_eq(config->tls->cert_file, "/etc/x/a.crt");
    ck_assert_str_eq(config->tls->key_file, "/k");
    ck_assert_str_eq(config->tls->max_version, "TLS13");
    ck_assert(config->tls->prefer_server_cipher_suites);
    ck_assert_str_eq(config->http.headers.x_frame_options, "deny");
    ck_assert_uint_eq(config->users.count, 1);
    ck_assert_int_eq(config->rate_limit.interval_ms, 10);
    ck_assert_uint_eq(config->tokens.items[0].scopes.count, 2);
    arena_release(&arena);
    ck_assert_int_eq(load("", &arena, &config), 0);
    ck_assert_ptr_null(config->tls);
    arena_release(&arena);
}
END_TEST

START_TEST(what_cannot_be_meant_is_refused) {
    static const struct {
        const char *text, *message;
    } table[] = {
        {"tls_server_config: {key_file: a}", "missing one of cert or cert_file"},
        {"tls_server_config: {cert_file: a}", "missing one of key or key_file"},
        {"tls_server_config: {cert: a, cert_file: a, key_file: b}", "only one of cert and cert_file"},
        {"tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "without a Client Auth Policy"},
        {"tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}",
         "needs a client_ca_file"},
        {"tls_server_config: {cert_file: a, key_file: b, client_allowed_sans: [x]}", "verified"},
        {"tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}", "unknown value"},
        {"tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}", "below"},
        {"tls_server_config: {cert_file: a, key_file: b, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}",
         "unknown value"},
        {"basic_auth_users: {a: secret}", "not a bcrypt hash"},
        {"basic_auth_users: {a: '$2y$15$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi'}",
         "limit of 14"},
        {"bearer_tokens: [{name: a, scopes: [read]}]", "exactly one of"},
        {"bearer_tokens: [{name: a, token: a, token_file: b, scopes: [read]}]", "exactly one of"},
        {"bearer_tokens: [{name: a, token: a}]", "missing field \"scopes\""},
        {"bearer_tokens: [{name: a, token: a, scopes: [root]}]", "unknown value"},
        {"bearer_tokens: [{name: a, token: 'a b', scopes: [read]}]", "visible ASCII"},
        {"bearer_tokens: [{name: a, token_sha256: abc, scopes: [read]}]", "64 hexadecimal"},
        {"bearer_tokens: [{name: a, token: x, scopes: [read]}, {name: a, token: y, scopes: [read]}]",
         "two tokens"},
        {"rate_limit: {interval: 1s}", "lets nothing in"},
        {"http_server_config: {headers: {X-Frame-Options: maybe}}", "unknown value"},
        {"http_server_config: {headers: {Content-Security-Policy: \"a\\nb\"}}", "control character"},
        {"basic_auth_user: {}", "unknown field"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena;
        struct web_config *config = NULL;
        ck_assert_msg(load(table[i].text, &arena, &config) == ERR_INVALID, "loads: %s", table[i].text);
        ck_assert_msg(strstr(errors.items[0].message, table[i].message) != NULL, "\"%s\" for %s",
                      errors.items[0].message, table[i].text);
        arena_release(&arena);
    }
}
END_TEST

START_TEST(a_bcrypt_hash_tells_its_cost) {
    ck_assert_int_eq(bcrypt_cost(HASH), 10);
    ck_assert_int_eq(bcrypt_cost("$2y$10$short"), -1);
    ck_assert_int_eq(bcrypt_cost("$1y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"), -1);
    ck_assert_int_eq(bcrypt_cost("$2y$1a$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"), -1);
}
END_TEST

CHECK_MAIN("web", everything_that_prometheus_has_is_read, what_cannot_be_meant_is_refused,
           a_bcrypt_hash_tells_its_cost)
