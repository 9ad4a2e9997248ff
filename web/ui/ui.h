#pragma once
/*
 * ui.h - the files of the page, inside the program.
 *
 *     "index.html"           the same name always, other bytes with each build: ask again
 *     "app-3F2A91C0.js"      the name is made of the bytes: may be kept for ever
 *
 * Bodies are gzip; they and the texts live as long as the program.
 */
#include "lib/base/span.h"

#include <stdbool.h>

struct ui_asset {
    const char *name, *content_type;
    bool is_hashed; /* the name tells the content */
    struct span packed;
};

/* false when there is no such file */
bool ui_asset_find(struct span name, struct ui_asset *asset);
