#include "lib/base/hash.h"
#include "lib/codec/gzip.h"
#include "web/api/inside.h"
#include "web/ui/ui.h"

#include <stdio.h>
#include <string.h>

static void add_guards(struct exchange *exchange, bool is_hashed) {
    reply_header_default(
        exchange, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
        "data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
    reply_header_default(exchange, "X-Content-Type-Options", "nosniff");
    reply_header_default(exchange, "Referrer-Policy", "no-referrer");
    /* without a hash in its name: ask again, the ETag makes it cheap */
    reply_header_default(exchange, "Cache-Control",
                         is_hashed ? "public, max-age=31536000, immutable" : "no-cache");
}

static void write_escaped(const char *text, struct buf *out) {
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '&': buf_puts(out, "&amp;"); break;
        case '<': buf_puts(out, "&lt;"); break;
        case '>': buf_puts(out, "&gt;"); break;
        default: buf_putc(out, *c);
        }
    }
}

/* the page with the operator's title in place of its own; the page itself where that cannot be */
static struct span with_title(struct arena *arena, struct span page, const char *title) {
    static const char opening[] = "<title>", closing[] = "</title>";
    const char *begin = memmem(page.ptr, page.len, opening, sizeof opening - 1);
    const char *end = memmem(page.ptr, page.len, closing, sizeof closing - 1);
    if (!title || !begin || !end || end < begin) return page;
    begin += sizeof opening - 1;
    struct buf out;
    buf_init(&out, page.len + 6 * strlen(title));
    buf_append(&out, page.ptr, (size_t)(begin - page.ptr));
    write_escaped(title, &out);
    buf_append(&out, end, (size_t)(page.ptr + page.len - end));
    const char *copy = out.failed ? NULL : arena_strndup(arena, out.data, out.len);
    struct span titled = copy ? span_of(copy, out.len) : page;
    buf_release(&out);
    return titled;
}

#define INDEX_MAX ((size_t)1 << 20)

/* index.html as text, with the operator's title; empty where that cannot be */
static struct span titled_index(struct exchange *exchange, struct span packed, const char *title) {
    struct gzip_reader *reader = gzip_reader_create();
    struct buf text;
    buf_init(&text, INDEX_MAX);
    bool is_good = gzip_read(reader, packed, &text, NULL) == 0;
    struct arena *arena = exchange_arena(exchange);
    const char *copy = is_good ? arena_strndup(arena, text.data, text.len) : NULL;
    struct span page = copy ? with_title(arena, span_of(copy, text.len), title) : span_of(NULL, 0);
    buf_release(&text);
    gzip_reader_destroy(reader);
    return page;
}

/* index.html for every page's path, and the files it names */
void api_page(struct exchange *exchange, void *context) {
    const struct web_request *request = exchange_request(exchange);
    const char *title = api_of(context)->context.page_title;
    bool is_index = !request->captured.len;
    struct span name = is_index ? SPAN("index.html") : request->captured, body = {0};
    struct ui_asset asset;
    char tag[24];
    if (!ui_asset_find(name, &asset)) {
        reply_text(exchange, 404, "text/plain; charset=utf-8", SPAN("404 page not found\n"));
        return;
    }
    if (is_index && title) body = titled_index(exchange, asset.packed, title);
    struct span tagged = body.len ? body : asset.packed;
    snprintf(tag, sizeof tag, "\"%016llx\"", (unsigned long long)hash_bytes(tagged.ptr, tagged.len));
    add_guards(exchange, asset.is_hashed);
    reply_header(exchange, "ETag", tag);
    if (span_is(web_request_header(request, "If-None-Match"), tag))
        reply_text(exchange, 304, asset.content_type, (struct span){0});
    else if (body.len)
        reply_text(exchange, 200, asset.content_type, body);
    else
        reply_packed(exchange, 200, asset.content_type, asset.packed);
}
