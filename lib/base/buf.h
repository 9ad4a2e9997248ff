#pragma once
/*
 * buf.h - a growing piece of bytes that knows its maximum.
 *
 * Appending past the maximum (or past the budget) sets `failed` and leaves the contents as they were; later
 * appends do nothing, so a writer may append many pieces and look once, at the end. Owner: whoever embeds it;
 * release with buf_release.
 */
#include "lib/base/budget.h"
#include "lib/base/span.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* not terminated; see buf_text */
    size_t len, capacity;
    size_t max_bytes;
    struct budget *budget; /* may be NULL */
    bool failed;           /* an append was refused since the last reset */
};

void buf_init(struct buf *buf, size_t max_bytes);
/* also counts its capacity against budget */
void buf_init_budget(struct buf *buf, size_t max_bytes, struct budget *budget);
void buf_release(struct buf *buf);
/* empty again, memory kept, failed cleared */
void buf_reset(struct buf *buf);

/* room for `more` bytes at data + len, or false (failed set); the caller then adds to len what it wrote */
bool buf_reserve(struct buf *buf, size_t more);
bool buf_append(struct buf *buf, const void *data, size_t len);
bool buf_span(struct buf *buf, struct span s);
bool buf_puts(struct buf *buf, const char *text);
bool buf_putc(struct buf *buf, char c);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buf_uint(struct buf *buf, uint64_t value);
bool buf_int(struct buf *buf, int64_t value);

/* the contents, terminated; "" when failed or empty. Valid until the next append. */
const char *buf_text(struct buf *buf);
static inline struct span buf_view(const struct buf *buf) {
    return (struct span){buf->data, buf->len};
}
