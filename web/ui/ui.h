#pragma once
/*
 * ui.h - the files of the page, inside the program.
 */
#include "lib/base/span.h"

struct ui_asset {
    const char *name, *content_type;
    struct span body;
};

/* false when there is no such file */
bool ui_asset_find(struct span name, struct ui_asset *asset);
