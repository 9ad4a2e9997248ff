#include "lib/discovery/provider.h"

/*
 * static_configs: one group for each, the same forever. All of a set are one provider.
 */

static void *start(struct provider *provider) {
    const struct discovery_config *config = provider->config;
    struct group_builder builder;
    struct err err = {0};
    group_builder_init(&builder);
    for (size_t i = 0; i < config->static_configs.count; i++) {
        const struct static_config *given = &config->static_configs.items[i];
        group_begin(&builder);
        builder.source = group_text(&builder, "%zu", i);
        for (uint32_t k = 0; k < given->labels.count; k++)
            label_builder_set(&builder.labels, given->labels.items[k].name, given->labels.items[k].value);
        for (size_t k = 0; k < given->targets.count; k++) {
            group_target(&builder);
            group_target_label(&builder, "__address__", span_from(given->targets.items[k]));
        }
        struct target_group *group;
        if (group_finish(&builder, &group, &err))
            provider_failed(provider, &err);
        else
            provider_put(provider, group);
    }
    group_builder_release(&builder);
    provider_spoke(provider);
    return NULL;
}

const struct provider_kind static_kind = {.name = "static", .start = start};
