#pragma once
/*
 * base64.h - bytes as letters: the usual alphabet with padding, or the one for URLs without (RFC 4648).
 */
#include "lib/base/buf.h"

enum base64_kind { BASE64_PLAIN, BASE64_URL };

void base64_write(struct span bytes, enum base64_kind kind, struct buf *out);
