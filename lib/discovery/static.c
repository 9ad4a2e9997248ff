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
        struct target_group *group;
        if (static_config_group(given, i, &builder, &group, &err))
            provider_failed(provider, &err);
        else
            provider_put(provider, group);
    }
    group_builder_release(&builder);
    provider_spoke(provider);
    return NULL;
}

const struct provider_kind static_kind = {.name = "static", .start = start};
