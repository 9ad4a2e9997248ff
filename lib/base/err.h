#pragma once
/*
 * err.h - how a function says that it failed.
 *
 * A function that can fail returns 0 or a negative enum err_code and takes `struct err *err` as its last
 * parameter. The finder of a failure writes the text with err_set; passers-by may add context in front with
 * err_wrap. Only the owner of a thread logs it, once. The struct lives on the caller's stack and never
 * allocates; NULL is accepted where the caller does not want the text.
 *
 *     if (fd < 0) return err_set(err, ERR_IO, "open \"%s\": %s", path, strerror(errno));
 *     int rc = wal_open(&wal, err);
 *     if (rc) return err_wrap(err, rc, "data folder %s", path);
 *
 * Texts: lower case, no full stop, what happened first, the subject in quotes, the offset or line where there
 * is one.
 */
#include <stdarg.h>

enum err_code {
    ERR_INVALID = -1, /* input that cannot be right: syntax, range, type */
    ERR_LIMIT = -2,   /* a maximum or a budget was reached; the text names it */
    ERR_IO = -3,      /* the operating system said no */
    ERR_CORRUPT = -4, /* bytes on disk that do not pass their checksum or their format */
    ERR_NOT_FOUND = -5,
    ERR_EXISTS = -6,
    ERR_BUSY = -7, /* held by somebody else, or a queue is full */
    ERR_CANCELED = -8,
    ERR_TIMEOUT = -9,
    ERR_UNSUPPORTED = -10,
    ERR_NO_SPACE = -11,  /* ERR_IO because the disk is full */
    ERR_EXECUTION = -12, /* a query that is well-formed but cannot be evaluated on this data */
    ERR_EXHAUSTED = -13, /* no memory is left for more of it; what is there already goes on */
};

struct err {
    int code;       /* the last code set, 0 before the first */
    char text[256]; /* always terminated */
};

/* Writes code and text, returns code. err may be NULL. */
int err_set(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts "<context>: " in front of the text already there, returns code. err may be NULL. */
int err_wrap(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "invalid", "limit", ... for logs and tests. */
const char *err_name(int code);
