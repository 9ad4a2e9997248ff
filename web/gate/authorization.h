#pragma once
/*
 * authorization.h - inside of web/gate: what an Authorization header says.
 *
 *     Basic dXNlcjpwYXNz   user up to the first colon, the rest is the password
 *     Bearer TOKEN
 */
#include "lib/base/span.h"

#define AUTHORIZATION_MAX 1024u /* of what is between the word and the end, decoded */

enum authorization_kind {
    AUTHORIZATION_NONE, /* there is no header */
    AUTHORIZATION_BAD,  /* there is one, of another kind or malformed */
    AUTHORIZATION_BASIC,
    AUTHORIZATION_BEARER,
};

struct authorization {
    enum authorization_kind kind;
    struct span user, password; /* in text */
    struct span token;          /* in the header */
    char text[AUTHORIZATION_MAX];
};

void authorization_read(struct span header, struct authorization *authorization);
/* forgets the password */
void authorization_wipe(struct authorization *authorization);
