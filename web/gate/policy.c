#include "web/gate/policy.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/sys/file.h"
#include "promql/parse/parse.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>

#define POLICY_MAGIC 0x706f6c69u
#define ARENA_MAX ((size_t)64 << 20)
#define FILE_MAX ((size_t)1 << 20)
#define EVERYTHING (ACCESS_READ | ACCESS_WRITE | ACCESS_ADMIN)

/* ---- the files ---- */

static uint64_t add_hash(const char *path, uint64_t hash) {
    struct buf text;
    buf_init(&text, FILE_MAX);
    uint64_t one = file_read_all(file_system_real(), path, &text, NULL) ? 1 : hash_bytes(text.data, text.len);
    if (text.len) OPENSSL_cleanse(text.data, text.len);
    buf_release(&text);
    return hash_mix(hash, one);
}

static uint64_t hash_files(const struct web_config *config, const char *path) {
    uint64_t hash = add_hash(path, 0);
    const struct web_tls_config *tls = config ? config->tls : NULL;
    const char *const files[] = {tls ? tls->cert_file : NULL, tls ? tls->key_file : NULL,
                                 tls ? tls->client_ca_file : NULL};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i]) hash = add_hash(files[i], hash);
    for (size_t i = 0; config && i < config->tokens.count; i++)
        if (config->tokens.items[i].token_file) hash = add_hash(config->tokens.items[i].token_file, hash);
    return hash;
}

bool policy_is_stale(const struct policy *policy, const char *path) {
    return hash_files(policy->config, path) != policy->files_hash;
}

/* the text itself, or what stands in the file; empty when neither is given */
static int take_text(struct arena *arena, const char *text, const char *file, struct span *out,
                     struct err *err) {
    *out = span_from(text);
    if (text || !file) return 0;
    struct buf read;
    buf_init(&read, FILE_MAX);
    int rc = file_read_all(file_system_real(), file, &read, err);
    char *copy = rc ? NULL : arena_strndup(arena, read.data, read.len);
    if (copy)
        *out = span_of(copy, read.len);
    else if (!rc)
        rc = arena_limit(arena, "the web configuration", err);
    if (read.len) OPENSSL_cleanse(read.data, read.len);
    buf_release(&read);
    return rc;
}

/* ---- TLS ---- */

static const char *openssl_name(const char *name, const char *const (*names)[2], size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i][0], name) == 0) return names[i][1];
    return NULL;
}

/* those of `wanted` that the table knows, joined by colons; NULL when there are none */
static const char *join_names(struct arena *arena, const struct strings *wanted,
                              const char *const (*names)[2], size_t count) {
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < wanted->count; i++) {
        const char *name = openssl_name(wanted->items[i], names, count);
        if (name) buf_printf(&out, "%s%s", out.len ? ":" : "", name);
    }
    const char *joined = out.len && !out.failed ? arena_strndup(arena, out.data, out.len) : NULL;
    buf_release(&out);
    return joined;
}

#define NAMES(table) (table), sizeof(table) / sizeof *(table)

static void choose_ciphers(struct arena *arena, const struct web_tls_config *tls,
                           struct tls_options *options) {
    static const char *const suites[][2] = {{"TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
                                            {"TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},
                                            {"TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}};
    static const char *const ciphers[][2] = {
        {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
        {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"},
        {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
        {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
        {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
        {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"},
        {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"}};
    static const char *const curves[][2] = {
        {"X25519", "X25519"}, {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}};
    options->suites = join_names(arena, &tls->cipher_suites, NAMES(suites));
    options->ciphers = join_names(arena, &tls->cipher_suites, NAMES(ciphers));
    options->curves = join_names(arena, &tls->curve_preferences, NAMES(curves));
}

static enum tls_client_auth client_auth_of(const char *type) {
    if (strncmp(type, "RequestClient", 13) == 0) return TLS_CLIENT_REQUEST;
    if (strncmp(type, "RequireAny", 10) == 0) return TLS_CLIENT_REQUIRE_ANY;
    if (strncmp(type, "Verify", 6) == 0) return TLS_CLIENT_VERIFY_IF_GIVEN;
    return strncmp(type, "RequireAnd", 10) == 0 ? TLS_CLIENT_REQUIRE_AND_VERIFY : TLS_CLIENT_NONE;
}

static int make_tls(struct policy *policy, struct err *err) {
    const struct web_tls_config *tls = policy->config->tls;
    struct tls_options options = {.client_auth = client_auth_of(tls->client_auth_type),
                                  .allowed_sans = tls->client_allowed_sans.items,
                                  .allowed_san_count = tls->client_allowed_sans.count,
                                  .is_13_only = strcmp(tls->min_version, "TLS13") == 0,
                                  .is_12_only = strcmp(tls->max_version, "TLS12") == 0,
                                  .prefers_client_order = !tls->prefer_server_cipher_suites};
    int rc = take_text(&policy->arena, tls->cert, tls->cert_file, &options.cert_pem, err);
    if (!rc) rc = take_text(&policy->arena, tls->key.text, tls->key_file, &options.key_pem, err);
    if (!rc) rc = take_text(&policy->arena, tls->client_ca, tls->client_ca_file, &options.client_ca_pem, err);
    choose_ciphers(&policy->arena, tls, &options);
    return rc ? rc : tls_context_create(&options, &policy->tls, err);
}

/* ---- tokens ---- */

static int digest_of_hex(const char *hex, unsigned char digest[TOKEN_DIGEST_BYTES]) {
    for (size_t i = 0; i < TOKEN_DIGEST_BYTES; i++) {
        unsigned value;
        if (sscanf(hex + 2 * i, "%2x", &value) != 1) return -1;
        digest[i] = (unsigned char)value;
    }
    return 0;
}

static int take_digest(struct arena *arena, const struct bearer_token_config *config,
                       struct policy_token *token, struct err *err) {
    struct span text;
    if (config->token_sha256)
        return digest_of_hex(config->token_sha256, token->digest)
                   ? err_set(err, ERR_INVALID, "a SHA-256 has 64 hexadecimal digits")
                   : 0;
    int rc = take_text(arena, config->token.text, config->token_file, &text, err);
    if (rc) return rc;
    while (text.len && strchr(" \t\r\n", text.ptr[text.len - 1])) text.len--;
    if (!text.len) return err_set(err, ERR_INVALID, "the token is empty");
    SHA256((const unsigned char *)text.ptr, text.len, token->digest);
    return 0;
}

static bool is_selector(const struct expr *expr) {
    const struct selector *selector = &expr->selector;
    return expr->kind == EXPR_SELECTOR && !selector->is_range && !selector->shift.has_offset &&
           selector->shift.at == AT_NONE;
}

static int take_match(struct arena *arena, const char *match, struct policy_token *token, struct err *err) {
    struct parse_options options = {0};
    struct parse_error error;
    if (!match) return 0;
    if (promql_parse(span_from(match), &options, arena, &token->selector, &error)) {
        token->selector = NULL;
        return err_set(err, ERR_INVALID, "match: %u:%u: parse error: %s", error.line, error.column,
                       error.text);
    }
    if (!is_selector(token->selector)) return err_set(err, ERR_INVALID, "match: a selector is expected");
    token->access.matchers = token->selector->selector.matchers;
    token->access.matcher_count = token->selector->selector.matcher_count;
    return 0;
}

static unsigned scopes_of(const struct strings *names) {
    unsigned scopes = 0;
    for (size_t i = 0; i < names->count; i++)
        scopes |= strcmp(names->items[i], "read") == 0    ? ACCESS_READ
                  : strcmp(names->items[i], "write") == 0 ? ACCESS_WRITE
                                                          : ACCESS_ADMIN;
    return scopes;
}

static int make_tokens(struct policy *policy, struct err *err) {
    const struct web_config *config = policy->config;
    policy->tokens = arena_array(&policy->arena, config->tokens.count + 1, sizeof *policy->tokens);
    if (!policy->tokens) return arena_limit(&policy->arena, "the web configuration", err);
    for (size_t i = 0; i < config->tokens.count; i++) {
        const struct bearer_token_config *one = &config->tokens.items[i];
        struct policy_token *token = &policy->tokens[policy->token_count++];
        token->access = (struct access){.name = one->name, .scopes = scopes_of(&one->scopes)};
        int rc = take_digest(&policy->arena, one, token, err);
        if (!rc) rc = take_match(&policy->arena, one->match, token, err);
        if (rc) return err_wrap(err, rc, "bearer_tokens: \"%s\"", one->name);
    }
    return 0;
}

const struct policy_token *policy_find_token(const struct policy *policy, struct span token) {
    unsigned char digest[TOKEN_DIGEST_BYTES];
    const struct policy_token *found = NULL;
    SHA256((const unsigned char *)token.ptr, token.len, digest);
    for (size_t i = 0; i < policy->token_count; i++)
        if (CRYPTO_memcmp(digest, policy->tokens[i].digest, sizeof digest) == 0) found = &policy->tokens[i];
    return found;
}

/* ---- users ---- */

/* what is asked of bcrypt for a user who is not there: as dear as the dearest who is */
static void make_users(struct policy *policy) {
    int cost = BCRYPT_COST_MIN;
    for (size_t i = 0; i < policy->config->users.count; i++) {
        int one = bcrypt_cost(policy->config->users.items[i].value);
        if (one > cost) cost = one;
    }
    policy->user = (struct access){.name = "user", .scopes = EVERYTHING};
    policy->dummy = arena_printf(&policy->arena, "$2b$%02d$abcdefghijklmnopqrstuu", cost);
}

const char *policy_user_hash(const struct policy *policy, struct span user) {
    const char *hash = NULL;
    for (size_t i = 0; i < policy->config->users.count; i++)
        if (span_is(user, policy->config->users.items[i].name)) hash = policy->config->users.items[i].value;
    return hash;
}

bool policy_needs_credentials(const struct policy *policy) {
    return policy->config->users.count || policy->token_count;
}

/* ---- life ---- */

static int fill(struct policy *policy, struct err *err) {
    make_users(policy);
    int rc = policy->dummy ? 0 : arena_limit(&policy->arena, "the web configuration", err);
    if (!rc && policy->config->tls) rc = make_tls(policy, err);
    if (rc) return err_wrap(err, rc, "tls_server_config");
    return make_tokens(policy, err);
}

static void add_error(struct config_errors *errors, const char *path, const struct err *err) {
    struct config_error *error = &errors->items[errors->count++];
    *error = (struct config_error){0};
    snprintf(error->file, sizeof error->file, "%s", path);
    snprintf(error->message, sizeof error->message, "%s", err->text);
}

int policy_load(const char *path, struct policy **result, struct config_errors *errors) {
    struct policy *policy = mem_zalloc(sizeof *policy);
    struct web_config *config = NULL;
    struct err err = {0};
    policy->magic = POLICY_MAGIC;
    atomic_init(&policy->references, 1);
    arena_init(&policy->arena, ARENA_MAX, NULL);
    int rc = web_config_load_file(path, &policy->arena, &config, errors);
    policy->config = config;
    if (!rc) {
        policy->files_hash =
            hash_files(config, path); /* before they are read: a change meanwhile is seen later */
        rc = fill(policy, &err);
        if (rc) add_error(errors, path, &err);
    }
    if (rc)
        policy_unref(policy);
    else
        *result = policy;
    return rc;
}

struct policy *policy_ref(struct policy *policy) {
    atomic_fetch_add(&policy->references, 1);
    return policy;
}

void policy_unref(struct policy *policy) {
    if (!policy) return;
    CHECK_OBJ(policy, POLICY_MAGIC);
    if (atomic_fetch_sub(&policy->references, 1) > 1) return;
    for (size_t i = 0; i < policy->token_count; i++)
        if (policy->tokens[i].selector) expr_release(policy->tokens[i].selector);
    tls_context_unref(policy->tls);
    arena_release(&policy->arena);
    policy->magic = 0;
    mem_free(policy);
}
