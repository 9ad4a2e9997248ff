/* A session over memory, with OpenSSL's client on the other side. */
#include "web/http/tls.h"

#include "lib/base/mem.h"
#include "tests/check_main.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct pem {
    char cert[4096], key[4096];
};

static void keep(BIO *bio, char text[4096]) {
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    ck_assert_int_lt(len, 4096);
    memcpy(text, data, (size_t)len);
    text[len] = 0;
    BIO_free(bio);
}

/* signs itself; san may be NULL */
static void make_pem(const char *san, struct pem *pem) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -100);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"x",
                               -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    X509_EXTENSION *extension = san ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san) : NULL;
    if (extension) X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    keep(bio, pem->cert);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    keep(bio, pem->key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct client {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
};

static void client_open(struct client *c, const struct pem *pem, int version) {
    c->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(c->context, version);
    if (pem) {
        BIO *bio = BIO_new_mem_buf(pem->cert, -1);
        X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        BIO_free(bio);
        bio = BIO_new_mem_buf(pem->key, -1);
        EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        BIO_free(bio);
        ck_assert(SSL_CTX_use_certificate(c->context, cert) == 1 &&
                  SSL_CTX_use_PrivateKey(c->context, key) == 1);
        X509_free(cert);
        EVP_PKEY_free(key);
    }
    c->ssl = SSL_new(c->context);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_connect_state(c->ssl);
}

static void client_close(struct client *c) {
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
}

/* moves bytes both ways until the server has read something or is over; what tls_session_read said */
static long talk(struct client *c, struct tls_session *session, char *plain, size_t capacity) {
    long got = 0;
    for (int i = 0; i < 10 && got == 0; i++) {
        char *data, text[8];
        if (SSL_is_init_finished(c->ssl) || SSL_do_handshake(c->ssl) == 1)
            (void)SSL_write(c->ssl, "hello", 5);
        long len = BIO_get_mem_data(c->out, &data);
        tls_session_receive(session, data, (size_t)len);
        (void)BIO_reset(c->out);
        got = tls_session_read(session, plain, capacity);
        struct span sealed = tls_session_sealed(session);
        if (sealed.len) BIO_write(c->in, sealed.ptr, (int)sealed.len);
        tls_session_forget(session);
        (void)SSL_read(c->ssl, text, 0);
    }
    return got;
}

static long ask(const struct tls_options *options, const struct pem *client_pem, int version) {
    struct tls_context *context = NULL;
    struct err err = {0};
    struct client client;
    char plain[64];
    ck_assert_msg(tls_context_create(options, &context, &err) == 0, "%s", err.text);
    client_open(&client, client_pem, version);
    struct tls_session *session = tls_session_create(tls_context_ref(context));
    tls_context_unref(context);
    long got = talk(&client, session, plain, sizeof plain);
    if (got > 0) {
        ck_assert(tls_session_is_open(session));
        ck_assert(memcmp(plain, "hello", 5) == 0);
        ck_assert(tls_session_write(session, "answer", 6));
        ck_assert_uint_gt(tls_session_sealed(session).len, 6);
        tls_session_end(session);
    }
    tls_session_destroy(session);
    client_close(&client);
    return got;
}

START_TEST(both_versions_are_spoken_and_each_alone) {
    struct pem pem;
    make_pem(NULL, &pem);
    struct tls_options options = {.cert_pem = span_from(pem.cert), .key_pem = span_from(pem.key)};
    ck_assert_int_gt(ask(&options, NULL, TLS1_3_VERSION), 0);
    ck_assert_int_gt(ask(&options, NULL, TLS1_2_VERSION), 0);
    ck_assert_int_eq(ask(&options, NULL, TLS1_1_VERSION), -1);
    options.is_13_only = true;
    ck_assert_int_eq(ask(&options, NULL, TLS1_2_VERSION), -1);
}
END_TEST

START_TEST(clients_are_known_by_their_certificates) {
    struct pem pem, friend, stranger;
    make_pem(NULL, &pem);
    make_pem("DNS:friend.test,IP:10.0.0.1", &friend);
    make_pem("DNS:stranger.test", &stranger);
    static const char *const names[] = {"other.test", "10.0.0.1"};
    struct tls_options options = {.cert_pem = span_from(pem.cert),
                                  .key_pem = span_from(pem.key),
                                  .client_ca_pem = span_from(friend.cert),
                                  .client_auth = TLS_CLIENT_REQUIRE_AND_VERIFY};
    ck_assert_int_gt(ask(&options, &friend, TLS1_2_VERSION), 0);
    ck_assert_int_eq(ask(&options, &stranger, TLS1_2_VERSION), -1);
    ck_assert_int_eq(ask(&options, NULL, TLS1_2_VERSION), -1);
    options.allowed_sans = names;
    options.allowed_san_count = 2;
    ck_assert_int_gt(ask(&options, &friend, TLS1_2_VERSION), 0);
    options.allowed_san_count = 1;
    ck_assert_int_eq(ask(&options, &friend, TLS1_2_VERSION), -1);
    options.client_auth = TLS_CLIENT_VERIFY_IF_GIVEN;
    ck_assert_int_gt(ask(&options, NULL, TLS1_3_VERSION), 0);
    options.client_auth = TLS_CLIENT_REQUIRE_ANY;
    ck_assert_int_gt(ask(&options, &stranger, TLS1_2_VERSION), 0);
    ck_assert_int_eq(ask(&options, NULL, TLS1_2_VERSION), -1);
}
END_TEST

START_TEST(plain_http_and_noise_end_it) {
    struct pem pem;
    make_pem(NULL, &pem);
    struct tls_options options = {.cert_pem = span_from(pem.cert), .key_pem = span_from(pem.key)};
    static const char *const texts[] = {"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                                        "\x16\x03\x01\xff\xff nonsense and more of it"};
    for (size_t i = 0; i < 2; i++) {
        struct tls_context *context = NULL;
        char plain[16];
        ck_assert_int_eq(tls_context_create(&options, &context, NULL), 0);
        struct tls_session *session = tls_session_create(context);
        tls_session_receive(session, texts[i], strlen(texts[i]));
        ck_assert_int_eq(tls_session_read(session, plain, sizeof plain), -1);
        ck_assert_int_eq(tls_session_met_http(session), i == 0);
        tls_session_destroy(session);
    }
}
END_TEST

START_TEST(bad_material_is_named_but_not_shown) {
    struct pem pem, other;
    struct tls_context *context = NULL;
    make_pem(NULL, &pem);
    make_pem(NULL, &other);
    const struct {
        const char *cert, *key, *what;
    } table[] = {{"nonsense", pem.key, "certificate"},
                 {pem.cert, "nonsense", "private key"},
                 {pem.cert, other.key, "private key"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct tls_options options = {.cert_pem = span_from(table[i].cert),
                                      .key_pem = span_from(table[i].key)};
        struct err err = {0};
        ck_assert_int_eq(tls_context_create(&options, &context, &err), ERR_INVALID);
        ck_assert_msg(strncmp(err.text, table[i].what, strlen(table[i].what)) == 0, "%s", err.text);
        ck_assert_ptr_null(context);
    }
}
END_TEST

CHECK_MAIN("tls", both_versions_are_spoken_and_each_alone, clients_are_known_by_their_certificates,
           plain_http_and_noise_end_it, bad_material_is_named_but_not_shown)
