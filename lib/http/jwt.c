#include "lib/http/jwt.h"

#include "lib/base/mem.h"
#include "lib/codec/base64.h"
#include "lib/codec/json.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

static const EVP_MD *digest_of(const char *algorithm) {
    if (strcmp(algorithm, "RS384") == 0) return EVP_sha384();
    if (strcmp(algorithm, "RS512") == 0) return EVP_sha512();
    return EVP_sha256();
}

static void write_head(const char *algorithm, const char *key_id, struct buf *out) {
    struct buf head;
    struct json_writer json;
    buf_init(&head, (size_t)64 << 10);
    json_init(&json, &head);
    json_object(&json);
    json_key(&json, "alg");
    json_cstring(&json, algorithm);
    json_key(&json, "typ");
    json_cstring(&json, "JWT");
    if (key_id) {
        json_key(&json, "kid");
        json_cstring(&json, key_id);
    }
    json_end_object(&json);
    base64_write(buf_view(&head), BASE64_URL, out);
    buf_release(&head);
}

static int read_key(struct span pem, EVP_PKEY **key, struct err *err) {
    static char no_password[] = "";
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password) : NULL;
    BIO_free(bio);
    if (*key && EVP_PKEY_get_base_id(*key) == EVP_PKEY_RSA) return 0;
    EVP_PKEY_free(*key);
    return err_set(err, ERR_INVALID, "oauth2: the client's certificate key is no RSA private key in PEM");
}

int jwt_sign(const char *algorithm, struct span key, const char *key_id, struct span claims, struct buf *out,
             struct err *err) {
    EVP_PKEY *pkey;
    size_t start = out->len, len = 0;
    int rc = read_key(key, &pkey, err);
    if (rc) return rc;
    write_head(algorithm, key_id, out);
    buf_putc(out, '.');
    base64_write(claims, BASE64_URL, out);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const unsigned char *text = (const unsigned char *)out->data + start;
    unsigned char *signature = NULL;
    bool ok = context && !out->failed &&
              EVP_DigestSignInit(context, NULL, digest_of(algorithm), NULL, pkey) == 1 &&
              EVP_DigestSign(context, NULL, &len, text, out->len - start) == 1;
    if (ok) {
        signature = mem_alloc(len);
        ok = EVP_DigestSign(context, signature, &len, text, out->len - start) == 1;
    }
    if (ok) {
        buf_putc(out, '.');
        base64_write(span_of((char *)signature, len), BASE64_URL, out);
    }
    mem_free(signature);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return ok && !out->failed ? 0 : err_set(err, ERR_INVALID, "oauth2: the token request cannot be signed");
}
