#pragma once
/*
 * tls.h - TLS of the listener, over memory: a context made of certificates and wishes, and a session for each
 * connection that turns sealed bytes into plain ones and back.
 *
 *     socket --tls_session_receive--> [OpenSSL] --tls_session_read--> plain
 *     socket <--tls_session_sealed--- [OpenSSL] <--tls_session_write-- plain
 *
 * TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only unless others of the list are asked for;
 * no compression, renegotiation, tickets or session cache. ALPN offers http/1.1 alone.
 *
 * Threads: a context is shared by reference count; a session belongs to the loop.
 */
#include "lib/base/err.h"
#include "lib/base/span.h"

#include <stdbool.h>

enum tls_client_auth {
    TLS_CLIENT_NONE,
    TLS_CLIENT_REQUEST,         /* asked for, not looked at */
    TLS_CLIENT_REQUIRE_ANY,     /* there must be one, not looked at */
    TLS_CLIENT_VERIFY_IF_GIVEN, /* against client_ca */
    TLS_CLIENT_REQUIRE_AND_VERIFY,
};

struct tls_options {
    struct span cert_pem, key_pem; /* the chain, its own certificate first */
    struct span client_ca_pem;     /* empty: none */
    enum tls_client_auth client_auth;
    const char *const *allowed_sans; /* DNS names, addresses, mail addresses or URIs; outlive the context */
    size_t allowed_san_count;        /* 0: any */
    bool is_13_only, is_12_only;
    const char *ciphers; /* OpenSSL's lists, each NULL for the default: of TLS 1.2, */
    const char *suites;  /* of TLS 1.3, */
    const char *curves;
    bool prefers_client_order;
};

struct tls_context;
struct tls_session;

/* ERR_INVALID says which part is no good, never showing it */
int tls_context_create(const struct tls_options *options, struct tls_context **context, struct err *err);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

/* takes the reference over */
struct tls_session *tls_session_create(struct tls_context *context);
void tls_session_destroy(struct tls_session *session);
void tls_session_receive(struct tls_session *session, const char *sealed, size_t len);
/* plain bytes; 0: none yet; -1: the session is over (sealed may hold an alert) */
long tls_session_read(struct tls_session *session, char *plain, size_t capacity);
/* false: it cannot be sealed */
bool tls_session_write(struct tls_session *session, const char *plain, size_t len);
/* what waits for the socket; valid until the next call; forget it when it is copied */
struct span tls_session_sealed(const struct tls_session *session);
void tls_session_forget(struct tls_session *session);
/* says goodbye, into sealed */
void tls_session_end(struct tls_session *session);
bool tls_session_is_open(const struct tls_session *session); /* the handshake is done */
/* the client spoke plain HTTP */
bool tls_session_met_http(const struct tls_session *session);
