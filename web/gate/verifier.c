#include "web/gate/verifier.h"

#include "lib/base/mem.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <string.h>

bool password_matches(struct span password, const char *hash) {
    char text[PASSWORD_MAX + 1] = {0};
    size_t len = password.len < PASSWORD_MAX ? password.len : PASSWORD_MAX;
    struct crypt_data *data = mem_zalloc(sizeof *data);
    bool is_possible =
        password.len <= PASSWORD_MAX && !memchr(password.ptr ? password.ptr : "", 0, password.len);
    if (len) memcpy(text, password.ptr, len);
    const char *got = crypt_rn(text, hash, data, (int)sizeof *data);
    size_t wanted = strlen(hash);
    bool is_equal = got && strlen(got) == wanted && CRYPTO_memcmp(got, hash, wanted) == 0;
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(data, sizeof *data);
    mem_free(data);
    return is_equal && is_possible;
}
