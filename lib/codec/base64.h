#pragma once
/*
 * base64.h - bytes as letters: the usual alphabet with padding, or the one for URLs without (RFC 4648).
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"

enum base64_kind { BASE64_PLAIN, BASE64_URL };

void base64_write(struct span bytes, enum base64_kind kind, struct buf *out);
/* Appends the bytes of a text in the usual alphabet; line ends between the letters are skipped. ERR_INVALID
 * with the offset of what does not belong there, ERR_LIMIT. */
int base64_read(struct span text, struct buf *out, struct err *err);
