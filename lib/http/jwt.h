#pragma once
/*
 * jwt.h - inside of lib/http: a signed statement (RFC 7515), three parts in base64 with dots between them:
 *
 *     {"alg":"RS256","typ":"JWT"} . {"iss":...} . signature of the two
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"

/* algorithm: RS256 RS384 RS512; key: RSA, private, PEM; key_id may be NULL; claims: a JSON object */
int jwt_sign(const char *algorithm, struct span key, const char *key_id, struct span claims, struct buf *out,
             struct err *err);
