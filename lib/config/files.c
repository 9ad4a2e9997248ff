#include "lib/config/table.h"
#include "lib/sys/file.h"
#include "lib/sys/glob.h"

/*
 * Files that the configuration names by a path with at most one *, in its last element.
 */

struct named {
    struct loader *loader;
    void (*each)(struct loader *loader, const char *path, void *context);
    void *context;
};

static void on_file(const char *path, void *context) {
    struct named *named = context;
    const char *copy = loader_copy(named->loader, span_from(path));
    if (copy) named->each(named->loader, copy, named->context);
}

void files_each(struct loader *l, const struct strings *globs,
                void (*each)(struct loader *loader, const char *path, void *context), void *context) {
    struct named named = {l, each, context};
    for (size_t i = 0; l->fs && i < globs->count; i++) {
        struct err err = {0};
        if (glob_each(l->fs, globs->items[i], on_file, &named, &err))
            loader_error(l, (struct ymark){0, 0}, "%s", err.text);
    }
}

const struct ynode *file_tree(struct loader *l, const char *path) {
    const struct ynode *root = NULL;
    struct ymark where = {0, 0};
    struct err err = {0};
    struct buf text;
    buf_init(&text, CONFIG_MAX_FILE_BYTES);
    l->file_name = path;
    int rc = file_read_all(l->fs, path, &text, &err);
    if (!rc) rc = ynode_parse(buf_view(&text), l->arena, &root, &where, &err);
    buf_release(&text);
    if (rc) loader_error(l, where, "%s", err.text);
    if (!rc && root) environment_expand_tree(l, root);
    return rc || ynode_is_null(root) ? NULL : root;
}
