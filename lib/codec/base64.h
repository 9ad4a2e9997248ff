#pragma once
/*
 * base64.h - base64 (RFC 4648, with padding) to bytes; line ends between the characters are skipped.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"

/* appends the bytes to out; ERR_INVALID with the offset of what does not belong there, ERR_LIMIT */
int base64_decode(struct span text, struct buf *out, struct err *err);
