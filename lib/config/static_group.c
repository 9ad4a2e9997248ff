#include "lib/config/discovery.h"
#include "lib/model/target_group.h"

int static_config_group(const struct static_config *config, size_t index, struct group_builder *builder,
                        struct target_group **group, struct err *err) {
    group_begin(builder);
    builder->source = group_text(builder, "%zu", index);
    for (uint32_t i = 0; i < config->labels.count; i++)
        label_builder_set(&builder->labels, config->labels.items[i].name, config->labels.items[i].value);
    for (size_t i = 0; i < config->targets.count; i++) {
        group_target(builder);
        group_target_label(builder, "__address__", span_from(config->targets.items[i]));
    }
    return group_finish(builder, group, err);
}
