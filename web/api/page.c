#include "lib/base/hash.h"
#include "web/api/inside.h"
#include "web/ui/ui.h"

#include <stdio.h>

static void add_guards(struct exchange *exchange, bool is_hashed) {
    reply_header(
        exchange, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
        "data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
    reply_header(exchange, "X-Content-Type-Options", "nosniff");
    reply_header(exchange, "Referrer-Policy", "no-referrer");
    /* without a hash in its name: ask again, the ETag makes it cheap */
    reply_header(exchange, "Cache-Control", is_hashed ? "public, max-age=31536000, immutable" : "no-cache");
}

/* index.html for every page's path, and the files it names */
void api_page(struct exchange *exchange, void *context) {
    const struct web_request *request = exchange_request(exchange);
    struct span name = request->captured.len ? request->captured : SPAN("index.html");
    struct ui_asset asset;
    char tag[24];
    (void)context;
    if (!ui_asset_find(name, &asset)) {
        reply_text(exchange, 404, "text/plain; charset=utf-8", SPAN("404 page not found\n"));
        return;
    }
    snprintf(tag, sizeof tag, "\"%016llx\"",
             (unsigned long long)hash_bytes(asset.packed.ptr, asset.packed.len));
    add_guards(exchange, asset.is_hashed);
    reply_header(exchange, "ETag", tag);
    if (span_is(web_request_header(request, "If-None-Match"), tag))
        reply_text(exchange, 304, asset.content_type, (struct span){0});
    else
        reply_packed(exchange, 200, asset.content_type, asset.packed);
}
