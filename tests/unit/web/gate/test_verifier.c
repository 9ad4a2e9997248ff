#include "web/gate/verifier.h"

#include "tests/check_main.h"

#include <crypt.h>

START_TEST(a_password_belongs_to_its_hash_alone) {
    struct crypt_data data = {0};
    char hash[64], longest[74];
    memset(longest, 'x', sizeof longest - 1);
    longest[73] = 0;
    strncpy(hash, crypt_rn("secret", "$2b$04$abcdefghijklmnopqrstuu", &data, sizeof data), sizeof hash - 1);
    hash[63] = 0;
    ck_assert(password_matches(SPAN("secret"), hash));
    ck_assert(!password_matches(SPAN("secre"), hash));
    ck_assert(!password_matches(SPAN(""), hash));
    ck_assert(!password_matches(span_of("secret\0x", 8), hash));
    ck_assert(!password_matches(SPAN("secret"), "$2b$04$abcdefghijklmnopqrstuu"));
    ck_assert(!password_matches(SPAN("secret"), "nonsense"));
    longest[72] = 0;
    strncpy(hash, crypt_rn(longest, "$2b$04$abcdefghijklmnopqrstuu", &data, sizeof data), sizeof hash - 1);
    ck_assert(password_matches(span_of(longest, 72), hash));
    longest[72] = 'x';
    ck_assert(!password_matches(span_of(longest, 73), hash));
}
END_TEST

CHECK_MAIN("verifier", a_password_belongs_to_its_hash_alone)
