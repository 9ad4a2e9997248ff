#include "lib/http/secret.h"

#include "lib/base/mem.h"
#include "lib/sys/file.h"

#include <string.h>

static char *copy_or_null(const char *text) {
    return text ? mem_strdup(text) : NULL;
}

void secret_source_init(struct secret_source *source, const char *text, const char *path) {
    *source = (struct secret_source){copy_or_null(text), copy_or_null(path)};
}

void secret_source_release(struct secret_source *source) {
    if (source->text) explicit_bzero(source->text, strlen(source->text));
    mem_free(source->text);
    mem_free(source->path);
    *source = (struct secret_source){0};
}

void secret_forget(struct buf *secret) {
    if (secret->data) explicit_bzero(secret->data, secret->len);
    buf_release(secret);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int secret_read(const struct secret_source *source, struct buf *secret, struct err *err) {
    buf_init(secret, SECRET_MAX_BYTES);
    if (source->text) buf_puts(secret, source->text);
    if (!source->path) return 0;
    int rc = file_read_all(file_system_real(), source->path, secret, err);
    size_t start = 0;
    while (secret->len && is_blank(secret->data[secret->len - 1])) secret->len--;
    while (start < secret->len && is_blank(secret->data[start])) start++;
    if (start) memmove(secret->data, secret->data + start, secret->len - start);
    secret->len -= start;
    for (size_t i = 0; i < secret->len && !rc; i++)
        if ((unsigned char)secret->data[i] < ' ' && !is_blank(secret->data[i]))
            rc = err_set(err, ERR_INVALID, "secret file \"%s\" holds a control character", source->path);
    return rc;
}
