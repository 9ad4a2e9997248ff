#include "lib/codec/url.h"

void url_write_redacted(struct span url, struct buf *out) {
    size_t start = 0, at = url.len;
    while (start + 2 < url.len && memcmp(url.ptr + start, "://", 3) != 0) start++;
    start += 3;
    for (size_t i = start; i < url.len && !memchr("/?#", url.ptr[i], 3); i++)
        if (url.ptr[i] == '@') at = i;
    size_t colon = start < at ? span_find_byte(url, ':', start) : url.len;
    if (at == url.len || colon >= at) {
        buf_span(out, url);
        return;
    }
    buf_append(out, url.ptr, colon);
    buf_puts(out, ":xxxxx");
    buf_append(out, url.ptr + at, url.len - at);
}

void url_write_escaped(struct span text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     memchr("-_.~", c, 4);
        if (plain)
            buf_putc(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

void url_write_query(struct span text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ')
            buf_putc(out, '+');
        else
            url_write_escaped(span_of(text.ptr + i, 1), out);
    }
}
