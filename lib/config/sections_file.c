#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/config/table.h"

/*
 * The file as a whole, and the rules where sections meet: what jobs inherit, names that are unique, jobs
 * spread over several files. config_check runs last, when every section has been read.
 */

static size_t size_of(enum field_kind kind) {
    if (kind == FIELD_BOOL) return sizeof(bool);
    return kind == FIELD_STRINGS ? sizeof(struct strings) : sizeof(uint64_t); /* pointers and numbers alike */
}
_Static_assert(sizeof(const char *) == sizeof(uint64_t), "texts and numbers are copied alike");

/* the globals where the job says nothing: a bool that was not written, anything else that is 0 or empty */
static void inherit(struct scrape_config *scrape, const struct global_config *global) {
    static const char zeros[sizeof(struct strings)];
    for (size_t i = 0; i < scrape_section.field_count; i++) {
        const struct field *to = &scrape_section.fields[i];
        if (!(to->flags & INHERIT)) continue;
        const struct field *from = section_field(&global_section, to->key);
        char *member = (char *)scrape + to->offset;
        bool is_given = to->kind == FIELD_BOOL ? section_has(&scrape_section, scrape, to->key)
                                               : memcmp(member, zeros, size_of(to->kind)) != 0;
        if (!is_given) memcpy(member, (const char *)global + from->offset, size_of(to->kind));
    }
}

#define S struct config
static const struct field config_fields[] = {
    FIELD(S, "global", SECTION, global, .section = &global_section),
    FIELD(S, "runtime", SECTION, runtime, .section = &runtime_section),
    FIELD(S, "alerting", SECTION, alerting, .section = &alerting_section),
    FIELD(S, "rule_files", PATHS, rule_files),
    FIELD(S, "scrape_config_files", PATHS, scrape_config_files, .flags = SILENT),
    FIELD(S, "scrape_configs", SECTIONS, scrape_configs, .section = &scrape_section),
    FIELD(S, "remote_write", SECTIONS, remote_write, .section = &remote_write_section),
    FIELD(S, "remote_read", SECTIONS, remote_read, .section = &remote_read_section),
    FIELD(S, "storage", SECTION, storage, .section = &storage_section),
    FIELD(S, "tracing", OPTIONAL, tracing, .section = &tracing_section, .flags = UNSUPPORTED),
    FIELD(S, "otlp", SECTION, otlp, .section = &otlp_section, .flags = UNSUPPORTED),
};
#undef S

static void finish_scrape(struct loader *l, struct scrape_config *scrape, const struct global_config *global,
                          const struct ynode *node) {
    /* a job with a validation of its own takes the escaping that goes with it, not global's */
    bool infers = scrape->metric_name_validation_scheme && !scrape->metric_name_escaping_scheme;
    inherit(scrape, global);
    if (infers) scrape->metric_name_escaping_scheme = NULL;
    if (!scrape->scrape_protocols.count && section_has(&global_section, global, "scrape_protocols"))
        scrape->scrape_protocols = global->scrape_protocols;
    default_protocols(&scrape->scrape_protocols, scrape->scrape_native_histograms);
    if (scrape->scrape_timeout_ms > scrape->scrape_interval_ms)
        loader_error_at(l, node, "scrape_timeout",
                        "scrape timeout greater than scrape interval for scrape config with job name \"%s\"",
                        scrape->job_name ? scrape->job_name : "");
    if (!scrape->scrape_timeout_ms)
        scrape->scrape_timeout_ms = global->scrape_timeout_ms < scrape->scrape_interval_ms
                                        ? global->scrape_timeout_ms
                                        : scrape->scrape_interval_ms;
    check_names(l, &scrape->metric_name_validation_scheme, &scrape->metric_name_escaping_scheme, node);
    if (strcmp(scrape->metric_name_validation_scheme, "legacy") == 0) {
        relabel_check_legacy(l, &scrape->relabel_configs, "relabel_configs", node);
        relabel_check_legacy(l, &scrape->metric_relabel_configs, "metric_relabel_configs", node);
    }
}

/* Names of jobs and remotes, each once. */
struct names {
    VEC(const char *) items;
    struct map index;
};

static bool name_equal(uint32_t i, const void *key, const void *context) {
    return strcmp(((const struct names *)context)->items.items[i], key) == 0;
}

static bool name_is_new(struct names *names, const char *name) {
    uint64_t hash = hash_bytes_keyed(name, strlen(name));
    if (map_find(&names->index, hash, name, name_equal, names) != MAP_NONE) return false;
    *vec_push(&names->items) = name;
    map_insert(&names->index, hash, (uint32_t)names->items.count - 1);
    return true;
}

static void names_release(struct names *names) {
    vec_release(&names->items);
    map_release(&names->index);
}

/* item i of the list at a top level key */
static const struct ynode *list_item(const struct ynode *root, const char *key, size_t i) {
    return ynode_entry(root, span_from(key))->value->items[i];
}

static void finish_scrapes(struct loader *l, struct scrape_config *scrapes, size_t count,
                           const struct global_config *global, struct names *jobs, const struct ynode *root) {
    size_t outer = loader_enter(l, SPAN("scrape_configs"));
    for (size_t i = 0; i < count; i++) {
        struct scrape_config *scrape = &scrapes[i];
        const struct ynode *node = list_item(root, "scrape_configs", i);
        size_t before = loader_enter_index(l, i);
        finish_scrape(l, scrape, global, node);
        if (scrape->job_name && !name_is_new(jobs, scrape->job_name))
            loader_error_at(l, node, "job_name", "found multiple scrape configs with job name \"%s\"",
                            scrape->job_name);
        loader_leave(l, before);
    }
    loader_leave(l, outer);
}

/* A file of scrape_config_files: nothing but scrape_configs. */
struct scrape_file {
    uint64_t set;
    LIST(struct scrape_config) scrape_configs;
};
static const struct field scrape_file_fields[] = {
    FIELD(struct scrape_file, "scrape_configs", SECTIONS, scrape_configs, .section = &scrape_section),
};
static const struct section scrape_file_section = SECTION(struct scrape_file, scrape_file_fields, NULL);

struct scrape_files {
    struct config *config;
    struct names *jobs;
};

static void append_scrapes(struct loader *l, struct config *config, const struct scrape_file *file) {
    size_t count = config->scrape_configs.count, more = file->scrape_configs.count;
    struct scrape_config *all = loader_alloc(l, count + more, sizeof *all);
    if (!all || !more) return;
    if (count) memcpy(all, config->scrape_configs.items, count * sizeof *all);
    memcpy(all + count, file->scrape_configs.items, more * sizeof *all);
    config->scrape_configs.items = all;
    config->scrape_configs.count = count + more;
}

static void read_scrape_file(struct loader *l, const char *path, void *context) {
    const struct scrape_files *files = context;
    const char *main_file = l->file_name;
    struct scrape_file file = {0};
    const struct ynode *root = file_tree(l, path);
    if (root) {
        section_read(l, &scrape_file_section, &file, root);
        finish_scrapes(l, file.scrape_configs.items, file.scrape_configs.count, &files->config->global,
                       files->jobs, root);
        append_scrapes(l, files->config, &file);
    }
    l->file_name = main_file;
}

static void finish_jobs(struct loader *l, struct config *config, const struct ynode *root) {
    struct names jobs = {0};
    struct scrape_files files = {config, &jobs};
    finish_scrapes(l, config->scrape_configs.items, config->scrape_configs.count, &config->global, &jobs,
                   root);
    files_each(l, &config->scrape_config_files, read_scrape_file, &files);
    names_release(&jobs);
}

static void check_remote_name(struct loader *l, struct names *names, const char *name, const char *key,
                              size_t i, const struct ynode *root) {
    size_t outer = loader_enter(l, span_from(key));
    loader_enter_index(l, i);
    if (name && !name_is_new(names, name))
        loader_error_at(l, list_item(root, key, i), "name", "found multiple %s configs with job name \"%s\"",
                        strcmp(key, "remote_write") == 0 ? "remote write" : "remote read", name);
    loader_leave(l, outer);
}

static void check_remotes(struct loader *l, const struct config *config, const struct ynode *root) {
    struct names writes = {0}, reads = {0};
    for (size_t i = 0; i < config->remote_write.count; i++)
        check_remote_name(l, &writes, config->remote_write.items[i].name, "remote_write", i, root);
    for (size_t i = 0; i < config->remote_read.count; i++)
        check_remote_name(l, &reads, config->remote_read.items[i].name, "remote_read", i, root);
    names_release(&writes);
    names_release(&reads);
}

/* what leaves the server follows the global scheme */
static void check_legacy_outputs(struct loader *l, const struct config *config, const struct ynode *root) {
    size_t outer = loader_enter(l, SPAN("remote_write"));
    for (size_t i = 0; i < config->remote_write.count; i++) {
        size_t before = loader_enter_index(l, i);
        relabel_check_legacy(l, &config->remote_write.items[i].write_relabel_configs, "write_relabel_configs",
                             list_item(root, "remote_write", i));
        loader_leave(l, before);
    }
    loader_leave(l, outer);
    const struct yentry *alerting = ynode_entry(root, SPAN("alerting"));
    if (!alerting) return;
    outer = loader_enter(l, SPAN("alerting"));
    relabel_check_legacy(l, &config->alerting.alert_relabel_configs, "alert_relabel_configs",
                         alerting->value);
    loader_leave(l, outer);
}

/* one * at most, in the last element, and the path ends in a file's name */
static void check_globs(struct loader *l, const struct strings *globs, const char *key, const char *what,
                        const struct ynode *root) {
    for (size_t i = 0; i < globs->count; i++) {
        const char *path = globs->items[i], *star = strchr(path, '*');
        size_t length = strlen(path);
        if (length && path[length - 1] != '/' && (!star || !strpbrk(star + 1, "*/"))) continue;
        size_t outer = loader_enter(l, span_from(key));
        loader_enter_index(l, i);
        loader_error(l, list_item(root, key, i)->mark, "invalid %s file path \"%s\"", what, path);
        loader_leave(l, outer);
    }
}

static void config_check(struct loader *l, void *object, const struct ynode *root) {
    struct config *config = object;
    static const struct ynode nothing = {.kind = YNODE_MAP, .mark = {1, 1}};
    if (!section_has(&config_section, config, "global")) global_check(l, &config->global, &nothing);
    if (!config->global.scrape_interval_ms) return; /* it could not be read at all */
    check_globs(l, &config->rule_files, "rule_files", "rule", root);
    check_globs(l, &config->scrape_config_files, "scrape_config_files", "scrape config", root);
    finish_jobs(l, config, root);
    check_remotes(l, config, root);
    if (strcmp(config->global.metric_name_validation_scheme, "legacy") == 0)
        check_legacy_outputs(l, config, root);
}
const struct section config_section = SECTION(struct config, config_fields, config_check);
