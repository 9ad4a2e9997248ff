#pragma once
/*
 * secret.h - inside of lib/http: a secret that is given as text or as a file.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"

#define SECRET_MAX_BYTES ((size_t)64 << 10)

struct secret_source {
    char *text, *path; /* owned; both NULL: empty */
};

void secret_source_init(struct secret_source *source, const char *text, const char *path);
void secret_source_release(struct secret_source *source);
/* Initializes secret; a file is read each time, blanks and line ends around its contents do not belong to it.
 */
int secret_read(const struct secret_source *source, struct buf *secret, struct err *err);
/* zeroes and releases */
void secret_forget(struct buf *secret);
