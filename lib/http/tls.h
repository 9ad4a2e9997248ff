#pragma once
/*
 * tls.h - inside of lib/http: TLS settings of a transfer.
 */
#include "lib/http/client.h"

#include <curl/curl.h>

struct tls_files {
    char *paths[3]; /* CA, certificate, key; each may be NULL */
    uint64_t hash;  /* of their contents at the last look */
    bool is_in_use; /* one is not NULL */
};

void tls_set(CURL *easy, const struct http_tls_options *tls, struct tls_files *files);
void tls_files_release(struct tls_files *files);
/* Connections that were made with other contents of the files are not used again. */
int tls_files_refresh(struct tls_files *files, CURL *easy, struct err *err);
