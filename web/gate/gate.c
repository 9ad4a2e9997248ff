#include "web/gate/gate.h"

#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "lib/sys/pool.h"
#include "lib/sys/thread.h"
#include "web/gate/authorization.h"
#include "web/gate/limits.h"
#include "web/gate/policy.h"
#include "web/gate/success_cache.h"
#include "web/gate/verifier.h"

#include <string.h>

#define GATE_MAGIC 0x67617465u
#define PLAIN "text/plain; charset=utf-8"
#define VERIFIERS 2
#define VERIFIERS_WAITING 64
#define VERIFIER_NICE 10
#define WATCH_MS 500

struct gate {
    uint32_t magic;
    char *path;
    struct http_guard guard;
    struct success_cache *successes;
    struct pool *verifiers;
    struct counter *refused; /* NULL: not counted */
    struct mutex lock;       /* guards policy, is_closed, failures */
    struct policy *policy;
    struct failures failures;
    struct bucket rate; /* the loop's */
    struct condition closing;
    bool is_closed;
    struct thread watch;
};

/* a password on its way through bcrypt; in the arena of the exchange, which is the gate's meanwhile */
struct verification {
    struct pool_job job;
    struct gate *gate;
    struct exchange *exchange;
    struct policy *policy; /* a reference */
    const char *hash;      /* the policy's */
    bool is_known;
    struct authorization authorization;
    struct span user, password; /* in authorization */
    char *peer;
};

static struct policy *current_policy(struct gate *gate) {
    mutex_lock(&gate->lock);
    struct policy *policy = policy_ref(gate->policy);
    mutex_unlock(&gate->lock);
    return policy;
}

static void release_policy(void *owner) {
    policy_unref(owner);
}

/* ---- refusals ---- */

static void refuse(struct gate *gate, struct exchange *exchange, int status, const char *text) {
    if (gate->refused) counter_inc(gate->refused);
    if (status == 429 || status == 503) reply_header(exchange, "Retry-After", "1");
    reply_header_default(exchange, "X-Content-Type-Options", "nosniff");
    reply_text(exchange, status, PLAIN, span_from(text));
}

static void refuse_credentials(struct gate *gate, struct exchange *exchange, const struct policy *policy) {
    reply_header(exchange, "WWW-Authenticate", policy->config->users.count ? "Basic" : "Bearer");
    refuse(gate, exchange, 401, "Unauthorized\n");
}

/* ---- passwords ---- */

static void verify(struct pool_job *job) {
    struct verification *v = (struct verification *)((char *)job - offsetof(struct verification, job));
    struct gate *gate = v->gate;
    static _Thread_local bool is_lowered;
    if (!is_lowered) thread_lower_priority(VERIFIER_NICE);
    is_lowered = true;
    bool is_right = password_matches(v->password, v->hash) && v->is_known;
    struct exchange *exchange = v->exchange;
    struct policy *policy = v->policy;
    if (is_right) {
        success_cache_add(gate->successes, v->user, span_from(v->hash), v->password);
        mutex_lock(&gate->lock);
        failures_forgive(&gate->failures, v->peer);
        mutex_unlock(&gate->lock);
        exchange_grant(exchange, &policy->user, release_policy, policy);
    } else {
        refuse_credentials(gate, exchange, policy);
        policy_unref(policy);
    }
    authorization_wipe(&v->authorization);
    exchange_guarded(exchange);
}

static bool may_try(struct gate *gate, const struct exchange *exchange) {
    mutex_lock(&gate->lock);
    bool may = failures_may_try(&gate->failures, exchange_peer(exchange), clock_monotonic_ms());
    mutex_unlock(&gate->lock);
    return may;
}

static enum guard_verdict start_verifying(struct gate *gate, struct exchange *exchange, struct policy *policy,
                                          struct span header, const char *hash) {
    struct arena *arena = exchange_arena(exchange);
    struct verification *v = arena_zalloc(arena, sizeof *v);
    const char *peer = exchange_peer(exchange);
    char *peer_copy = arena_strndup(arena, peer, strlen(peer));
    if (!v || !peer_copy) {
        refuse(gate, exchange, 503, "no memory for the request\n");
        return GUARD_REPLIED;
    }
    *v = (struct verification){.job.run = verify,
                               .gate = gate,
                               .exchange = exchange,
                               .policy = policy_ref(policy),
                               .hash = hash ? hash : policy->dummy,
                               .is_known = hash != NULL,
                               .peer = peer_copy};
    authorization_read(header, &v->authorization);
    v->user = v->authorization.user;
    v->password = v->authorization.password;
    if (pool_submit(gate->verifiers, &v->job, NULL) == 0) return GUARD_LATER;
    authorization_wipe(&v->authorization);
    policy_unref(v->policy);
    refuse(gate, exchange, 503, "too many passwords are being looked at\n");
    return GUARD_REPLIED;
}

static enum guard_verdict check_password(struct gate *gate, struct exchange *exchange, struct policy *policy,
                                         struct span header, const struct authorization *authorization) {
    const char *hash = policy_user_hash(policy, authorization->user);
    if (!policy->config->users.count) {
        refuse_credentials(gate, exchange, policy);
        return GUARD_REPLIED;
    }
    if (success_cache_has(gate->successes, authorization->user, span_from(hash ? hash : policy->dummy),
                          authorization->password)) {
        exchange_grant(exchange, &policy->user, release_policy, policy_ref(policy));
        return GUARD_PASS;
    }
    if (!may_try(gate, exchange)) {
        refuse(gate, exchange, 429, "too many wrong passwords\n");
        return GUARD_REPLIED;
    }
    return start_verifying(gate, exchange, policy, header, hash);
}

/* ---- the hooks ---- */

static enum guard_verdict check_credentials(struct gate *gate, struct exchange *exchange,
                                            struct policy *policy) {
    struct authorization authorization;
    struct span header = web_request_header(exchange_request(exchange), "Authorization");
    enum guard_verdict verdict = GUARD_REPLIED;
    authorization_read(header, &authorization);
    if (authorization.kind == AUTHORIZATION_BASIC) {
        verdict = check_password(gate, exchange, policy, header, &authorization);
    } else {
        const struct policy_token *token = authorization.kind == AUTHORIZATION_BEARER
                                               ? policy_find_token(policy, authorization.token)
                                               : NULL;
        if (token) {
            exchange_grant(exchange, &token->access, release_policy, policy_ref(policy));
            verdict = GUARD_PASS;
        } else {
            refuse_credentials(gate, exchange, policy);
        }
    }
    authorization_wipe(&authorization);
    return verdict;
}

static void add_headers(struct exchange *exchange, const struct web_header_config *headers) {
    const struct {
        const char *name, *value;
    } all[] = {{"Content-Security-Policy", headers->content_security_policy},
               {"X-Frame-Options", headers->x_frame_options},
               {"X-Content-Type-Options", headers->x_content_type_options},
               {"X-XSS-Protection", headers->x_xss_protection},
               {"Strict-Transport-Security", headers->strict_transport_security}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value) reply_header(exchange, all[i].name, all[i].value);
}

static enum guard_verdict authenticate(struct exchange *exchange, void *context) {
    struct gate *gate = context;
    struct policy *policy = current_policy(gate);
    const struct web_rate_limit_config *limit = &policy->config->rate_limit;
    enum guard_verdict verdict = GUARD_PASS;
    add_headers(exchange, &policy->config->http.headers);
    if (limit->interval_ms &&
        !bucket_take(&gate->rate, clock_monotonic_ms(), limit->interval_ms, (double)limit->burst)) {
        refuse(gate, exchange, 429, "Too Many Requests\n");
        verdict = GUARD_REPLIED;
    } else if (policy_needs_credentials(policy)) {
        verdict = check_credentials(gate, exchange, policy);
    }
    policy_unref(policy);
    return verdict;
}

/* a right password is not known yet: whoever names a user may be one */
static bool may_send_much(const struct web_request *request, void *context) {
    struct policy *policy = current_policy(context);
    struct authorization authorization;
    bool may = !policy_needs_credentials(policy);
    authorization_read(web_request_header(request, "Authorization"), &authorization);
    if (!may && authorization.kind == AUTHORIZATION_BASIC)
        may = policy_user_hash(policy, authorization.user) != NULL;
    else if (!may && authorization.kind == AUTHORIZATION_BEARER)
        may = policy_find_token(policy, authorization.token) != NULL;
    authorization_wipe(&authorization);
    policy_unref(policy);
    return may;
}

static enum guard_verdict authorize(struct exchange *exchange, const struct route *route, void *context) {
    const struct access *access = exchange_access(exchange);
    if (!access || route->scope == ACCESS_ANY) return GUARD_PASS;
    if (!(access->scopes & (unsigned)route->scope)) {
        refuse(context, exchange, 403, "Forbidden: the token's scopes do not reach here\n");
        return GUARD_REPLIED;
    }
    if (access->matcher_count && route->scope != ACCESS_WRITE && !(route->flags & ROUTE_LIMITED)) {
        refuse(context, exchange, 403, "Forbidden: the token may read some series only\n");
        return GUARD_REPLIED;
    }
    return GUARD_PASS;
}

static struct tls_context *tls_of_now(void *context) {
    struct policy *policy = current_policy(context);
    struct tls_context *tls = policy->tls ? tls_context_ref(policy->tls) : NULL;
    policy_unref(policy);
    return tls;
}

/* ---- the file ---- */

static void log_errors(const struct config_errors *errors) {
    struct buf line;
    buf_init(&line, 1 << 16);
    for (size_t i = 0; i < errors->count; i++) {
        buf_reset(&line);
        config_error_write(&errors->items[i], &line);
        LOG(LOG_ERROR, "the web configuration is refused", "err", buf_text(&line));
    }
    buf_release(&line);
}

static void replace_policy(struct gate *gate, struct policy *policy) {
    mutex_lock(&gate->lock);
    struct policy *old = gate->policy;
    gate->policy = policy;
    mutex_unlock(&gate->lock);
    policy_unref(old);
    LOG(LOG_INFO, "the web configuration is loaded", "file", gate->path, "tls",
        policy->tls ? "true" : "false");
}

/* A file that is no good is tried again each time, since what is wrong may be in one that it names, but told
 * once. */
static void look(struct gate *gate, struct config_errors *errors, char told[sizeof errors->items->message]) {
    struct policy *now = current_policy(gate), *policy = NULL;
    bool is_stale = policy_is_stale(now, gate->path);
    policy_unref(now);
    if (!is_stale) {
        told[0] = 0;
    } else if (policy_load(gate->path, &policy, errors) == 0) {
        replace_policy(gate, policy);
        told[0] = 0;
    } else if (strcmp(told, errors->items[0].message) != 0) {
        memcpy(told, errors->items[0].message, sizeof errors->items->message);
        log_errors(errors);
    }
}

static void *watch(void *context) {
    struct gate *gate = context;
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    char told[sizeof errors->items->message] = "";
    mutex_lock(&gate->lock);
    while (!gate->is_closed) {
        (void)condition_wait_ms(&gate->closing, &gate->lock, WATCH_MS);
        mutex_unlock(&gate->lock);
        look(gate, errors, told);
        mutex_lock(&gate->lock);
    }
    mutex_unlock(&gate->lock);
    mem_free(errors);
    return NULL;
}

/* ---- life ---- */

int gate_check(const char *path, struct config_errors *errors) {
    struct policy *policy = NULL;
    int rc = policy_load(path, &policy, errors);
    policy_unref(policy);
    return rc;
}

static int first_error(const struct config_errors *errors, int rc, struct err *err) {
    struct buf line;
    buf_init(&line, 4096);
    config_error_write(&errors->items[0], &line);
    err_set(err, rc, "unable to load the web configuration: %s", buf_text(&line));
    buf_release(&line);
    return rc;
}

int gate_create(const char *path, struct registry *registry, struct gate **result, struct err *err) {
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    struct policy *policy = NULL;
    int rc = policy_load(path, &policy, errors);
    if (rc) first_error(errors, rc, err);
    mem_free(errors);
    if (rc) return rc;
    struct gate *gate = mem_zalloc(sizeof *gate);
    gate->magic = GATE_MAGIC;
    gate->path = mem_strdup(path);
    gate->policy = policy;
    gate->guard = (struct http_guard){tls_of_now, authenticate, may_send_much, authorize, gate};
    gate->successes = success_cache_create();
    gate->verifiers = pool_create("web-verify", VERIFIERS, VERIFIERS_WAITING, 0);
    if (registry)
        gate->refused = registry_counter(registry, "ferula_web_refused_total",
                                         "Requests that were not let in, for whatever reason.", NULL);
    mutex_init(&gate->lock);
    condition_init(&gate->closing);
    thread_start(&gate->watch, "web-gate", watch, gate);
    *result = gate;
    return 0;
}

void gate_destroy(struct gate *gate) {
    if (!gate) return;
    CHECK_OBJ(gate, GATE_MAGIC);
    mutex_lock(&gate->lock);
    gate->is_closed = true;
    condition_broadcast(&gate->closing);
    mutex_unlock(&gate->lock);
    thread_join(&gate->watch);
    pool_destroy(gate->verifiers);
    success_cache_destroy(gate->successes);
    policy_unref(gate->policy);
    condition_release(&gate->closing);
    mutex_release(&gate->lock);
    mem_free(gate->path);
    gate->magic = 0;
    mem_free(gate);
}

const struct http_guard *gate_guard(const struct gate *gate) {
    return &gate->guard;
}
