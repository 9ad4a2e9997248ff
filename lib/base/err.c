#include "lib/base/err.h"

#include <stdio.h>
#include <string.h>

int err_set(struct err *err, int code, const char *format, ...) {
    if (!err) return code;
    err->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return code;
}

int err_wrap(struct err *err, int code, const char *format, ...) {
    if (!err) return code;
    char before[sizeof err->text], context[sizeof err->text];
    memcpy(before, err->text, sizeof before);
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    err->code = code;
    /* a text that no longer fits is cut at its end, where the detail is least missed */
    if (snprintf(err->text, sizeof err->text, "%s: %s", context, before) < 0) err->text[0] = '\0';
    return code;
}

const char *err_name(int code) {
    static const char *const names[] = {
        "ok",   "invalid",  "limit",   "io",          "corrupt",  "not found", "exists",
        "busy", "canceled", "timeout", "unsupported", "no space", "execution", "exhausted",
    };
    int index = -code;
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : "unknown";
}
