#include "lib/base/vec.h"
#include "lib/config/table.h"
#include "lib/sys/file.h"

#include <stdlib.h>

/*
 * Files that the configuration names by a path with at most one *, in its last element.
 */

#define MAX_FILES 10000

struct glob {
    struct span prefix, suffix; /* around the * */
    VEC(char *) found;          /* names without their folder */
};

static void match(const char *name, void *context) {
    struct glob *glob = context;
    struct span text = span_from(name);
    bool is_hidden = name[0] == '.' && glob->prefix.len == 0;
    if (is_hidden || text.len < glob->prefix.len + glob->suffix.len || glob->found.count == MAX_FILES) return;
    if (span_starts_with(text, glob->prefix) && span_ends_with(text, glob->suffix))
        *vec_push(&glob->found) = mem_strdup(name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *join(struct loader *l, struct span folder, const char *name) {
    char *path = loader_alloc(l, folder.len + strlen(name) + 1, 1);
    if (!path) return NULL;
    memcpy(path, folder.ptr, folder.len);
    memcpy(path + folder.len, name, strlen(name) + 1);
    return path;
}

static void each_match(struct loader *l, const char *pattern,
                       void (*each)(struct loader *loader, const char *path, void *context), void *context) {
    const char *slash = strrchr(pattern, '/'), *last = slash ? slash + 1 : pattern, *star = strchr(last, '*');
    struct span folder = span_of(pattern, (size_t)(last - pattern));
    struct glob glob = {.prefix = span_of(last, (size_t)(star - last)), .suffix = span_from(star + 1)};
    struct err err = {0};
    const char *listed = folder.len ? loader_copy(l, folder) : ".";
    if (listed && folder_list(l->fs, listed, match, &glob, &err) && err.code != ERR_NOT_FOUND)
        loader_error(l, (struct ymark){0, 0}, "%s", err.text);
    if (glob.found.count) qsort(glob.found.items, glob.found.count, sizeof *glob.found.items, by_name);
    for (size_t i = 0; i < glob.found.count; i++) {
        const char *path = join(l, folder, glob.found.items[i]);
        if (path) each(l, path, context);
        mem_free(glob.found.items[i]);
    }
    vec_release(&glob.found);
}

/* a path without * that is not there names no file, as a glob does */
static bool is_there(struct loader *l, const char *path) {
    struct file file;
    struct err err = {0};
    if (file_open(l->fs, path, FILE_READ, &file, &err)) return err.code != ERR_NOT_FOUND;
    file_close(&file);
    return true;
}

void files_each(struct loader *l, const struct strings *globs,
                void (*each)(struct loader *loader, const char *path, void *context), void *context) {
    for (size_t i = 0; l->fs && i < globs->count; i++) {
        if (strchr(globs->items[i], '*'))
            each_match(l, globs->items[i], each, context);
        else if (is_there(l, globs->items[i]))
            each(l, globs->items[i], context);
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
