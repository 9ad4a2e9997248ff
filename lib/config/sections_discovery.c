#include "lib/base/assert.h"
#include "lib/config/table.h"

/*
 * static_configs and the 32 *_sd_configs.
 */

#define HTTP(type) INLINE(type, http, .section = &http_client_section)

#define S struct static_config
static const struct field static_fields[] = {
    FIELD(S, "targets", STRINGS, targets, .flags = ALWAYS),
    FIELD(S, "labels", LABELS, labels),
};
static const struct section static_section = SECTION(S, static_fields, NULL);
#undef S

/* One * at most, in the last element of the path; as Prometheus' patterns for rule and discovery files. */
static bool is_glob(const char *path) {
    const char *star = strchr(path, '*');
    return !star || (!strchr(star + 1, '*') && !strchr(star + 1, '/'));
}

static bool is_discovery_file(const char *path) {
    static const char *const ends[] = {".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (span_ends_with(span_from(path), span_from(ends[i]))) return is_glob(path);
    return false;
}

static void file_check(struct loader *l, void *object, const struct ynode *node) {
    const struct file_sd_config *file = object;
    if (!file->files.count)
        loader_error_at(l, node, "files",
                        "file service discovery config must contain at least one path name");
    for (size_t i = 0; i < file->files.count; i++)
        if (!is_discovery_file(file->files.items[i]))
            loader_error_at(l, node, "files", "path name \"%s\" is not valid for file discovery",
                            file->files.items[i]);
}

#define S struct file_sd_config
static const struct field file_fields[] = {
    FIELD(S, "files", PATHS, files),
    FIELD(S, "refresh_interval", DURATION, refresh_interval_ms, .preset = "5m"),
};
static const struct section file_section = SECTION(S, file_fields, file_check);
#undef S

static void http_check(struct loader *l, void *object, const struct ynode *node) {
    const struct http_sd_config *http = object;
    if (!http->url) loader_error_at(l, node, "url", "URL is missing");
}

#define S struct http_sd_config
static const struct field http_fields[] = {
    HTTP(S),
    FIELD(S, "refresh_interval", DURATION, refresh_interval_ms, .preset = "1m"),
    FIELD(S, "url", URL, url),
};
static const struct section http_section = SECTION(S, http_fields, http_check);
#undef S

static const char *const dns_types[] = {"SRV", "A", "AAAA", "MX", "NS", NULL};

static void dns_check(struct loader *l, void *object, const struct ynode *node) {
    const struct dns_sd_config *dns = object;
    if (!dns->names.count)
        loader_error_at(l, node, "names", "DNS-SD config must contain at least one SRV record name");
    if (dns->type && strcmp(dns->type, "SRV") != 0 && dns->port == 0)
        loader_error_at(l, node, "port",
                        "a port is required in DNS-SD configs for all record types except SRV");
    if (dns->port < 0 || dns->port > 65535)
        loader_error_at(l, node, "port", "a port is a number up to 65535");
}

#define S struct dns_sd_config
static const struct field dns_fields[] = {
    FIELD(S, "names", STRINGS, names),
    FIELD(S, "refresh_interval", DURATION, refresh_interval_ms, .preset = "30s"),
    FIELD(S, "type", CHOICE, type, .choices = dns_types, .preset = "SRV"),
    FIELD(S, "port", INT, port),
};
static const struct section dns_section = SECTION(S, dns_fields, dns_check);
#undef S

static const char *const kubernetes_roles[] = {"node",          "pod",     "service", "endpoints",
                                               "endpointslice", "ingress", NULL};

#define S struct kubernetes_namespaces_config
static const struct field kubernetes_namespaces_fields[] = {
    FIELD(S, "own_namespace", BOOL, own_namespace, .flags = ALWAYS),
    FIELD(S, "names", STRINGS, names),
};
static const struct section kubernetes_namespaces_section = SECTION(S, kubernetes_namespaces_fields, NULL);
#undef S

#define S struct kubernetes_selector_config
static const struct field kubernetes_selector_fields[] = {
    FIELD(S, "role", CHOICE, role, .choices = kubernetes_roles, .flags = REQUIRED),
    FIELD(S, "label", TEXT, label),
    FIELD(S, "field", TEXT, field),
};
static const struct section kubernetes_selector_section = SECTION(S, kubernetes_selector_fields, NULL);
#undef S

#define S struct kubernetes_attach_config
static const struct field kubernetes_attach_fields[] = {
    FIELD(S, "node", BOOL, node, .flags = ALWAYS),
    FIELD(S, "namespace", BOOL, namespace, .flags = ALWAYS),
};
static const struct section kubernetes_attach_section = SECTION(S, kubernetes_attach_fields, NULL);
#undef S

static void kubernetes_check(struct loader *l, void *object, const struct ynode *node) {
    const struct kubernetes_sd_config *k = object;
    if (!k->role)
        loader_error_at(l, node, "role",
                        "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)");
    if (k->api_server && k->kubeconfig_file)
        loader_error_at(l, node, "kubeconfig_file",
                        "cannot use 'kubeconfig_file' and 'api_server' simultaneously");
    bool has_client = k->http.basic_auth || k->http.authorization || k->http.oauth2 || k->http.tls_config;
    if (!k->api_server && has_client)
        loader_error(l, node->mark,
                     "to use custom HTTP client configuration please provide the 'api_server' URL "
                     "explicitly");
    if (k->api_server && k->namespaces && k->namespaces->own_namespace)
        loader_error_at(l, node, "api_server",
                        "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously");
}

#define S struct kubernetes_sd_config
static const struct field kubernetes_fields[] = {
    FIELD(S, "api_server", URL, api_server),
    FIELD(S, "role", CHOICE, role, .choices = kubernetes_roles),
    FIELD(S, "kubeconfig_file", PATH, kubeconfig_file),
    HTTP(S),
    FIELD(S, "namespaces", OPTIONAL, namespaces, .section = &kubernetes_namespaces_section),
    FIELD(S, "selectors", SECTIONS, selectors, .section = &kubernetes_selector_section),
    FIELD(S, "attach_metadata", OPTIONAL, attach_metadata, .section = &kubernetes_attach_section),
};
static const struct section kubernetes_section = SECTION(S, kubernetes_fields, kubernetes_check);
#undef S

#define S struct consul_sd_config
static const struct field consul_fields[] = {
    FIELD(S, "server", TEXT, server, .preset = "localhost:8500"),
    FIELD(S, "path_prefix", TEXT, path_prefix),
    FIELD(S, "token", SECRET, token),
    FIELD(S, "datacenter", TEXT, datacenter),
    FIELD(S, "namespace", TEXT, namespace),
    FIELD(S, "partition", TEXT, partition),
    FIELD(S, "tag_separator", TEXT, tag_separator, .preset = ","),
    FIELD(S, "scheme", TEXT, scheme, .preset = "http"),
    FIELD(S, "username", TEXT, username),
    FIELD(S, "password", SECRET, password),
    FIELD(S, "allow_stale", BOOL, allow_stale, .preset = "true"),
    FIELD(S, "refresh_interval", DURATION, refresh_interval_ms, .preset = "30s"),
    FIELD(S, "services", STRINGS, services),
    FIELD(S, "tags", STRINGS, tags),
    FIELD(S, "node_meta", PAIRS, node_meta),
    FIELD(S, "filter", TEXT, filter),
    FIELD(S, "health_filter", TEXT, health_filter),
    HTTP(S),
};
#undef S

static void consul_check(struct loader *l, void *object, const struct ynode *node) {
    const struct consul_sd_config *consul = object;
    if (!*consul->server)
        loader_error_at(l, node, "server", "consul SD configuration requires a server address");
    if ((consul->username || consul->password.text) && consul->http.basic_auth)
        loader_error_at(l, node, "basic_auth",
                        "at most one of consul SD configuration username and password and basic auth can be "
                        "configured");
}
static const struct section consul_section = SECTION(struct consul_sd_config, consul_fields, consul_check);

#define S struct docker_filter_config
static const struct field docker_filter_fields[] = {
    FIELD(S, "name", TEXT, name, .flags = REQUIRED),
    FIELD(S, "values", STRINGS, values),
};
static const struct section docker_filter_section = SECTION(S, docker_filter_fields, NULL);
#undef S

static void docker_check(struct loader *l, void *object, const struct ynode *node) {
    const struct docker_sd_config *docker = object;
    if (!docker->host)
        loader_error_at(l, node, "host", "host missing");
    else if (!strstr(docker->host, "://"))
        loader_error_at(l, node, "host", "a host is an URL like unix:///var/run/docker.sock");
    if (docker->port < 0 || docker->port > 65535)
        loader_error_at(l, node, "port", "a port is a number up to 65535");
}

#define S struct docker_sd_config
static const struct field docker_fields[] = {
    HTTP(S),
    FIELD(S, "host", TEXT, host),
    FIELD(S, "port", INT, port, .preset = "80"),
    FIELD(S, "filters", SECTIONS, filters, .section = &docker_filter_section),
    FIELD(S, "host_networking_host", TEXT, host_networking_host, .preset = "localhost"),
    FIELD(S, "match_first_network", BOOL, match_first_network, .preset = "true"),
    FIELD(S, "refresh_interval", DURATION, refresh_interval_ms, .preset = "1m"),
};
static const struct section docker_section = SECTION(S, docker_fields, docker_check);
#undef S

#define S struct discovery_config
#define OTHER(index, name) FIELD(S, name "_sd_configs", VERBATIM_MAPS, others[index])
#define KIND(name) FIELD(S, #name "_sd_configs", SECTIONS, name##_sd_configs, .section = &name##_section)
static const struct field discovery_fields[] = {
    FIELD(S, "static_configs", SECTIONS, static_configs, .section = &static_section),
    KIND(file),
    KIND(http),
    KIND(dns),
    KIND(kubernetes),
    KIND(consul),
    KIND(docker),
    OTHER(0, "aws"),
    OTHER(1, "azure"),
    OTHER(2, "digitalocean"),
    OTHER(3, "dockerswarm"),
    OTHER(4, "ec2"),
    OTHER(5, "eureka"),
    OTHER(6, "gce"),
    OTHER(7, "hetzner"),
    OTHER(8, "ionos"),
    OTHER(9, "kuma"),
    OTHER(10, "lightsail"),
    OTHER(11, "linode"),
    OTHER(12, "marathon"),
    OTHER(13, "nerve"),
    OTHER(14, "nomad"),
    OTHER(15, "oci"),
    OTHER(16, "openstack"),
    OTHER(17, "outscale"),
    OTHER(18, "ovhcloud"),
    OTHER(19, "puppetdb"),
    OTHER(20, "scaleway"),
    OTHER(21, "serverset"),
    OTHER(22, "stackit"),
    OTHER(23, "triton"),
    OTHER(24, "uyuni"),
    OTHER(25, "vultr"),
};
_Static_assert(sizeof discovery_fields / sizeof *discovery_fields == 7 + DISCOVERY_OTHER_KINDS, "32 kinds");

/* what runs beside us may know any cloud; what is built in must be tested against it */
static void discovery_check(struct loader *l, void *object, const struct ynode *node) {
    const struct discovery_config *discovery = object;
    for (size_t i = 0; i < sizeof discovery_fields / sizeof *discovery_fields; i++) {
        const struct field *field = &discovery_fields[i];
        if (field->kind != FIELD_VERBATIM_MAPS) continue;
        const struct verbatim *other = (const void *)((const char *)discovery + field->offset);
        if (other->node && other->node->count)
            loader_error_at(l, node, field->key,
                            "this kind of discovery is not built in: let a program of its own serve its "
                            "targets and name that in http_sd_configs");
    }
}

const struct section discovery_section = SECTION(S, discovery_fields, discovery_check);
#undef S

/* the first fields, in the order of enum discovery_kind */
struct list { /* what LIST(type) looks like */
    const char *items;
    size_t count;
};

void discovery_config_each(const struct discovery_config *config,
                           void (*each)(enum discovery_kind kind, const void *config, void *context),
                           void *context) {
    if (config->static_configs.count) each(DISCOVERY_STATIC, config, context);
    for (size_t kind = DISCOVERY_FILE; kind < DISCOVERY_KIND_COUNT; kind++) {
        const struct field *field = &discovery_fields[kind];
        const struct list *list = (const void *)((const char *)config + field->offset);
        for (size_t i = 0; i < list->count; i++)
            each((enum discovery_kind)kind, list->items + i * field->section->size, context);
    }
}

#define KEY_MAX_BYTES ((size_t)1 << 30) /* a hundred times the largest file */

struct hash128 discovery_config_hash(enum discovery_kind kind, const void *config) {
    struct buf text;
    buf_init(&text, KEY_MAX_BYTES);
    buf_printf(&text, "%d\n", (int)kind);
    if (kind == DISCOVERY_STATIC) {
        const struct discovery_config *discovery = config;
        for (size_t i = 0; i < discovery->static_configs.count; i++) {
            buf_puts(&text, "-\n");
            section_write_bare(&static_section, &discovery->static_configs.items[i], &text);
        }
    } else {
        section_write_bare(discovery_fields[kind].section, config, &text);
    }
    ASSERT(!text.failed);
    struct hash128 hash = hash_bytes_keyed_128(text.data, text.len);
    if (text.data) explicit_bzero(text.data, text.len);
    buf_release(&text);
    return hash;
}
