#pragma once
/*
 * discovery.h - where the targets of a job come from: static_configs and the *_sd_configs of all kinds.
 *
 * The kinds that are built in are described here; the others are refused with a pointer to http_sd_configs.
 */
#include "lib/base/hash.h"
#include "lib/config/client.h"

/* targets of static_configs: "host:port", and the labels all of them get */
struct static_config {
    uint64_t set;
    struct strings targets;
    struct labels labels;
};

struct file_sd_config {
    uint64_t set;
    struct strings files; /* globs */
    int64_t refresh_interval_ms;
};

struct http_sd_config {
    uint64_t set;
    const char *url;
    int64_t refresh_interval_ms;
    struct http_client_config http;
};

struct dns_sd_config {
    uint64_t set;
    struct strings names;
    const char *type; /* SRV A AAAA MX NS */
    int64_t port;
    int64_t refresh_interval_ms;
};

struct kubernetes_selector_config {
    uint64_t set;
    const char *role, *label, *field;
};

struct kubernetes_namespaces_config {
    uint64_t set;
    bool own_namespace;
    struct strings names;
};

struct kubernetes_attach_config {
    uint64_t set;
    bool node, namespace;
};

struct kubernetes_sd_config {
    uint64_t set;
    const char *api_server, *role, *kubeconfig_file;
    struct kubernetes_namespaces_config *namespaces;
    LIST(struct kubernetes_selector_config) selectors;
    struct kubernetes_attach_config *attach_metadata;
    struct http_client_config http;
};

struct consul_sd_config {
    uint64_t set;
    const char *server, *path_prefix, *datacenter, *namespace, *partition;
    struct secret token;
    const char *tag_separator, *scheme, *username;
    struct secret password;
    bool allow_stale;
    int64_t refresh_interval_ms;
    struct strings services, tags;
    struct pairs node_meta;
    const char *filter, *health_filter;
    struct http_client_config http;
};

struct docker_filter_config {
    uint64_t set;
    const char *name;
    struct strings values;
};

struct docker_sd_config {
    uint64_t set;
    const char *host, *host_networking_host;
    int64_t port;
    bool match_first_network;
    LIST(struct docker_filter_config) filters;
    int64_t refresh_interval_ms;
    struct http_client_config http;
};

#define DISCOVERY_OTHER_KINDS 26

struct discovery_config {
    uint64_t set;
    LIST(struct static_config) static_configs;
    LIST(struct file_sd_config) file_sd_configs;
    LIST(struct http_sd_config) http_sd_configs;
    LIST(struct dns_sd_config) dns_sd_configs;
    LIST(struct kubernetes_sd_config) kubernetes_sd_configs;
    LIST(struct consul_sd_config) consul_sd_configs;
    LIST(struct docker_sd_config) docker_sd_configs;
    struct verbatim others[DISCOVERY_OTHER_KINDS];
};

enum discovery_kind {
    DISCOVERY_STATIC,
    DISCOVERY_FILE,
    DISCOVERY_HTTP,
    DISCOVERY_DNS,
    DISCOVERY_KUBERNETES,
    DISCOVERY_CONSUL,
    DISCOVERY_DOCKER,
    DISCOVERY_KIND_COUNT
};

/* Calls each for every *_sd_config with its struct; all static_configs are one, whose config is the struct
 * discovery_config itself. */
void discovery_config_each(const struct discovery_config *config,
                           void (*each)(enum discovery_kind kind, const void *config, void *context),
                           void *context);
/* of all that it says, secrets included: two are equal exactly when the configurations are */
struct hash128 discovery_config_hash(enum discovery_kind kind, const void *config);
struct group_builder;
struct target_group;
/* the group of a static_config, the index-th of its list; 0 or ERR_LIMIT */
int static_config_group(const struct static_config *config, size_t index, struct group_builder *builder,
                        struct target_group **group, struct err *err);
