#include "lib/sys/glob.h"

#include "lib/base/vec.h"
#include "lib/sys/file.h"

#include <stdlib.h>

struct glob {
    struct span prefix, suffix; /* around the * */
    VEC(char *) found;          /* names without their folder */
};

static void match(const char *name, void *context) {
    struct glob *glob = context;
    struct span text = span_from(name);
    bool is_hidden = name[0] == '.' && glob->prefix.len == 0;
    if (is_hidden || text.len < glob->prefix.len + glob->suffix.len || glob->found.count == GLOB_MAX_FILES)
        return;
    if (span_starts_with(text, glob->prefix) && span_ends_with(text, glob->suffix))
        *vec_push(&glob->found) = mem_strdup(name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *join(struct span folder, const char *name) {
    char *path = mem_alloc(folder.len + strlen(name) + 1);
    memcpy(path, folder.ptr, folder.len);
    memcpy(path + folder.len, name, strlen(name) + 1);
    return path;
}

static int each_match(struct file_system *fs, const char *pattern,
                      void (*each)(const char *path, void *context), void *context, struct err *err) {
    const char *slash = strrchr(pattern, '/'), *last = slash ? slash + 1 : pattern, *star = strchr(last, '*');
    struct span folder = span_of(pattern, (size_t)(last - pattern));
    struct glob glob = {.prefix = span_of(last, (size_t)(star - last)), .suffix = span_from(star + 1)};
    char *listed = folder.len ? mem_strndup(folder.ptr, folder.len) : mem_strdup(".");
    int rc = folder_list(fs, listed, match, &glob, err);
    mem_free(listed);
    if (glob.found.count) qsort(glob.found.items, glob.found.count, sizeof *glob.found.items, by_name);
    for (size_t i = 0; i < glob.found.count; i++) {
        char *path = join(folder, glob.found.items[i]);
        if (!rc) each(path, context);
        mem_free(path);
        mem_free(glob.found.items[i]);
    }
    vec_release(&glob.found);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static bool is_there(struct file_system *fs, const char *path) {
    struct file file;
    struct err err = {0};
    if (file_open(fs, path, FILE_READ, &file, &err)) return err.code != ERR_NOT_FOUND;
    file_close(&file);
    return true;
}

int glob_each(struct file_system *fs, const char *pattern, void (*each)(const char *path, void *context),
              void *context, struct err *err) {
    const char *slash = strrchr(pattern, '/');
    if (strchr(slash ? slash : pattern, '*')) return each_match(fs, pattern, each, context, err);
    if (is_there(fs, pattern)) each(pattern, context);
    return 0;
}
