#include "lib/discovery/consul_reader.h"

#include "lib/config/discovery.h"
#include "lib/discovery/fetch.h"

static void put_map(struct group_builder *builder, const char *prefix, const struct ynode *map) {
    if (!map || map->kind != YNODE_MAP) return;
    for (uint32_t i = 0; i < map->count; i++)
        if (map->entries[i].value->kind == YNODE_SCALAR)
            group_meta_label(builder, prefix, map->entries[i].key->text, map->entries[i].value->text);
}

/* the worst of the checks; maintenance is worse than critical */
static struct span health_of(const struct ynode *checks) {
    bool is_critical = false, is_warning = false;
    const struct ynode *check;
    for (uint32_t i = 0; (check = ynode_item(checks, i)); i++) {
        struct span id = ynode_text_at(check, "CheckID"), status = ynode_text_at(check, "Status");
        if (span_is(id, "_node_maintenance") || span_starts_with(id, SPAN("_service_maintenance:")))
            return SPAN("maintenance");
        is_critical |= span_is(status, "critical");
        is_warning |= span_is(status, "warning");
    }
    return is_critical ? SPAN("critical") : is_warning ? SPAN("warning") : SPAN("passing");
}

/* the separator stands around the list, too, so that a pattern can say ",tag," */
static struct span tags_of(struct group_builder *builder, const struct ynode *tags, const char *separator) {
    struct buf text;
    const struct ynode *tag;
    buf_init(&text, TARGET_GROUP_MAX_BYTES);
    buf_puts(&text, separator);
    for (uint32_t i = 0; (tag = ynode_item(tags, i)); i++) {
        if (i) buf_puts(&text, separator);
        if (tag->kind == YNODE_SCALAR) buf_span(&text, tag->text);
    }
    buf_puts(&text, separator);
    struct span copy = group_text(builder, "%s", buf_text(&text));
    buf_release(&text);
    return copy;
}

static uint64_t port_of(struct span text) {
    uint64_t port = 0;
    for (size_t i = 0; i < text.len && i < 10; i++)
        port = text.ptr[i] >= '0' && text.ptr[i] <= '9' ? port * 10 + (uint64_t)(text.ptr[i] - '0') : port;
    return port;
}

/* the service's own address where it has one: it may be registered through another node */
static struct span address_of(struct group_builder *builder, const struct ynode *node) {
    struct span host = ynode_text_at(node, "Service.Address");
    struct buf text;
    buf_init(&text, TARGET_GROUP_MAX_BYTES);
    if (!host.len) host = ynode_text_at(node, "Node.Address");
    put_address(&text, host, port_of(ynode_text_at(node, "Service.Port")));
    struct span copy = group_text(builder, "%s", buf_text(&text));
    buf_release(&text);
    return copy;
}

static void put_target(struct group_builder *builder, const struct ynode *node, const char *separator) {
    static const struct {
        const char *label, *path;
    } plain[] = {
        {"__meta_consul_address", "Node.Address"},
        {"__meta_consul_node", "Node.Node"},
        {"__meta_consul_namespace", "Service.Namespace"},
        {"__meta_consul_partition", "Service.Partition"},
        {"__meta_consul_service_address", "Service.Address"},
        {"__meta_consul_service_port", "Service.Port"},
        {"__meta_consul_service_id", "Service.ID"},
    };
    group_target(builder);
    group_target_label(builder, "__address__", address_of(builder, node));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        group_target_label(builder, plain[i].label, ynode_text_at(node, plain[i].path));
    group_target_label(builder, "__meta_consul_tags",
                       tags_of(builder, ynode_at(node, "Service.Tags"), separator));
    group_target_label(builder, "__meta_consul_health", health_of(ynode_at(node, "Checks")));
    put_map(builder, "__meta_consul_metadata_", ynode_at(node, "Node.Meta"));
    put_map(builder, "__meta_consul_service_metadata_", ynode_at(node, "Service.Meta"));
    put_map(builder, "__meta_consul_tagged_address_", ynode_at(node, "Node.TaggedAddresses"));
}

int consul_read_service(const struct ynode *nodes, const char *name, const char *datacenter,
                        const char *tag_separator, struct target_group **group, struct err *err) {
    struct group_builder builder;
    const struct ynode *node;
    if (!ynode_is_null(nodes) && nodes->kind != YNODE_LIST)
        return err_set(err, ERR_INVALID, "service \"%s\": a list is expected, not %s", name,
                       ynode_describe(nodes));
    group_builder_init(&builder);
    group_begin(&builder);
    builder.source = span_from(name);
    group_label(&builder, "__meta_consul_service", span_from(name));
    group_label(&builder, "__meta_consul_dc", span_from(datacenter));
    for (uint32_t i = 0; (node = ynode_item(nodes, i)); i++) put_target(&builder, node, tag_separator);
    int rc = group_finish(&builder, group, err);
    group_builder_release(&builder);
    return rc;
}

bool consul_wants_service(const struct consul_sd_config *config, struct span name, const struct ynode *tags) {
    bool is_named = config->services.count == 0;
    for (size_t i = 0; i < config->services.count && !is_named; i++)
        is_named = span_is(name, config->services.items[i]);
    for (size_t i = 0; i < config->tags.count && is_named; i++) {
        const struct ynode *tag;
        bool is_there = false;
        for (uint32_t k = 0; !is_there && (tag = ynode_item(tags, k)); k++)
            is_there = tag->kind == YNODE_SCALAR && span_is(tag->text, config->tags.items[i]);
        is_named = is_there;
    }
    return is_named;
}
