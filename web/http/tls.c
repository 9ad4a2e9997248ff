#include "web/http/tls.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#define TLS_MAGIC 0x746c7363u
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define CURVES "X25519:P-256:P-384"

struct tls_context {
    uint32_t magic;
    atomic_uint references;
    SSL_CTX *ssl;
    const char *const *allowed_sans;
    size_t allowed_san_count;
};

struct tls_session {
    struct tls_context *context;
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
    bool met_http;
};

static int refuse(struct err *err, const char *what) {
    unsigned long number = ERR_peek_last_error();
    const char *reason = number ? ERR_reason_error_string(number) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_INVALID, "%s: %s", what, reason ? reason : "not usable");
}

/* ---- what the certificates say ---- */

static int no_password(char *buf, int size, int rwflag, void *context) {
    (void)buf, (void)size, (void)rwflag, (void)context;
    return 0;
}

static int use_certificate(SSL_CTX *ssl, struct span pem) {
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
    bool is_used = certificate && SSL_CTX_use_certificate(ssl, certificate) == 1;
    X509_free(certificate);
    while (is_used && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL)))
        if (SSL_CTX_add0_chain_cert(ssl, certificate) != 1) {
            X509_free(certificate);
            is_used = false;
        }
    BIO_free(bio);
    if (is_used) ERR_clear_error(); /* of the end of the text */
    return is_used ? 0 : -1;
}

static int use_key(SSL_CTX *ssl, struct span pem) {
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    bool is_used = key && SSL_CTX_use_PrivateKey(ssl, key) == 1 && SSL_CTX_check_private_key(ssl) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return is_used ? 0 : -1;
}

static int use_client_ca(SSL_CTX *ssl, struct span pem) {
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    size_t count = 0;
    for (X509 *ca; (ca = PEM_read_bio_X509(bio, NULL, no_password, NULL)); count++) {
        (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), ca);
        (void)SSL_CTX_add_client_CA(ssl, ca);
        X509_free(ca);
    }
    BIO_free(bio);
    if (count) ERR_clear_error();
    return count ? 0 : -1;
}

static bool is_allowed(const struct tls_context *context, const char *text, size_t len) {
    for (size_t i = 0; i < context->allowed_san_count; i++)
        if (span_is(span_of(text, len), context->allowed_sans[i])) return true;
    return false;
}

static bool name_is_allowed(const struct tls_context *context, const GENERAL_NAME *name) {
    char address[INET6_ADDRSTRLEN];
    if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) {
        const ASN1_STRING *text = name->d.ia5;
        return is_allowed(context, (const char *)ASN1_STRING_get0_data(text),
                          (size_t)ASN1_STRING_length(text));
    }
    if (name->type != GEN_IPADD) return false;
    const ASN1_STRING *bytes = name->d.iPAddress;
    int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && ASN1_STRING_length(bytes) != 16) return false;
    if (!inet_ntop(family, ASN1_STRING_get0_data(bytes), address, sizeof address)) return false;
    return is_allowed(context, address, strlen(address));
}

static bool has_allowed_san(const struct tls_context *context, X509 *certificate) {
    bool is_found = false;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && !is_found; i++)
        is_found = name_is_allowed(context, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    return is_found;
}

/* a client's chain, from its root down; the last is its own */
static int on_verified(int is_good, X509_STORE_CTX *store) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (!is_good || X509_STORE_CTX_get_error_depth(store) > 0 || !context->allowed_san_count) return is_good;
    if (has_allowed_san(context, X509_STORE_CTX_get_current_cert(store))) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static int on_any(int is_good, X509_STORE_CTX *store) {
    (void)is_good, (void)store;
    return 1;
}

/* ---- the context ---- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *argument) {
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl, (void)argument;
    int found =
        SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, ours, sizeof ours - 1, in, in_len);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void set_client_auth(SSL_CTX *ssl, enum tls_client_auth auth) {
    static const struct {
        int mode;
        SSL_verify_cb callback;
    } modes[] = {
        [TLS_CLIENT_NONE] = {SSL_VERIFY_NONE, NULL},
        [TLS_CLIENT_REQUEST] = {SSL_VERIFY_PEER, on_any},
        [TLS_CLIENT_REQUIRE_ANY] = {SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_any},
        [TLS_CLIENT_VERIFY_IF_GIVEN] = {SSL_VERIFY_PEER, on_verified},
        [TLS_CLIENT_REQUIRE_AND_VERIFY] = {SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verified},
    };
    SSL_CTX_set_verify(ssl, modes[auth].mode, modes[auth].callback);
}

static void set_fixed(SSL_CTX *ssl, const struct tls_options *options) {
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    if (!options->prefers_client_order) SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_min_proto_version(ssl, options->is_13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ssl, options->is_12_only ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    set_client_auth(ssl, options->client_auth);
}

static int fill(SSL_CTX *ssl, const struct tls_options *options, struct err *err) {
    set_fixed(ssl, options);
    if (use_certificate(ssl, options->cert_pem)) return refuse(err, "certificate");
    if (use_key(ssl, options->key_pem)) return refuse(err, "private key");
    if (options->client_ca_pem.len && use_client_ca(ssl, options->client_ca_pem))
        return refuse(err, "client CA");
    if (SSL_CTX_set_cipher_list(ssl, options->ciphers ? options->ciphers : CIPHERS) != 1)
        return refuse(err, "cipher suites");
    if (options->suites && SSL_CTX_set_ciphersuites(ssl, options->suites) != 1)
        return refuse(err, "cipher suites");
    if (SSL_CTX_set1_groups_list(ssl, options->curves ? options->curves : CURVES) != 1)
        return refuse(err, "curve preferences");
    return 0;
}

int tls_context_create(const struct tls_options *options, struct tls_context **result, struct err *err) {
    ASSERT(options->cert_pem.len < INT32_MAX && options->key_pem.len < INT32_MAX);
    ERR_clear_error();
    struct tls_context *context = mem_zalloc(sizeof *context);
    context->magic = TLS_MAGIC;
    atomic_init(&context->references, 1);
    context->allowed_sans = options->allowed_sans;
    context->allowed_san_count = options->allowed_san_count;
    context->ssl = SSL_CTX_new(TLS_server_method());
    ASSERT(context->ssl); /* only memory could fail here */
    SSL_CTX_set_app_data(context->ssl, context);
    int rc = fill(context->ssl, options, err);
    if (rc)
        tls_context_unref(context);
    else
        *result = context;
    return rc;
}

struct tls_context *tls_context_ref(struct tls_context *context) {
    atomic_fetch_add(&context->references, 1);
    return context;
}

void tls_context_unref(struct tls_context *context) {
    if (!context) return;
    CHECK_OBJ(context, TLS_MAGIC);
    if (atomic_fetch_sub(&context->references, 1) > 1) return;
    SSL_CTX_free(context->ssl);
    context->magic = 0;
    mem_free(context);
}

/* ---- a session ---- */

struct tls_session *tls_session_create(struct tls_context *context) {
    CHECK_OBJ(context, TLS_MAGIC);
    struct tls_session *session = mem_zalloc(sizeof *session);
    session->context = context;
    session->ssl = SSL_new(context->ssl);
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    ASSERT(session->ssl && session->in && session->out); /* only memory could fail here */
    SSL_set_bio(session->ssl, session->in, session->out);
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_destroy(struct tls_session *session) {
    if (!session) return;
    SSL_free(session->ssl);
    tls_context_unref(session->context);
    mem_free(session);
}

void tls_session_receive(struct tls_session *session, const char *sealed, size_t len) {
    ASSERT(len < INT32_MAX);
    int taken = BIO_write(session->in, sealed, (int)len);
    ASSERT(taken == (int)len); /* memory grows */
}

long tls_session_read(struct tls_session *session, char *plain, size_t capacity) {
    ERR_clear_error();
    int got = SSL_read(session->ssl, plain, (int)(capacity < INT32_MAX ? capacity : INT32_MAX));
    if (got > 0) return got;
    if (SSL_get_error(session->ssl, got) == SSL_ERROR_WANT_READ) return 0;
    session->met_http = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
    ERR_clear_error();
    return -1;
}

bool tls_session_write(struct tls_session *session, const char *plain, size_t len) {
    ERR_clear_error();
    ASSERT(len < INT32_MAX);
    return len == 0 || SSL_write(session->ssl, plain, (int)len) == (int)len;
}

struct span tls_session_sealed(const struct tls_session *session) {
    char *data = NULL;
    long len = BIO_get_mem_data(session->out, &data);
    return span_of(data, len > 0 ? (size_t)len : 0);
}

void tls_session_forget(struct tls_session *session) {
    (void)BIO_reset(session->out);
}

void tls_session_end(struct tls_session *session) {
    ERR_clear_error();
    if (SSL_is_init_finished(session->ssl)) (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
}

bool tls_session_is_open(const struct tls_session *session) {
    return SSL_is_init_finished(session->ssl);
}

bool tls_session_met_http(const struct tls_session *session) {
    return session->met_http;
}
