#include "lib/http/tls.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/http/secret.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <string.h>

#define TLS_FILE_MAX_BYTES ((size_t)4 << 20)

static long tls_version(const char *min, const char *max) {
    static const struct {
        const char *name;
        long least, most;
    } versions[] = {
        {"TLS10", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0},
        {"TLS11", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1},
        {"TLS12", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2},
        {"TLS13", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3},
    };
    long least = CURL_SSLVERSION_TLSv1_2, most = CURL_SSLVERSION_MAX_DEFAULT;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (min && strcmp(min, versions[i].name) == 0) least = versions[i].least;
        if (max && strcmp(max, versions[i].name) == 0) most = versions[i].most;
    }
    /* a maximum alone may lie below our minimum */
    if (!min && max && strcmp(max, "TLS12") < 0) least = CURL_SSLVERSION_TLSv1_0;
    return least | most;
}

static bool is_old(const char *version) {
    return version && strcmp(version, "TLS12") < 0;
}

/* the same for the target and for a proxy that is spoken to in TLS */
static const struct {
    CURLoption ca_file, cert_file, key_file, ca, cert, key, verify_peer, verify_host, version;
} option_sets[] = {
    {CURLOPT_CAINFO, CURLOPT_SSLCERT, CURLOPT_SSLKEY, CURLOPT_CAINFO_BLOB, CURLOPT_SSLCERT_BLOB,
     CURLOPT_SSLKEY_BLOB, CURLOPT_SSL_VERIFYPEER, CURLOPT_SSL_VERIFYHOST, CURLOPT_SSLVERSION},
    {CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_SSLCERT, CURLOPT_PROXY_SSLKEY, CURLOPT_PROXY_CAINFO_BLOB,
     CURLOPT_PROXY_SSLCERT_BLOB, CURLOPT_PROXY_SSLKEY_BLOB, CURLOPT_PROXY_SSL_VERIFYPEER,
     CURLOPT_PROXY_SSL_VERIFYHOST, CURLOPT_PROXY_SSLVERSION},
};

static void set_blob(CURL *easy, CURLoption option, const char *text) {
    struct curl_blob blob = {(void *)text, text ? strlen(text) : 0, CURL_BLOB_COPY};
    if (text) curl_easy_setopt(easy, option, &blob);
}

/* curl's own folder of certificates, the system's, would be trusted beside the given ones */
static void set_ca_folder(CURL *easy, const char *path) {
    curl_easy_setopt(easy, CURLOPT_CAPATH, path);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, path);
}

void tls_set(CURL *easy, const struct http_tls_options *tls, struct tls_files *files) {
    const char *paths[3] = {tls->ca_file, tls->cert_file, tls->key_file};
    for (size_t i = 0; i < sizeof option_sets / sizeof *option_sets; i++) {
        if (tls->ca_file) curl_easy_setopt(easy, option_sets[i].ca_file, tls->ca_file);
        if (tls->cert_file) curl_easy_setopt(easy, option_sets[i].cert_file, tls->cert_file);
        if (tls->key_file) curl_easy_setopt(easy, option_sets[i].key_file, tls->key_file);
        set_blob(easy, option_sets[i].ca, tls->ca);
        set_blob(easy, option_sets[i].cert, tls->cert);
        set_blob(easy, option_sets[i].key, tls->key);
        curl_easy_setopt(easy, option_sets[i].verify_peer, tls->insecure_skip_verify ? 0L : 1L);
        curl_easy_setopt(easy, option_sets[i].verify_host, tls->insecure_skip_verify ? 0L : 2L);
        curl_easy_setopt(easy, option_sets[i].version, tls_version(tls->min_version, tls->max_version));
    }
    if (tls->ca) set_ca_folder(easy, "/dev/null/");
    if (is_old(tls->min_version) || is_old(tls->max_version)) /* OpenSSL's default forbids them */
        curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0");
    for (size_t i = 0; i < 3; i++)
        if (paths[i]) {
            files->paths[i] = mem_strdup(paths[i]);
            files->is_in_use = true;
        }
}

void tls_files_release(struct tls_files *files) {
    for (size_t i = 0; i < 3; i++) mem_free(files->paths[i]);
    *files = (struct tls_files){0};
}

/* curl reads the files for each new connection, and takes an old one when its settings are the same: so the
 * folder of certificates, one that cannot be, carries the hash of the contents. */
int tls_files_refresh(struct tls_files *files, CURL *easy, struct err *err) {
    uint64_t hash = 1;
    char folder[64];
    for (size_t i = 0; i < 3; i++) {
        if (!files->paths[i]) continue;
        struct buf text;
        buf_init(&text, TLS_FILE_MAX_BYTES);
        int rc = file_read_all(file_system_real(), files->paths[i], &text, err);
        hash = hash * 31 + hash_bytes(text.data, text.len);
        secret_forget(&text);
        if (rc) return rc;
    }
    if (hash == files->hash) return 0;
    files->hash = hash;
    snprintf(folder, sizeof folder, "/dev/null/%016llx", (unsigned long long)hash);
    set_ca_folder(easy, folder);
    return 0;
}
