#include "lib/base/buf.h"

#include "lib/base/mem.h"

#include <stdio.h>
#include <string.h>

#define BUF_SMALLEST ((size_t)64)

void buf_init(struct buf *buf, size_t max_bytes) {
    buf_init_budget(buf, max_bytes, NULL);
}

void buf_init_budget(struct buf *buf, size_t max_bytes, struct budget *budget) {
    *buf = (struct buf){.max_bytes = max_bytes, .budget = budget};
}

void buf_release(struct buf *buf) {
    if (buf->budget) budget_give(buf->budget, buf->capacity);
    mem_free(buf->data);
    buf_init_budget(buf, buf->max_bytes, buf->budget);
}

void buf_reset(struct buf *buf) {
    buf->len = 0;
    buf->failed = false;
}

static bool buf_grow(struct buf *buf, size_t needed) {
    size_t capacity = buf->capacity ? buf->capacity : BUF_SMALLEST;
    while (capacity < needed) capacity *= 2; /* ends: needed <= max_bytes, checked by the caller */
    if (capacity > buf->max_bytes) capacity = buf->max_bytes;
    if (buf->budget && !budget_take(buf->budget, capacity - buf->capacity)) return false;
    buf->data = mem_resize(buf->data, capacity, 1);
    buf->capacity = capacity;
    return true;
}

bool buf_reserve(struct buf *buf, size_t more) {
    size_t left = buf->max_bytes > buf->len ? buf->max_bytes - buf->len : 0;
    if (buf->failed) return false;
    /* the maximum first: memory taken over from another buf may be larger than this one's maximum */
    if (more <= left && more <= buf->capacity - buf->len) return true;
    if (more > left || buf->max_bytes > SIZE_MAX / 2 || !buf_grow(buf, buf->len + more)) {
        buf->failed = true;
        return false;
    }
    return true;
}

bool buf_append(struct buf *buf, const void *data, size_t len) {
    if (!buf_reserve(buf, len)) return false;
    if (len) memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return true;
}

bool buf_span(struct buf *buf, struct span s) {
    return buf_append(buf, s.ptr, s.len);
}

bool buf_puts(struct buf *buf, const char *text) {
    return buf_append(buf, text, strlen(text));
}

bool buf_putc(struct buf *buf, char c) {
    return buf_append(buf, &c, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !buf_reserve(buf, (size_t)length + 1)) return false;
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)length + 1, format, args);
    va_end(args);
    buf->len += (size_t)length;
    return true;
}

bool buf_uint(struct buf *buf, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return buf_append(buf, digits + at, sizeof digits - at);
}

bool buf_int(struct buf *buf, int64_t value) {
    if (value < 0 && !buf_putc(buf, '-')) return false;
    return buf_uint(buf, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

const char *buf_text(struct buf *buf) {
    if (buf->failed || buf->len == 0 || !buf_reserve(buf, 1)) return "";
    buf->data[buf->len] = '\0';
    return buf->data;
}
