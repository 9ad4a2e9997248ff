#include "web/ui/ui.h"

#include "web/ui/page_files.h"

/* the ends of each file, from assets.S */
#define FILE_OF(symbol, name, content_type, is_hashed) extern const char ui_##symbol[], ui_##symbol##_end[];
PAGE_FILES(FILE_OF)
#undef FILE_OF

bool ui_asset_find(struct span name, struct ui_asset *asset) {
#define ROW(symbol, name, content_type, is_hashed)                                                           \
    {{name, content_type, is_hashed, {0}}, ui_##symbol, ui_##symbol##_end},
    static const struct {
        struct ui_asset asset;
        const char *begin, *end;
    } files[] = {PAGE_FILES(ROW)};
#undef ROW
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!span_is(name, files[i].asset.name)) continue;
        *asset = files[i].asset;
        asset->packed = span_of(files[i].begin, (size_t)(files[i].end - files[i].begin));
        return true;
    }
    return false;
}
