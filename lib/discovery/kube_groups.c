#include "lib/discovery/kube_groups.h"

#include "lib/discovery/kube_labels.h"

/*
 * The groups of the roles whose objects stand for themselves: node, pod, service, ingress. Those of endpoints
 * are in kube_endpoints.c.
 */

/* ---- node ---- */

static struct span node_address(const struct ynode *addresses, const char *type) {
    const struct ynode *address;
    for (uint32_t i = 0; (address = ynode_item(addresses, i)); i++)
        if (span_is(ynode_text_at(address, "type"), type)) return ynode_text_at(address, "address");
    return (struct span){0};
}

static void put_node(struct group_builder *b, const struct ynode *node) {
    static const char *const types[] = {"InternalIP",  "InternalDNS",  "ExternalIP",
                                        "ExternalDNS", "LegacyHostIP", "Hostname"};
    const struct ynode *addresses = ynode_at(node, "status.addresses"), *address;
    struct span best = {0};
    for (size_t i = 0; i < sizeof types / sizeof *types && !best.len; i++)
        best = node_address(addresses, types[i]);
    if (!best.len) return; /* a node without an address is no target */
    kube_put_meta(b, "node", node, true);
    group_label(b, "__meta_kubernetes_node_provider_id", ynode_text_at(node, "spec.providerID"));
    group_target(b);
    kube_put_address(b, best, ynode_text_at(node, "status.daemonEndpoints.kubeletEndpoint.Port"));
    group_target_label(b, "instance", ynode_text_at(node, "metadata.name"));
    for (uint32_t i = 0; (address = ynode_item(addresses, i)); i++) {
        struct span type = ynode_text_at(address, "type");
        struct span first = span_from(NULL);
        for (uint32_t k = 0; k <= i && !first.ptr; k++)
            if (span_equal(ynode_text_at(ynode_item(addresses, k), "type"), type))
                first = ynode_text_at(ynode_item(addresses, k), "address");
        group_meta_label(b, "__meta_kubernetes_node_address_", type, first);
    }
}

/* ---- pod ---- */

static struct span container_id(const struct ynode *pod, bool is_init, struct span name) {
    const struct ynode *statuses =
        ynode_at(pod, is_init ? "status.initContainerStatuses" : "status.containerStatuses");
    const struct ynode *status;
    for (uint32_t i = 0; (status = ynode_item(statuses, i)); i++)
        if (span_equal(ynode_text_at(status, "name"), name)) return ynode_text_at(status, "containerID");
    return (struct span){0};
}

static void put_container(struct group_builder *b, const struct ynode *pod, const struct ynode *container,
                          bool is_init) {
    const struct ynode *ports = ynode_at(container, "ports"), *port;
    struct span ip = ynode_text_at(pod, "status.podIP");
    struct span id = container_id(pod, is_init, ynode_text_at(container, "name"));
    for (uint32_t i = 0; i == 0 || ynode_item(ports, i); i++) {
        port = ynode_item(ports, i);
        group_target(b);
        kube_put_address(b, ip, ynode_text_at(port, "containerPort")); /* without ports: the IP alone */
        kube_put_container(b, container, port, is_init);
        group_target_label(b, "__meta_kubernetes_pod_container_id", id);
    }
}

static void put_pod(struct group_builder *b, const struct ynode *pod, const struct kube_view *view) {
    if (!ynode_text_at(pod, "status.podIP").len) return; /* it is starting, or was evicted */
    kube_put_pod_labels(b, pod);
    group_label(b, "__meta_kubernetes_namespace", ynode_text_at(pod, "metadata.namespace"));
    kube_put_node_labels(b, view, ynode_text_at(pod, "spec.nodeName"));
    kube_put_namespace_labels(b, view, pod);
    for (int is_init = 0; is_init < 2; is_init++) {
        const struct ynode *containers = ynode_at(pod, is_init ? "spec.initContainers" : "spec.containers");
        const struct ynode *container;
        for (uint32_t i = 0; (container = ynode_item(containers, i)); i++)
            put_container(b, pod, container, is_init);
    }
}

/* ---- service ---- */

static void put_service(struct group_builder *b, const struct ynode *service, const struct kube_view *view) {
    const struct ynode *ports = ynode_at(service, "spec.ports"), *port;
    struct span name = ynode_text_at(service, "metadata.name");
    struct span namespace = ynode_text_at(service, "metadata.namespace");
    struct span type = ynode_text_at(service, "spec.type");
    kube_put_service_labels(b, service);
    kube_put_namespace_labels(b, view, service);
    struct span host = group_text(b, "%.*s.%.*s.svc", SPAN_ARG(name), SPAN_ARG(namespace));
    for (uint32_t i = 0; (port = ynode_item(ports, i)); i++) {
        group_target(b);
        kube_put_address(b, host, ynode_text_at(port, "port"));
        group_target_label(b, "__meta_kubernetes_service_port_name", ynode_text_at(port, "name"));
        group_target_label(b, "__meta_kubernetes_service_port_number", ynode_text_at(port, "port"));
        group_target_label(b, "__meta_kubernetes_service_port_protocol", ynode_text_at(port, "protocol"));
        group_target_label(b, "__meta_kubernetes_service_type", type);
        if (span_is(type, "ExternalName"))
            group_target_label(b, "__meta_kubernetes_service_external_name",
                               ynode_text_at(service, "spec.externalName"));
        else
            group_target_label(b, "__meta_kubernetes_service_cluster_ip",
                               ynode_text_at(service, "spec.clusterIP"));
        if (span_is(type, "LoadBalancer"))
            group_target_label(b, "__meta_kubernetes_service_loadbalancer_ip",
                               ynode_text_at(service, "spec.loadBalancerIP"));
    }
}

/* ---- ingress ---- */

/* the same, or *.rest with one label in place of the star */
static bool host_matches(struct span pattern, struct span host) {
    if (span_equal(pattern, host)) return true;
    size_t dot = span_find_byte(host, '.', 0);
    if (!span_starts_with(pattern, SPAN("*.")) || dot == host.len) return false;
    return span_equal(span_of(pattern.ptr + 1, pattern.len - 1), span_of(host.ptr + dot, host.len - dot));
}

static bool has_tls(const struct ynode *ingress, struct span host) {
    const struct ynode *tls = ynode_at(ingress, "spec.tls"), *entry, *pattern;
    for (uint32_t i = 0; (entry = ynode_item(tls, i)); i++) {
        const struct ynode *hosts = ynode_at(entry, "hosts");
        for (uint32_t k = 0; (pattern = ynode_item(hosts, k)); k++)
            if (pattern->kind == YNODE_SCALAR && host_matches(pattern->text, host)) return true;
    }
    return false;
}

static void put_ingress(struct group_builder *b, const struct ynode *ingress, const struct kube_view *view) {
    const struct ynode *rules = ynode_at(ingress, "spec.rules"), *rule;
    kube_put_meta(b, "ingress", ingress, true);
    group_label(b, "__meta_kubernetes_namespace", ynode_text_at(ingress, "metadata.namespace"));
    group_label(b, "__meta_kubernetes_ingress_class_name", ynode_text_at(ingress, "spec.ingressClassName"));
    kube_put_namespace_labels(b, view, ingress);
    for (uint32_t i = 0; (rule = ynode_item(rules, i)); i++) {
        const struct ynode *paths = ynode_at(rule, "http.paths");
        struct span host = ynode_text_at(rule, "host");
        for (uint32_t k = 0; k == 0 || ynode_item(paths, k); k++) {
            struct span path = ynode_text_at(ynode_item(paths, k), "path");
            group_target(b);
            group_target_label(b, "__address__", host);
            group_target_label(b, "__meta_kubernetes_ingress_scheme",
                               has_tls(ingress, host) ? SPAN("https") : SPAN("http"));
            group_target_label(b, "__meta_kubernetes_ingress_host", host);
            group_target_label(b, "__meta_kubernetes_ingress_path", path.len ? path : SPAN("/"));
        }
    }
}

/* ---- all ---- */

static const char *const source_prefixes[KUBE_RESOURCE_COUNT] = {[KUBE_NODE] = "node",
                                                                 [KUBE_POD] = "pod",
                                                                 [KUBE_SERVICE] = "svc",
                                                                 [KUBE_ENDPOINTS] = "endpoints",
                                                                 [KUBE_ENDPOINTSLICE] = "endpointslice",
                                                                 [KUBE_INGRESS] = "ingress"};

void kube_put_source(struct buf *out, enum kube_resource role, struct span key) {
    buf_printf(out, "%s/%.*s", source_prefixes[role], SPAN_ARG(key));
}

int kube_group(enum kube_resource role, const struct kube_object *object, const struct kube_view *view,
               struct target_group **group, struct err *err) {
    struct group_builder builder;
    group_builder_init(&builder);
    group_begin(&builder);
    builder.source = group_text(&builder, "%s/%.*s", source_prefixes[role], SPAN_ARG(object->key));
    switch (role) {
    case KUBE_NODE: put_node(&builder, object->root); break;
    case KUBE_POD: put_pod(&builder, object->root, view); break;
    case KUBE_SERVICE: put_service(&builder, object->root, view); break;
    case KUBE_INGRESS: put_ingress(&builder, object->root, view); break;
    case KUBE_ENDPOINTS: kube_put_endpoints(&builder, object->root, view); break;
    default: kube_put_endpointslice(&builder, object->root, view); break;
    }
    int rc = group_finish(&builder, group, err);
    group_builder_release(&builder);
    return rc;
}

void kube_references(enum kube_resource role, const struct ynode *object,
                     void (*each)(enum kube_resource resource, struct span namespace, struct span name,
                                  void *context),
                     void *context) {
    struct span none = {0};
    if (role == KUBE_NODE) return;
    each(KUBE_NAMESPACE, none, ynode_text_at(object, "metadata.namespace"), context);
    if (role == KUBE_POD) each(KUBE_NODE, none, ynode_text_at(object, "spec.nodeName"), context);
    if (role == KUBE_ENDPOINTS || role == KUBE_ENDPOINTSLICE)
        kube_endpoint_references(role, object, each, context);
}
