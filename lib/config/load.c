#include "lib/config/table.h"
#include "lib/config/web.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/sys/file.h"

#include <stdatomic.h>
#include <stdio.h>

/*
 * From a file to a configuration, and its lifetime.
 */

#define MAX_ARENA_BYTES (512u << 20)
#define MAX_UNSUPPORTED 64

struct kept {
    void *object;
    void (*destroy)(void *object);
    struct kept *next;
};

struct holder { /* what a struct config really is */
    struct config config;
    struct arena arena;
    atomic_uint references;
    _Atomic(struct kept *) kept; /* newest first */
};

static struct holder *holder_of(struct config *config) {
    return (struct holder *)config; /* the first member */
}

struct config *config_ref(struct config *config) {
    atomic_fetch_add(&holder_of(config)->references, 1);
    return config;
}

void config_keep(struct config *config, void *object, void (*destroy)(void *object)) {
    struct kept *kept = mem_zalloc(sizeof *kept);
    *kept = (struct kept){object, destroy, atomic_load(&holder_of(config)->kept)};
    while (!atomic_compare_exchange_weak(&holder_of(config)->kept, &kept->next, kept)) continue;
}

static void destroy_kept(struct kept *kept) {
    while (kept) {
        struct kept *next = kept->next;
        kept->destroy(kept->object);
        mem_free(kept);
        kept = next;
    }
}

void config_unref(struct config *config) {
    if (!config) return;
    struct holder *holder = holder_of(config);
    unsigned before = atomic_fetch_sub(&holder->references, 1);
    ASSERT(before > 0);
    if (before > 1) return;
    destroy_kept(atomic_load(&holder->kept));
    arena_release(&holder->arena);
    mem_free(holder);
}

static void load(struct loader *l, const struct section *section, void *object, struct span text) {
    static const struct ynode nothing = {.kind = YNODE_MAP, .mark = {1, 1}};
    const struct ynode *root = NULL;
    struct ymark where;
    struct err err = {0};
    if (ynode_parse(text, l->arena, &root, &where, &err)) {
        loader_error(l, where, "%s", err.text);
        return;
    }
    if (root) environment_expand_tree(l, root);
    section_init(l, section, object);
    section_read(l, section, object, ynode_is_null(root) ? &nothing : root);
}

static int load_text(struct span text, const char *file_name, struct file_system *fs, struct config **config,
                     struct config_errors *errors) {
    struct holder *holder = mem_zalloc(sizeof *holder);
    arena_init(&holder->arena, MAX_ARENA_BYTES, NULL);
    atomic_init(&holder->references, 1);
    struct loader l = {.arena = &holder->arena,
                       .errors = errors,
                       .unsupported = &holder->config.unsupported,
                       .unsupported_capacity = MAX_UNSUPPORTED};
    errors->count = errors->more = 0;
    l.file_name = file_name;
    l.fs = fs;
    l.unsupported->items = loader_alloc(&l, MAX_UNSUPPORTED, sizeof(char *));
    if (text.len > CONFIG_MAX_FILE_BYTES)
        loader_error(&l, (struct ymark){0, 0}, "the file is larger than %u bytes", CONFIG_MAX_FILE_BYTES);
    else
        load(&l, &config_section, &holder->config, text);
    if (errors->count) {
        config_unref(&holder->config);
        return ERR_INVALID;
    }
    *config = &holder->config;
    return 0;
}

int config_load_text(struct span text, const char *file_name, struct config **config,
                     struct config_errors *errors) {
    return load_text(text, file_name, NULL, config, errors);
}

/* the file appended to text, or an error about it as a whole */
static int read_file(const char *path, struct buf *text, struct config_errors *errors) {
    struct err err = {0};
    int rc = file_read_all(file_system_real(), path, text, &err);
    if (rc) {
        struct loader l = {.errors = errors, .file_name = path};
        errors->count = errors->more = 0;
        loader_error(&l, (struct ymark){0, 0}, "%s", err.text);
    }
    return rc;
}

int config_load_file(const char *path, struct config **config, struct config_errors *errors) {
    struct buf text;
    buf_init(&text, CONFIG_MAX_FILE_BYTES);
    int rc = read_file(path, &text, errors);
    if (!rc) rc = load_text(buf_view(&text), path, file_system_real(), config, errors);
    buf_release(&text);
    return rc;
}

/* ---- the web's ---- */

int web_config_load_text(struct span text, const char *file_name, struct arena *arena,
                         struct web_config **config, struct config_errors *errors) {
    struct strings unsupported = {0};
    struct loader l = {.arena = arena, .errors = errors, .file_name = file_name, .unsupported = &unsupported};
    errors->count = errors->more = 0;
    struct web_config *loaded = loader_alloc(&l, 1, sizeof *loaded);
    if (loaded) load(&l, &web_section, loaded, text);
    if (errors->count) return ERR_INVALID;
    *config = loaded;
    return 0;
}

int web_config_load_file(const char *path, struct arena *arena, struct web_config **config,
                         struct config_errors *errors) {
    struct buf text;
    buf_init(&text, WEB_CONFIG_MAX_FILE_BYTES);
    int rc = read_file(path, &text, errors);
    if (!rc) rc = web_config_load_text(buf_view(&text), path, arena, config, errors);
    buf_release(&text);
    return rc;
}
