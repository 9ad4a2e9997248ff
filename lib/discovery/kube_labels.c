#include "lib/discovery/kube_labels.h"

#include <stdio.h>

#define META "__meta_kubernetes_"

static void put(struct group_builder *b, const char *name, struct span value) {
    if (b->has_target)
        group_target_label(b, name, value);
    else
        group_label(b, name, value);
}

void kube_put_address(struct group_builder *b, struct span host, struct span port) {
    bool is_ipv6 = span_find_byte(host, ':', 0) < host.len;
    put(b, "__address__",
        group_text(b, "%s%.*s%s%s%.*s", is_ipv6 ? "[" : "", SPAN_ARG(host), is_ipv6 ? "]" : "",
                   port.len ? ":" : "", SPAN_ARG(port)));
}

static void put_map(struct group_builder *b, const char *role, const char *what, const struct ynode *map) {
    char prefix[80], present[80];
    snprintf(prefix, sizeof prefix, META "%s_%s_", role, what);
    snprintf(present, sizeof present, META "%s_%spresent_", role, what);
    for (uint32_t i = 0; map && map->kind == YNODE_MAP && i < map->count; i++) {
        if (map->entries[i].value->kind != YNODE_SCALAR) continue;
        group_meta_label(b, prefix, map->entries[i].key->text, map->entries[i].value->text);
        group_meta_label(b, present, map->entries[i].key->text, SPAN("true"));
    }
}

void kube_put_meta(struct group_builder *b, const char *role, const struct ynode *object, bool with_name) {
    if (with_name) put(b, group_text(b, META "%s_name", role).ptr, ynode_text_at(object, "metadata.name"));
    put_map(b, role, "label", ynode_at(object, "metadata.labels"));
    put_map(b, role, "annotation", ynode_at(object, "metadata.annotations"));
}

/* the Ready condition in lower case */
static struct span pod_ready(const struct ynode *pod) {
    const struct ynode *conditions = ynode_at(pod, "status.conditions"), *condition;
    for (uint32_t i = 0; (condition = ynode_item(conditions, i)); i++) {
        struct span status = ynode_text_at(condition, "status");
        if (!span_is(ynode_text_at(condition, "type"), "Ready")) continue;
        return span_is(status, "True")    ? SPAN("true")
               : span_is(status, "False") ? SPAN("false")
                                          : SPAN("unknown");
    }
    return SPAN("unknown");
}

void kube_put_pod_labels(struct group_builder *b, const struct ynode *pod) {
    const struct ynode *owners = ynode_at(pod, "metadata.ownerReferences"), *owner;
    put(b, META "pod_ip", ynode_text_at(pod, "status.podIP"));
    put(b, META "pod_ready", pod_ready(pod));
    put(b, META "pod_phase", ynode_text_at(pod, "status.phase"));
    put(b, META "pod_node_name", ynode_text_at(pod, "spec.nodeName"));
    put(b, META "pod_host_ip", ynode_text_at(pod, "status.hostIP"));
    put(b, META "pod_uid", ynode_text_at(pod, "metadata.uid"));
    kube_put_meta(b, "pod", pod, true);
    for (uint32_t i = 0; (owner = ynode_item(owners, i)); i++) {
        if (!span_is(ynode_text_at(owner, "controller"), "true")) continue;
        put(b, META "pod_controller_kind", ynode_text_at(owner, "kind"));
        put(b, META "pod_controller_name", ynode_text_at(owner, "name"));
        break;
    }
}

void kube_put_service_labels(struct group_builder *b, const struct ynode *service) {
    put(b, META "namespace", ynode_text_at(service, "metadata.namespace"));
    kube_put_meta(b, "service", service, true);
}

void kube_put_node_labels(struct group_builder *b, const struct kube_view *view, struct span node) {
    const struct kube_object *object =
        view->with_nodes ? kube_store_find(&view->stores[KUBE_NODE], span_from(NULL), node) : NULL;
    if (object) kube_put_meta(b, "node", object->root, true);
}

void kube_put_namespace_labels(struct group_builder *b, const struct kube_view *view,
                               const struct ynode *object) {
    const struct kube_object *namespace =
        view->with_namespaces ? kube_store_find(&view->stores[KUBE_NAMESPACE], span_from(NULL),
                                                ynode_text_at(object, "metadata.namespace"))
                              : NULL;
    if (namespace) kube_put_meta(b, "namespace", namespace->root, false);
}

void kube_put_container(struct group_builder *b, const struct ynode *container, const struct ynode *port,
                        bool is_init) {
    put(b, META "pod_container_name", ynode_text_at(container, "name"));
    put(b, META "pod_container_image", ynode_text_at(container, "image"));
    put(b, META "pod_container_init", is_init ? SPAN("true") : SPAN("false"));
    put(b, META "pod_container_port_name", ynode_text_at(port, "name"));
    put(b, META "pod_container_port_number", ynode_text_at(port, "containerPort"));
    put(b, META "pod_container_port_protocol", ynode_text_at(port, "protocol"));
}
