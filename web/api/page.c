#include "lib/base/hash.h"
#include "web/api/inside.h"
#include "web/ui/ui.h"

#include <stdio.h>

static void add_guards(struct exchange *exchange) {
    reply_header_default(
        exchange, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
        "data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
    reply_header_default(exchange, "X-Content-Type-Options", "nosniff");
    reply_header_default(exchange, "Referrer-Policy", "no-referrer");
    reply_header_default(exchange, "Cache-Control", "no-cache"); /* ask again, the ETag makes it cheap */
}

void api_page(struct exchange *exchange, void *context) {
    const struct web_request *request = exchange_request(exchange);
    struct span name = request->captured.len ? request->captured : SPAN("page.html");
    struct ui_asset asset;
    char tag[24];
    (void)context;
    if (!ui_asset_find(name, &asset)) {
        reply_text(exchange, 404, "text/plain; charset=utf-8", SPAN("404 page not found\n"));
        return;
    }
    snprintf(tag, sizeof tag, "\"%016llx\"", (unsigned long long)hash_bytes(asset.body.ptr, asset.body.len));
    add_guards(exchange);
    reply_header(exchange, "ETag", tag);
    if (span_is(web_request_header(request, "If-None-Match"), tag))
        reply_text(exchange, 304, asset.content_type, (struct span){0});
    else
        reply_text(exchange, 200, asset.content_type, asset.body);
}
