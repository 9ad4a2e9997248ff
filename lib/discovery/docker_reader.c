#include "lib/discovery/docker_reader.h"

#include "lib/config/discovery.h"
#include "lib/discovery/fetch.h"

#include <stdlib.h>

struct reading {
    const struct ynode *containers, *networks;
    const struct docker_sd_config *config;
    struct group_builder builder;
};

static bool is_map(const struct ynode *node) {
    return node && node->kind == YNODE_MAP;
}

static void put_map(struct group_builder *builder, const char *prefix, const struct ynode *map) {
    for (uint32_t i = 0; is_map(map) && i < map->count; i++)
        if (map->entries[i].value->kind == YNODE_SCALAR)
            group_meta_label(builder, prefix, map->entries[i].key->text, map->entries[i].value->text);
}

static struct span or_false(struct span text) {
    return text.len ? text : SPAN("false");
}

static void put_network(struct reading *r, struct span id) {
    const struct ynode *network;
    for (uint32_t i = 0; (network = ynode_item(r->networks, i)); i++) {
        if (!span_equal(ynode_text_at(network, "Id"), id)) continue;
        group_target_label(&r->builder, "__meta_docker_network_id", id);
        group_target_label(&r->builder, "__meta_docker_network_name", ynode_text_at(network, "Name"));
        group_target_label(&r->builder, "__meta_docker_network_scope", ynode_text_at(network, "Scope"));
        group_target_label(&r->builder, "__meta_docker_network_internal",
                           or_false(ynode_text_at(network, "Internal")));
        group_target_label(&r->builder, "__meta_docker_network_ingress",
                           or_false(ynode_text_at(network, "Ingress")));
        put_map(&r->builder, "__meta_docker_network_label_", ynode_at(network, "Labels"));
        return;
    }
}

static struct span mode_of(const struct ynode *container) {
    return ynode_text_at(container, "HostConfig.NetworkMode");
}

/* what every target of a container on one of its networks has */
static void begin_target(struct reading *r, const struct ynode *container, const struct ynode *network) {
    struct group_builder *builder = &r->builder;
    const struct ynode *name = ynode_item(ynode_at(container, "Names"), 0);
    group_target(builder);
    group_target_label(builder, "__meta_docker_container_id", ynode_text_at(container, "Id"));
    group_target_label(builder, "__meta_docker_container_name", name->text);
    group_target_label(builder, "__meta_docker_container_network_mode", mode_of(container));
    put_map(builder, "__meta_docker_container_label_", ynode_at(container, "Labels"));
    group_target_label(builder, "__meta_docker_network_ip", ynode_text_at(network, "IPAddress"));
    put_network(r, ynode_text_at(network, "NetworkID"));
}

static void put_target_address(struct reading *r, const struct ynode *network, struct span port) {
    struct span host = ynode_text_at(network, "IPAddress");
    bool is_ipv6 = span_find_byte(host, ':', 0) < host.len;
    group_target_label(
        &r->builder, "__address__",
        group_text(&r->builder, is_ipv6 ? "[%.*s]:%.*s" : "%.*s:%.*s", SPAN_ARG(host), SPAN_ARG(port)));
}

static void put_on_network(struct reading *r, const struct ynode *container, const struct ynode *network) {
    struct group_builder *builder = &r->builder;
    const struct ynode *ports = ynode_at(container, "Ports"), *port;
    bool has_port = false;
    for (uint32_t i = 0; (port = ynode_item(ports, i)); i++) {
        struct span public_port = ynode_text_at(port, "PublicPort");
        if (!span_is(ynode_text_at(port, "Type"), "tcp")) continue;
        has_port = true;
        begin_target(r, container, network);
        group_target_label(builder, "__meta_docker_port_private", ynode_text_at(port, "PrivatePort"));
        if (public_port.len && !span_is(public_port, "0")) {
            group_target_label(builder, "__meta_docker_port_public", public_port);
            group_target_label(builder, "__meta_docker_port_public_ip", ynode_text_at(port, "IP"));
        }
        put_target_address(r, network, ynode_text_at(port, "PrivatePort"));
    }
    if (has_port) return;
    begin_target(r, container, network);
    if (span_is(mode_of(container), "host"))
        group_target_label(builder, "__address__", span_from(r->config->host_networking_host));
    else
        put_target_address(r, network, group_text(builder, "%lld", (long long)r->config->port));
}

static const struct ynode *find_container(const struct reading *r, struct span id) {
    const struct ynode *container;
    for (uint32_t i = 0; (container = ynode_item(r->containers, i)); i++)
        if (span_equal(ynode_text_at(container, "Id"), id)) return container;
    return NULL;
}

/* a container may live in the network of another: "container:<id>", at most as many steps as there are */
static const struct ynode *networks_of(const struct reading *r, const struct ynode *container) {
    const struct span prefix = SPAN("container:");
    for (uint32_t steps = 0; container && steps <= r->containers->count; steps++) {
        const struct ynode *networks = ynode_at(container, "NetworkSettings.Networks");
        struct span mode = mode_of(container);
        if (is_map(networks) && networks->count) return networks;
        if (!span_starts_with(mode, prefix)) return NULL;
        container = find_container(r, span_of(mode.ptr + prefix.len, mode.len - prefix.len));
    }
    return NULL;
}

static void put_container(struct reading *r, const struct ynode *container) {
    const struct ynode *networks = networks_of(r, container);
    const struct ynode *name = ynode_item(ynode_at(container, "Names"), 0);
    const struct yentry *first = NULL;
    if (!networks || !name || name->kind != YNODE_SCALAR) return;
    for (uint32_t i = 0; i < networks->count; i++) {
        const struct yentry *entry = &networks->entries[i];
        if (!is_map(entry->value)) continue;
        if (!r->config->match_first_network)
            put_on_network(r, container, entry->value);
        else if (!first || span_compare(entry->key->text, first->key->text) < 0)
            first = entry;
    }
    if (first) put_on_network(r, container, first->value);
}

int docker_read(const struct ynode *containers, const struct ynode *networks,
                const struct docker_sd_config *config, struct target_group **group, struct err *err) {
    struct reading r = {.containers = containers, .networks = networks, .config = config};
    const struct ynode *container;
    if (ynode_is_null(containers) || containers->kind != YNODE_LIST)
        return err_set(err, ERR_INVALID, "a list of containers is expected, not %s",
                       ynode_describe(containers));
    group_builder_init(&r.builder);
    group_begin(&r.builder);
    r.builder.source = SPAN("Docker");
    for (uint32_t i = 0; (container = ynode_item(containers, i)); i++) put_container(&r, container);
    int rc = group_finish(&r.builder, group, err);
    group_builder_release(&r.builder);
    return rc;
}
