#include "lib/http/oauth2.h"

#include "lib/base/arena.h"
#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/codec/base64.h"
#include "lib/codec/json.h"
#include "lib/codec/number.h"
#include "lib/codec/url.h"
#include "lib/codec/yaml.h"
#include "lib/http/internal.h"
#include "lib/http/jwt.h"
#include "lib/http/secret.h"
#include "lib/sys/clock.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <strings.h>

#define TOKEN_ANSWER_MAX_BYTES ((size_t)1 << 20)
#define TOKEN_FORM_MAX_BYTES ((size_t)1 << 20)
#define TOKEN_EARLY_MS 10000 /* so long before its end a token is not used any more */
#define TOKEN_FOREVER_MS INT64_MAX
#define JWT_LIFE_SECONDS 600
#define JWT_GRANT "urn:ietf:params:oauth:grant-type:jwt-bearer"

struct token_source {
    struct http_client *client;
    struct token_source *next;
    size_t references;
    struct buf key; /* all options, to know them again */
    char *client_id, *scope, *form, *key_id, *algorithm, *issuer, *audience, *claims;
    struct secret_source secret; /* the client's secret, or its key */
    bool is_jwt, is_secret_in_form;
    struct http_request *request;
    struct buf body;      /* of the request */
    struct buf token;     /* "Bearer ...", empty: none */
    int64_t end_ms;       /* of the token, monotonic */
    uint64_t secret_hash; /* of the secret the token was asked for with */
    struct token_waiter *waiters;
};

/* ---- the request ---- */

static void put_field(struct buf *form, const char *name, struct span value) {
    if (form->len) buf_putc(form, '&');
    buf_printf(form, "%s=", name);
    url_write_escaped(value, form);
}

static void put_claim(struct json_writer *json, const char *name, const char *value) {
    json_key(json, name);
    json_cstring(json, value ? value : "");
}

/* a random UUID (version 4) */
static void make_id(char id[37]) {
    unsigned char r[16] = {0};
    RAND_bytes(r, sizeof r);
    snprintf(id, 37, "%02x%02x%02x%02x-%02x%02x-4%x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2],
             r[3], r[4], r[5], r[6] & 15, r[7], 0x80 | (r[8] & 0x3f), r[9], r[10], r[11], r[12], r[13], r[14],
             r[15]);
}

static int put_assertion(const struct token_source *source, struct span key, struct buf *form,
                         struct err *err) {
    struct buf claims, assertion;
    struct json_writer json;
    char id[37];
    int64_t now = clock_wall_ms() / 1000;
    buf_init(&claims, TOKEN_FORM_MAX_BYTES);
    buf_init(&assertion, TOKEN_FORM_MAX_BYTES);
    json_init(&json, &claims);
    make_id(id);
    json_object(&json);
    put_claim(&json, "iss", source->issuer);
    put_claim(&json, "sub", source->client_id);
    put_claim(&json, "jti", id);
    put_claim(&json, "aud", source->audience);
    json_key(&json, "iat");
    json_int(&json, now);
    json_key(&json, "exp");
    json_int(&json, now + JWT_LIFE_SECONDS);
    if (source->scope) put_claim(&json, "scope", source->scope);
    if (source->claims) buf_printf(&claims, ",%s", source->claims);
    json_end_object(&json);
    int rc = jwt_sign(source->algorithm, key, source->key_id, buf_view(&claims), &assertion, err);
    if (!rc) put_field(form, "assertion", buf_view(&assertion));
    buf_release(&claims);
    secret_forget(&assertion);
    return rc;
}

static void put_basic(const struct token_source *source, struct span secret, struct buf *value) {
    struct buf pair;
    buf_init(&pair, 4 * SECRET_MAX_BYTES);
    url_write_escaped(span_from(source->client_id), &pair);
    buf_putc(&pair, ':');
    url_write_escaped(secret, &pair);
    buf_puts(value, "Basic ");
    base64_write(buf_view(&pair), BASE64_PLAIN, value);
    secret_forget(&pair);
}

/* servers want the client's secret in a header, some in the form: the header is tried first */
static int make_form(struct token_source *source, struct span secret, struct err *err) {
    struct buf basic;
    int rc = 0;
    secret_forget(&source->body);
    buf_init(&source->body, TOKEN_FORM_MAX_BYTES);
    buf_init(&basic, 8 * SECRET_MAX_BYTES);
    put_field(&source->body, "grant_type", span_from(source->is_jwt ? JWT_GRANT : "client_credentials"));
    if (source->is_jwt)
        rc = put_assertion(source, secret, &source->body, err);
    else if (source->is_secret_in_form) {
        put_field(&source->body, "client_id", span_from(source->client_id));
        put_field(&source->body, "client_secret", secret);
    } else
        put_basic(source, secret, &basic);
    if (source->scope && !source->is_jwt) put_field(&source->body, "scope", span_from(source->scope));
    if (source->form) buf_printf(&source->body, "&%s", source->form);
    if (!rc && source->body.failed)
        rc = err_set(err, ERR_LIMIT, "oauth2: the token request is larger than %zu bytes",
                     TOKEN_FORM_MAX_BYTES);
    http_request_set_authorization(source->request, basic.len ? buf_text(&basic) : NULL);
    secret_forget(&basic);
    return rc;
}

static int fetch(struct token_source *source, struct err *err) {
    struct buf secret;
    int rc = secret_read(&source->secret, &secret, err);
    if (!rc) rc = make_form(source, buf_view(&secret), err);
    if (!rc) {
        source->secret_hash = hash_bytes(secret.data, secret.len);
        http_request_set_body(source->request, buf_view(&source->body));
        http_request_start(source->request);
    }
    secret_forget(&secret);
    return rc;
}

/* ---- the answer ---- */

static struct span field_of(const struct ynode *root, const char *name) {
    const struct yentry *entry = ynode_entry(root, span_from(name));
    return entry && entry->value->kind == YNODE_SCALAR ? entry->value->text : span_of(NULL, 0);
}

/* texts of others go into headers and errors: no control characters */
static bool is_clean(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127) return false;
    return true;
}

static int take_token(struct token_source *source, const struct ynode *root, struct err *err) {
    struct span token = field_of(root, "access_token"), type = field_of(root, "token_type");
    double seconds = 0;
    if (!token.len) return err_set(err, ERR_INVALID, "oauth2: server response missing access_token");
    if (!is_clean(token) || !is_clean(type) || token.len > SECRET_MAX_BYTES || type.len > 100)
        return err_set(err, ERR_INVALID, "oauth2: the token cannot stand in a header");
    bool is_bearer = !type.len || (type.len == 6 && strncasecmp(type.ptr, "bearer", 6) == 0);
    secret_forget(&source->token);
    buf_init(&source->token, 2 * SECRET_MAX_BYTES);
    buf_span(&source->token, is_bearer ? SPAN("Bearer") : type);
    buf_putc(&source->token, ' ');
    buf_span(&source->token, token);
    source->end_ms = TOKEN_FOREVER_MS;
    if (number_parse(field_of(root, "expires_in"), &seconds) && seconds > 0 && seconds < 1e12) {
        int64_t life_ms = (int64_t)(seconds * 1000);
        int64_t early_ms = life_ms / 4 < TOKEN_EARLY_MS ? life_ms / 4 : TOKEN_EARLY_MS;
        source->end_ms = clock_monotonic_ms() + life_ms - early_ms;
    }
    return 0;
}

/* JSON is read as the YAML that it is */
static int read_answer(struct token_source *source, const struct http_response *response, struct err *err) {
    struct arena arena;
    struct ymark where;
    const struct ynode *root = NULL;
    if (response->rc) {
        *err = response->err;
        return err_wrap(err, response->rc, "oauth2: cannot fetch token");
    }
    arena_init(&arena, 8 * TOKEN_ANSWER_MAX_BYTES, NULL);
    int rc = ynode_parse(response->body, &arena, &root, &where, NULL);
    if (response->status < 200 || response->status > 299) {
        struct span code = field_of(root, "error");
        if (!is_clean(code) || code.len > 64) code.len = 0;
        rc = err_set(err, ERR_IO, "oauth2: cannot fetch token: HTTP status %ld%s%.*s", response->status,
                     code.len ? ", " : "", SPAN_ARG(code));
    } else if (rc || !root || root->kind != YNODE_MAP)
        rc = err_set(err, ERR_INVALID, "oauth2: cannot parse the token endpoint's answer as JSON");
    else
        rc = take_token(source, root, err);
    arena_release(&arena);
    return rc;
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context) {
    struct token_source *source = context;
    struct err err = {0};
    (void)request;
    int rc = read_answer(source, response, &err);
    bool is_refused = rc && !response->rc && response->status >= 400 && response->status < 500;
    if (is_refused && !source->is_jwt && !source->is_secret_in_form) {
        source->is_secret_in_form = true;
        rc = fetch(source, &err);
        if (!rc) return; /* to come back here */
    }
    if (rc) source->is_secret_in_form = false; /* another time all over again */
    struct token_waiter *waiter = source->waiters, *next;
    source->waiters = NULL;
    source->references++;
    for (; waiter; waiter = next) {
        next = waiter->next;
        waiter->ready(waiter, rc ? NULL : buf_text(&source->token), &err);
    }
    token_source_unref(source);
}

/* ---- who asks ---- */

static bool secret_has_changed(const struct token_source *source, int *rc, struct err *err) {
    struct buf secret;
    if (!source->secret.path) return false;
    *rc = secret_read(&source->secret, &secret, err);
    bool changed = hash_bytes(secret.data, secret.len) != source->secret_hash;
    secret_forget(&secret);
    return changed;
}

const char *token_source_get(struct token_source *source, struct token_waiter *waiter, int *rc,
                             struct err *err) {
    *rc = 0;
    bool is_fresh = source->token.len && clock_monotonic_ms() < source->end_ms;
    if (is_fresh && !secret_has_changed(source, rc, err)) return buf_text(&source->token);
    if (!*rc && !http_request_is_running(source->request)) *rc = fetch(source, err);
    if (*rc) return NULL;
    waiter->next = source->waiters;
    source->waiters = waiter;
    return NULL;
}

void token_source_leave(struct token_source *source, struct token_waiter *waiter) {
    struct token_waiter **at = &source->waiters;
    while (*at && *at != waiter) at = &(*at)->next;
    if (*at) *at = waiter->next;
}

void token_source_refused(struct token_source *source) {
    secret_forget(&source->token);
}

/* ---- coming and going ---- */

static void put_text(struct buf *key, const char *text) {
    buf_printf(key, "%d:%zu:%s|", text != NULL, text ? strlen(text) : 0, text ? text : "");
}

static void put_key(struct buf *key, const struct http_request_options *options) {
    const struct http_oauth2_options *o = options->oauth2;
    const struct http_tls_options *t = &o->tls;
    const char *const texts[] = {o->client_id,
                                 o->client_secret,
                                 o->client_secret_file,
                                 o->token_url,
                                 o->scope,
                                 o->form,
                                 o->key,
                                 o->key_file,
                                 o->key_id,
                                 o->algorithm,
                                 o->issuer,
                                 o->audience,
                                 o->claims,
                                 t->ca_file,
                                 t->cert_file,
                                 t->key_file,
                                 t->ca,
                                 t->cert,
                                 t->key,
                                 t->server_name,
                                 t->min_version,
                                 t->max_version,
                                 o->proxy.url,
                                 o->proxy.no_proxy};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) put_text(key, texts[i]);
    for (const char *const *header = o->proxy.connect_headers; header && *header; header++)
        put_text(key, *header);
    buf_printf(key, "%d%d%d", o->is_jwt, t->insecure_skip_verify, o->proxy.from_environment);
}

static char *copy_or_null(const char *text) {
    return text && *text ? mem_strdup(text) : NULL;
}

static void copy_options(struct token_source *source, const struct http_oauth2_options *options) {
    source->is_jwt = options->is_jwt;
    source->client_id = mem_strdup(options->client_id ? options->client_id : "");
    source->scope = copy_or_null(options->scope);
    source->form = copy_or_null(options->form);
    source->key_id = copy_or_null(options->key_id);
    source->algorithm = mem_strdup(options->algorithm ? options->algorithm : "RS256");
    source->issuer = copy_or_null(options->issuer);
    source->audience =
        mem_strdup(options->audience && *options->audience ? options->audience : options->token_url);
    source->claims = copy_or_null(options->claims);
    secret_source_init(&source->secret, options->is_jwt ? options->key : options->client_secret,
                       options->is_jwt ? options->key_file : options->client_secret_file);
}

static void destroy_source(struct token_source *source) {
    http_request_destroy(source->request);
    char *texts[] = {source->client_id, source->scope,  source->form,     source->key_id,
                     source->algorithm, source->issuer, source->audience, source->claims};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) mem_free(texts[i]);
    secret_source_release(&source->secret);
    secret_forget(&source->key);
    secret_forget(&source->body);
    secret_forget(&source->token);
    mem_free(source);
}

static int create_source(struct http_client *client, const struct http_request_options *options,
                         struct token_source **result, struct err *err) {
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                          "Accept: application/json", NULL};
    struct token_source *source = mem_zalloc(sizeof *source);
    struct http_request_options own = {.url = options->oauth2->token_url,
                                       .headers = headers,
                                       .user_agent = options->user_agent,
                                       .is_post = true,
                                       .timeout_ms = options->timeout_ms,
                                       .max_body_bytes = TOKEN_ANSWER_MAX_BYTES,
                                       .accept_gzip = true,
                                       .follow_redirects = true,
                                       .http2 = options->http2,
                                       .tls = options->oauth2->tls,
                                       .proxy = options->oauth2->proxy};
    source->client = client;
    copy_options(source, options->oauth2);
    int rc = http_request_create(client, &own, on_answer, source, &source->request, err);
    if (rc) {
        destroy_source(source);
        return rc;
    }
    source->next = client->token_sources;
    client->token_sources = source;
    *result = source;
    return 0;
}

int token_source_ref(struct http_client *client, const struct http_request_options *options,
                     struct token_source **result, struct err *err) {
    struct buf key;
    struct token_source *source = client->token_sources;
    int rc = 0;
    buf_init(&key, TOKEN_FORM_MAX_BYTES);
    put_key(&key, options);
    while (source && !span_equal(buf_view(&source->key), buf_view(&key))) source = source->next;
    if (!source) {
        rc = create_source(client, options, &source, err);
        if (!rc) {
            source->key = key;
            key = (struct buf){0};
        }
    }
    secret_forget(&key);
    if (rc) return rc;
    source->references++;
    *result = source;
    return 0;
}

void token_source_unref(struct token_source *source) {
    if (!source || --source->references) return;
    struct token_source **at = &source->client->token_sources;
    while (*at && *at != source) at = &(*at)->next;
    ASSERT(*at == source);
    *at = source->next;
    destroy_source(source);
}
