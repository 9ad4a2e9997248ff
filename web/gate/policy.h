#pragma once
/*
 * policy.h - inside of web/gate: one state of the web configuration file, ready for use: TLS, users, tokens
 * with their matchers, headers.
 *
 * A policy never changes; a new one takes its place when a file that it was made of has changed. Shared by
 * reference count, any thread.
 */
#include "lib/config/web.h"
#include "web/http/guard.h"
#include "web/http/tls.h"

#include <stdatomic.h>

#define TOKEN_DIGEST_BYTES 32 /* SHA-256 */

struct policy_token {
    unsigned char digest[TOKEN_DIGEST_BYTES];
    struct access access;
    struct expr *selector; /* owns the matchers; NULL: none */
};

struct policy {
    uint32_t magic;
    atomic_uint references;
    struct arena arena;
    const struct web_config *config;
    struct tls_context *tls; /* NULL: plain HTTP */
    struct policy_token *tokens;
    size_t token_count;
    struct access user;  /* of everybody with a password */
    const char *dummy;   /* a bcrypt setting of the users' cost, for users that do not exist */
    uint64_t files_hash; /* of the texts it was made of */
};

/* errors as in config.h; ERR_INVALID or ERR_IO */
int policy_load(const char *path, struct policy **policy, struct config_errors *errors);
struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy);
/* a text it was made of is another now */
bool policy_is_stale(const struct policy *policy, const char *path);

bool policy_needs_credentials(const struct policy *policy);
/* the stored hash, or NULL */
const char *policy_user_hash(const struct policy *policy, struct span user);
/* looks at all, whichever it is; NULL: no such token */
const struct policy_token *policy_find_token(const struct policy *policy, struct span token);
