#pragma once
/*
 * table.h - the schema: each section of the file is a table of its fields, the source of everything else.
 *
 *     static const struct field global_fields[] = {
 *         FIELD(S, "evaluation_interval", DURATION, evaluation_interval_ms, .preset = "1m"),
 *
 *     section_init   defaults (`preset`, read as if it stood in the file)
 *     section_read   YAML map -> struct: unknown keys, types, choices; then the section's own `check`
 *     section_write  struct -> YAML, in the order of the table, secrets hidden
 *
 * To add a key: a member in the struct, a row here. Inside of lib/config only.
 */
#include "lib/codec/yaml.h"
#include "lib/config/config.h"
#include "lib/config/text.h"

#include <stdarg.h>

enum field_kind {
    FIELD_TEXT,     /* const char * */
    FIELD_PATH,     /* const char *, resolved against the file's folder */
    FIELD_URL,      /* const char *, http or https; a password in it is hidden */
    FIELD_REGEX,    /* const char *, compiles */
    FIELD_CHOICE,   /* const char *, one of `choices` */
    FIELD_SECRET,   /* struct secret */
    FIELD_BOOL,     /* bool */
    FIELD_INT,      /* int64_t */
    FIELD_UINT,     /* uint64_t */
    FIELD_DOUBLE,   /* double */
    FIELD_DURATION, /* int64_t, milliseconds */
    FIELD_SIZE,     /* uint64_t, bytes */
    FIELD_STRINGS,  /* struct strings; with `choices` each is one of them */
    FIELD_PATHS,    /* struct strings, resolved */
    FIELD_SECRETS,  /* struct strings, hidden */
    FIELD_LABELS,   /* struct labels */
    FIELD_PAIRS,    /* struct pairs */
    FIELD_PARAMS,   /* struct params */
    FIELD_SECTION,  /* the struct of `section` itself */
    FIELD_INLINE,   /* the same, its keys standing among ours */
    FIELD_OPTIONAL, /* pointer to it, NULL when not given */
    FIELD_SECTIONS, /* LIST of it */
    FIELD_NAMED,    /* LIST of it, in the file a map by name; the name goes to `name_offset` of each */
    FIELD_VERBATIM_MAP,
    FIELD_VERBATIM_MAPS, /* struct verbatim: a map, a list of maps */
};

enum field_flags {
    REQUIRED = 1,
    ALWAYS = 2,         /* written also when empty, 0 or false */
    INHERIT = 4,        /* a scrape_config takes global's value when it has none */
    UNSUPPORTED = 8,    /* does nothing yet: its use is named in a warning */
    SILENT = 16,        /* not printed: what it led to is */
    SECRET_VALUES = 32, /* of FIELD_PARAMS: the values are hidden */
};

struct section;
struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
    const struct section *section;
    const char *const *choices; /* ended by NULL */
    const char *preset;
    unsigned flags;
    size_t name_offset;
};

/* one row: FIELD(struct global_config, "scrape_interval", DURATION, scrape_interval_ms, .flags = ALWAYS) */
#define FIELD(type, name, what, member, ...)                                                                 \
    { .key = (name), .kind = FIELD_##what, .offset = offsetof(type, member), ##__VA_ARGS__ }
#define INLINE(type, member, ...)                                                                            \
    { .kind = FIELD_INLINE, .offset = offsetof(type, member), ##__VA_ARGS__ }

struct loader;
struct section {
    size_t size; /* of the struct, whose first member is uint64_t set */
    const struct field *fields;
    size_t field_count; /* at most 64 */
    /* what one field alone cannot tell; also fills in what depends on other fields. May be NULL. */
    void (*check)(struct loader *loader, void *object, const struct ynode *node);
};

#define SECTION(type, table, checker)                                                                        \
    {                                                                                                        \
        .size = sizeof(type), .fields = (table), .field_count = sizeof(table) / sizeof *(table),             \
        .check = (checker)                                                                                   \
    }

/* One loading: where we are, and what was found wrong. */
struct loader {
    struct arena *arena;
    struct config_errors *errors;
    const char *file_name;
    struct file_system *fs; /* for the files that the file names; NULL: they are not read */
    char path[256];         /* of the key being read */
    size_t path_len;
    bool ignores_unknown; /* fields that there are not */
    unsigned quiet;       /* > 0 inside of an unsupported section: what is in it is not named on its own */
    struct strings *unsupported;
    size_t unsupported_capacity;
    bool is_out_of_memory; /* reported once */
};

void section_init(struct loader *loader, const struct section *section, void *object);
void section_read(struct loader *loader, const struct section *section, void *object,
                  const struct ynode *node);
void section_write(const struct section *section, const void *object, struct buf *out);
/* with the secrets in clear: to compare, never to show */
void section_write_bare(const struct section *section, const void *object, struct buf *out);
const struct field *section_field(const struct section *section, const char *key);
bool section_has(const struct section *section, const void *object,
                 const char *key); /* written in the file? */

/* path.c: the path of the current key; enter returns what leave wants */
size_t loader_enter(struct loader *loader, struct span key);
size_t loader_enter_index(struct loader *loader, size_t index);
void loader_leave(struct loader *loader, size_t length);
void loader_error(struct loader *loader, struct ymark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* the same about one key of a section: its place and path when it is there, else the section's */
void loader_error_at(struct loader *loader, const struct ynode *map, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* an unknown word; names the nearest of the count candidates that is near enough */
void loader_error_unknown(struct loader *loader, struct ymark mark, const char *what, struct span word,
                          const char *const *candidates, size_t count);
/* names what does nothing yet, each once; nothing inside of an unsupported section */
void loader_unsupported(struct loader *loader, const char *key);
/* arena memory, NULL after reporting that there is none */
void *loader_alloc(struct loader *loader, size_t count, size_t size);
const char *loader_copy(struct loader *loader, struct span text);

/* scalars.c */
bool scalar_read(struct loader *loader, const struct field *field, void *member, const struct ynode *node);
const char *path_resolve(struct loader *loader, const char *path);
bool url_check(struct loader *loader, struct ymark mark, const char *url, const char *const *schemes);

/* files.c: calls each for every file that the globs name, in order of their names */
void files_each(struct loader *loader, const struct strings *globs,
                void (*each)(struct loader *loader, const char *path, void *context), void *context);
/* the tree of another file; errors are about that file until loader->file_name is set back; NULL after an
 * error or for an empty file */
const struct ynode *file_tree(struct loader *loader, const char *path);

/* environment.c: $X and ${X} from the environment, $$ for a dollar, as Go does in external_labels */
void environment_expand(struct span text, struct buf *out);
bool environment_is_expanded_everywhere(void);
/* all values of a tree, when that is switched on */
void environment_expand_tree(struct loader *loader, const struct ynode *root);

/* The tables. */
extern const struct section config_section; /* sections_file.c */
extern const struct section web_section;    /* sections_web.c: a file of its own */
extern const struct section global_section, scrape_section, runtime_section,
    storage_section;                                                            /* sections_top.c */
extern const struct section tls_section, http_client_section;                   /* sections_client.c */
extern const struct section discovery_section;                                  /* sections_discovery.c */
extern const struct section relabel_section, alerting_section, tracing_section; /* sections_outputs.c */
extern const struct section remote_write_section, remote_read_section, otlp_section;

/* sections_top.c, used again where a job inherits */
void global_check(struct loader *loader, void *object, const struct ynode *node);
void default_protocols(struct strings *list, bool with_histograms);
/* the escaping that goes with a validation of names, and whether the two agree */
void check_names(struct loader *loader, const char **validation, const char **escaping,
                 const struct ynode *node);
/* sections_outputs.c: the names that rules make, where the scheme is legacy; `map` holds the list at `key` */
void relabel_check_legacy(struct loader *loader, const struct relabel_configs *rules, const char *key,
                          const struct ynode *map);
/* sections_client.c: a header that the client sets itself */
bool header_is_reserved(const char *name);
