#include "web/ui/ui.h"

/* the ends of each file, from assets.S */
#define FILE_OF(name) extern const char ui_##name[], ui_##name##_end[]
FILE_OF(page_html);
FILE_OF(page_css);
FILE_OF(page_js);

bool ui_asset_find(struct span name, struct ui_asset *asset) {
    static const struct {
        const char *name, *content_type, *begin, *end;
    } files[] = {
        {"page.html", "text/html; charset=utf-8", ui_page_html, ui_page_html_end},
        {"page.css", "text/css; charset=utf-8", ui_page_css, ui_page_css_end},
        {"page.js", "text/javascript; charset=utf-8", ui_page_js, ui_page_js_end},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!span_is(name, files[i].name)) continue;
        struct span body = span_of(files[i].begin, (size_t)(files[i].end - files[i].begin));
        *asset = (struct ui_asset){files[i].name, files[i].content_type, body};
        return true;
    }
    return false;
}
