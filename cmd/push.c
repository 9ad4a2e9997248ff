#include "cmd/push.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/model/target_group.h"
#include "lib/push/store.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"

#define JOB "push"

static void save(struct push *push) {
    struct err err = {0};
    if (push_store_save(push->store, file_system_real(), push->path, &err))
        LOG(LOG_WARN, "pushed metrics cannot be kept", "err", err.text);
}

/* on the scrape's thread, which has nothing else to do */
static void write_all(void *context, struct buf *out) {
    struct push *push = context;
    save(push);
    push_store_write(push->store, clock_wall_ms(), out);
}

static struct scrape_limits limits_of(const struct flags *flags) {
    return (struct scrape_limits){.body_bytes = 0, /* the store's memory is limited */
                                  .labels = flags->scrape_max_labels,
                                  .label_name_bytes = flags->scrape_max_label_name_bytes,
                                  .label_value_bytes = flags->scrape_max_label_value_bytes,
                                  .label_bytes = flags->scrape_max_label_bytes};
}

void push_init(struct push *push, const struct flags *flags, struct budget *memory) {
    struct scrape_limits limits = limits_of(flags);
    struct push_options options = {.limits = {.lines = flags->scrape_max_samples,
                                              .groups = PUSH_GROUPS_MAX,
                                              .labels = limits.labels,
                                              .label_name_bytes = limits.label_name_bytes,
                                              .label_value_bytes = limits.label_value_bytes,
                                              .label_bytes = limits.label_bytes},
                                   .is_unchecked = flags->push_disable_check,
                                   .ttl_ms = flags->push_ttl_ms,
                                   .memory = memory};
    push->flags = flags;
    if (flags->web_enable_push) push->store = push_store_create(&options);
}

static char *path_of(const struct flags *flags, const char *name) {
    struct buf path;
    buf_init(&path, (size_t)64 << 10);
    buf_printf(&path, "%s/%s", flags->storage_tsdb_path, name);
    char *text = mem_strdup(buf_text(&path));
    buf_release(&path);
    return text;
}

static void load(struct push *push) {
    struct err err = {0};
    if (push_store_load(push->store, file_system_real(), push->path, &err) == 0) return;
    LOG(LOG_ERROR, "pushed metrics of before are not taken, their file gets the name push.damaged", "err",
        err.text);
    char *aside = path_of(push->flags, "push.damaged");
    if (file_rename(file_system_real(), push->path, aside, &err)) LOG(LOG_ERROR, err.text);
    mem_free(aside);
}

int push_start(struct push *push, struct appender *appender, struct err *err) {
    if (!push->store) return 0;
    push->path = path_of(push->flags, "push");
    load(push);
    push->source = (struct scrape_source){"text/plain; version=0.0.4", write_all, push};
    struct scrape_options options = {.loops = 1, .limits = limits_of(push->flags), .source = &push->source};
    return scrape_manager_create(appender, NULL, &options, &push->scrape, err);
}

static int set_target(struct push *push, struct err *err) {
    struct group_builder builder;
    struct target_group *group;
    group_builder_init(&builder);
    group_begin(&builder);
    builder.source = SPAN(JOB);
    group_target(&builder);
    group_target_label(&builder, "__address__", SPAN(JOB));
    int rc = group_finish(&builder, &group, err);
    group_builder_release(&builder);
    if (rc) return rc;
    struct target_groups *groups = target_groups_create(&group, 1);
    scrape_manager_set_groups(push->scrape, JOB, groups);
    target_groups_unref(groups);
    target_group_unref(group);
    return 0;
}

static int apply(struct push *push, int64_t interval_ms, struct err *err) {
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    struct config *config = NULL;
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text,
               "global: {scrape_interval: %lldms, scrape_timeout: %lldms}\n"
               "scrape_configs: [{job_name: " JOB ", honor_labels: true}]\n",
               (long long)interval_ms, (long long)interval_ms);
    int rc = config_load_text(buf_view(&text), JOB, &config, errors);
    if (rc)
        err_set(err, rc, "%s", errors->items[0].message);
    else
        scrape_manager_apply(push->scrape, config);
    if (!rc) rc = set_target(push, err);
    config_unref(config);
    buf_release(&text);
    mem_free(errors);
    return rc;
}

void push_apply(struct push *push, const struct config *config) {
    struct err err = {0};
    if (!push->scrape || push->interval_ms == config->global.scrape_interval_ms) return;
    push->interval_ms = config->global.scrape_interval_ms;
    if (apply(push, push->interval_ms, &err))
        LOG(LOG_ERROR, "pushed metrics are not stored", "err", err.text);
}

void push_stop(struct push *push) {
    scrape_manager_stop(push->scrape);
}

void push_destroy(struct push *push) {
    scrape_manager_destroy(push->scrape);
    if (push->path) save(push);
    push_store_destroy(push->store);
    mem_free(push->path);
    *push = (struct push){0};
}
