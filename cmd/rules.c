#include "cmd/rules.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/discovery/discovery.h"
#include "lib/notify/notify.h"
#include "promql/rules/manager.h"
#include "storage/tsdb/tsdb.h"

#include <stdio.h>
#include <unistd.h>

/* --web.external-url, or where we are by our own word; without the slashes at its end */
static char *external_url(const struct flags *flags) {
    char host[256] = "localhost", text[400];
    const char *url = flags->web_external_url;
    if (!*url) {
        const char *address = flags->web_listen_address.count ? flags->web_listen_address.items[0] : ":9090";
        const char *colon = strrchr(address, ':');
        (void)gethostname(host, sizeof host - 1);
        snprintf(text, sizeof text, "http://%s%s", host, colon ? colon : "");
        url = text;
    }
    size_t length = strlen(url);
    while (length && url[length - 1] == '/') length--;
    return mem_strndup(url, length);
}

void rules_init(struct rules *rules, const struct flags *flags, const struct features *features,
                const struct parse_options *parse) {
    *rules = (struct rules){
        .flags = flags, .features = features, .parse = *parse, .external_url = external_url(flags)};
}

int rules_read(struct rules *rules, const struct config *config, struct rule_set **set, struct err *err) {
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    struct rule_set_options options = {.interval_ms = config->global.evaluation_interval_ms,
                                       .query_offset_ms = config->global.rule_query_offset_ms,
                                       .external_labels = config->global.external_labels,
                                       .external_url = rules->external_url,
                                       .parse = rules->parse};
    int rc = rule_set_load(&config->rule_files, &options, set, errors);
    struct buf line;
    buf_init(&line, 1 << 16);
    for (size_t i = 0; i < errors->count; i++) {
        buf_reset(&line);
        config_error_write(&errors->items[i], &line);
        LOG(LOG_ERROR, "a rule file is refused", "err", buf_text(&line));
        if (i == 0) err_set(err, rc, "loading groups failed: %s", buf_text(&line));
    }
    buf_release(&line);
    mem_free(errors);
    return rc;
}

int rules_start(struct rules *rules, struct engine *engine, struct queryable *queryable,
                struct appender *appender, struct registry *registry, struct err *err) {
    const struct flags *flags = rules->flags;
    struct notifier_options notify = {.queue_capacity = flags->alertmanager_queue_capacity,
                                      .batch_size = flags->alertmanager_batch_size,
                                      .drain = flags->alertmanager_drain};
    struct discovery_options discovery = {.name = "notify",
                                          .dns_servers = flags->discovery_dns_server.items,
                                          .dns_server_count = flags->discovery_dns_server.count};
    int rc = notifier_create(&notify, registry, &rules->notifier, err);
    if (!rc)
        rc = discovery_create(&discovery, registry, notifier_set_groups, rules->notifier, &rules->discovery,
                              err);
    if (rc) return rc;
    char path[4096];
    snprintf(path, sizeof path, "%s/firing_alerts.json", flags->storage_tsdb_path);
    struct rules_manager_options options = {.engine = engine,
                                            .queryable = queryable,
                                            .appender = appender,
                                            .resend_delay_ms = flags->rules_resend_delay_ms,
                                            .outage_tolerance_ms = flags->rules_outage_tolerance_ms,
                                            .grace_period_ms = flags->rules_grace_period_ms,
                                            .threads = (int)flags->rules_max_concurrent_evals,
                                            .is_concurrent = rules->features->concurrent_rules,
                                            .keep_path = path,
                                            .notify = notifier_send,
                                            .context = rules->notifier};
    rules->manager = rules_manager_create(&options, registry);
    return 0;
}

static void apply_alerting(struct rules *rules, struct config *config) {
    size_t count = config->alerting.alertmanagers.count;
    struct discovery_set *sets = mem_array(count ? count : 1, sizeof *sets);
    char(*names)[32] = mem_array(count ? count : 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof *names, "config-%zu", i);
        sets[i] = (struct discovery_set){names[i], &config->alerting.alertmanagers.items[i].discovery};
    }
    notifier_apply(rules->notifier, config);
    discovery_apply(rules->discovery, config, sets, count);
    mem_free(sets);
    config_keep(config, names, mem_free); /* discovery refers to them as long as to the configuration */
}

void rules_apply(struct rules *rules, struct config *config, struct rule_set *set) {
    if (!rules->manager) return;
    apply_alerting(rules, config);
    rules_manager_apply(rules->manager, set);
}

void rules_stop(struct rules *rules) {
    rules_manager_stop(rules->manager);
    discovery_destroy(rules->discovery);
    rules->discovery = NULL;
    notifier_stop(rules->notifier);
}

void rules_destroy(struct rules *rules) {
    rules_stop(rules);
    rules_manager_destroy(rules->manager);
    notifier_destroy(rules->notifier);
    mem_free(rules->external_url);
}
