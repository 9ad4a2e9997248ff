#pragma once
/*
 * client.h - outgoing HTTP on a loop: the only user of libcurl.
 *
 *     http_request (per target, reusable) --start--> curl multi --sockets, timers--> libuv loop
 *                                                        |
 *     done(request) <------- body, status, type ---------+
 *
 * A client belongs to one loop and its thread. A request keeps its curl handle, so connections stay open from
 * one start to the next. The body is collected up to a limit and decompressed here (gzip), under its own
 * limit. A start is one transfer, or several: at most 10 redirects, and one more with a new token when an
 * OAuth 2 token was refused. What is secret (credentials, secret headers) never goes to another host. Files
 * of secrets and certificates are looked at at each start.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct http_client;
struct http_request;

struct http_tls_options { /* all texts may be NULL */
    const char *ca_file, *cert_file, *key_file, *server_name;
    const char *ca, *cert, *key; /* PEM texts instead of files */
    bool insecure_skip_verify;
    const char *min_version, *max_version; /* TLS10 ... TLS13 */
};

/* a piece of a body as it comes, on the loop's thread; false ends the request */
typedef bool http_on_body(struct span piece, void *context);

struct http_proxy_options { /* all texts may be NULL */
    const char *url, *no_proxy;
    bool from_environment;              /* HTTP_PROXY, HTTPS_PROXY, NO_PROXY, and the same in small letters */
    const char *const *connect_headers; /* "Name: value" for the proxy alone, ended by NULL */
};

struct http_header_option { /* value or file, the other NULL */
    const char *name, *value, *file;
    bool is_secret;
};

struct http_oauth2_options { /* texts may be NULL but for token_url and client_id */
    const char *client_id, *client_secret, *client_secret_file;
    const char *token_url;
    const char *scope;                   /* words with blanks between them */
    const char *form;                    /* more parameters of the token request, escaped: "a=b&c=d" */
    bool is_jwt;                         /* the jwt-bearer grant, signed by ... */
    const char *key, *key_file, *key_id; /* ... this RSA key in PEM */
    const char *algorithm, *issuer, *audience;
    const char *claims; /* more claims, JSON without its braces: "\"a\":1" */
    struct http_tls_options tls;
    struct http_proxy_options proxy;
};

struct http_request_options { /* copied */
    const char *url;
    const char *unix_socket;    /* path of the socket to connect to instead of the URL's host; NULL: none */
    const char *const *headers; /* "Name: value", ended by NULL; may be NULL */
    const struct http_header_option *configured_headers;
    size_t configured_header_count;
    const char *user_agent;
    bool is_post; /* else GET; see http_request_set_body */
    int64_t timeout_ms;
    size_t max_body_bytes; /* decompressed */
    bool accept_gzip;      /* else Accept-Encoding: identity */
    bool follow_redirects, http2;
    const char *username, *username_file, *password, *password_file; /* basic auth */
    const char *authorization, *credentials_file; /* "Bearer", and the credentials from a file ... */
    const char *credentials;                      /* ... or as text */
    const struct http_oauth2_options *oauth2;     /* NULL: none; requests with equal ones share a token */
    struct http_tls_options tls;
    struct http_proxy_options proxy;
    /* streaming: gets the body of an answer with status 200 with the context of done, any length of it; the
     * response then has none. Not with accept_gzip. */
    http_on_body *on_body;
    bool wants_headers; /* http_request_header will be asked */
};

struct http_response {
    int rc; /* 0, or negative when there was no answer; err says why */
    struct err err;
    long status;
    const char *content_type; /* NULL when there was none */
    struct span body;
};

/* on the loop's thread; the response is valid during the call; the request may be started again in it, or
 * destroyed */
typedef void http_done(struct http_request *request, const struct http_response *response, void *context);

int http_client_create(struct loop *loop, struct http_client **client, struct err *err);
/* on the loop's thread; no request may be left */
void http_client_destroy(struct http_client *client);

int http_request_create(struct http_client *client, const struct http_request_options *options,
                        http_done *done, void *context, struct http_request **request, struct err *err);
/* stops it if it runs */
void http_request_destroy(struct http_request *request);
/* must not be running; failures, too, come through done, never before this returns */
void http_request_start(struct http_request *request);
/* what a POST sends from the next start on; stays the caller's, and there, until done */
void http_request_set_body(struct http_request *request, struct span body);
bool http_request_is_running(const struct http_request *request);
/* A plain request whose timeout ends by this time, on the monotonic clock, ends now, with done; others go on.
 */
void http_request_end_late(struct http_request *request, int64_t time_ms);
/* a header of the answer, NULL when it has none; inside done, valid during it; with wants_headers */
const char *http_request_header(const struct http_request *request, const char *name);
