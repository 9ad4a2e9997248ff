#pragma once
/*
 * verifier.h - inside of web/gate: bcrypt, which is meant to be slow.
 */
#include "lib/base/span.h"

#include <stdbool.h>

#define PASSWORD_MAX 72u /* what bcrypt looks at */

/* Does the password belong to the stored hash? Takes as long whatever is wrong with it. Any thread; tens of
 * milliseconds. */
bool password_matches(struct span password, const char *hash);
