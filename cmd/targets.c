#include "cmd/targets.h"

#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/discovery/discovery.h"
#include "lib/scrape/scrape.h"

/* on discovery's thread */
static void on_groups(void *context, const char *set, struct target_groups *groups) {
    scrape_manager_set_groups(context, set, groups);
}

int targets_start(struct targets *targets, const struct flags *flags, const struct features *features,
                  struct appender *appender, struct registry *registry, struct err *err) {
    struct scrape_options scrape = {.limits = {.body_bytes = flags->scrape_max_body_bytes,
                                               .samples = flags->scrape_max_samples,
                                               .labels = flags->scrape_max_labels,
                                               .label_name_bytes = flags->scrape_max_label_name_bytes,
                                               .label_value_bytes = flags->scrape_max_label_value_bytes,
                                               .label_bytes = flags->scrape_max_label_bytes,
                                               .adds_type_and_unit = features->type_and_unit_labels,
                                               .adds_zeros = features->start_zeros}};
    struct discovery_options discovery = {.name = "scrape",
                                          .dns_servers = flags->discovery_dns_server.items,
                                          .dns_server_count = flags->discovery_dns_server.count};
    int rc = scrape_manager_create(appender, registry, &scrape, &targets->scrape, err);
    if (rc) return rc;
    return discovery_create(&discovery, registry, on_groups, targets->scrape, &targets->discovery, err);
}

void targets_apply(struct targets *targets, struct config *config) {
    if (!targets->discovery) return;
    size_t count = config->scrape_configs.count;
    struct discovery_set *sets = mem_array(count, sizeof *sets);
    for (size_t i = 0; i < count; i++)
        sets[i] = (struct discovery_set){config->scrape_configs.items[i].job_name,
                                         &config->scrape_configs.items[i].discovery};
    scrape_manager_apply(targets->scrape, config);
    discovery_apply(targets->discovery, config, sets, count);
    mem_free(sets);
}

void targets_stop(struct targets *targets) {
    discovery_destroy(targets->discovery);
    targets->discovery = NULL;
    scrape_manager_stop(targets->scrape);
}

void targets_destroy(struct targets *targets) {
    targets_stop(targets);
    scrape_manager_destroy(targets->scrape);
}
