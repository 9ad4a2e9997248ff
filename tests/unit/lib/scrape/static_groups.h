#pragma once
/*
 * static_groups.h - for tests: a configuration whose targets are static, applied as the server does it with
 * the help of discovery.
 */
#include "lib/config/config.h"
#include "lib/model/target_group.h"
#include "lib/scrape/scrape.h"

#include <check.h>

static void set_static_groups(struct scrape_manager *manager, const struct scrape_config *job) {
    struct target_group *groups[64];
    struct group_builder builder;
    size_t count = job->discovery.static_configs.count;
    ck_assert_uint_le(count, 64);
    group_builder_init(&builder);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(
            static_config_group(&job->discovery.static_configs.items[i], i, &builder, &groups[i], NULL), 0);
    group_builder_release(&builder);
    struct target_groups *snapshot = target_groups_create(groups, count);
    scrape_manager_set_groups(manager, job->job_name, snapshot);
    target_groups_unref(snapshot);
    for (size_t i = 0; i < count; i++) target_group_unref(groups[i]);
}

static void apply_static(struct scrape_manager *manager, struct config *config) {
    scrape_manager_apply(manager, config);
    for (size_t i = 0; i < config->scrape_configs.count; i++)
        set_static_groups(manager, &config->scrape_configs.items[i]);
}
