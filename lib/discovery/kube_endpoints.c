#include "lib/discovery/kube_labels.h"

/*
 * Endpoints and EndpointSlices: a target for each address and port, with the labels of the pod behind it;
 * then one for each port of those pods that no endpoint has named.
 */

#define META "__meta_kubernetes_"
#define SERVICE_NAME "kubernetes.io/service-name"

struct seen_pod {
    const struct ynode *pod;
    VEC(struct span) ports; /* numbers that an endpoint has named */
};

struct building {
    struct group_builder *b;
    const struct kube_view *view;
    struct span namespace;
    VEC(struct seen_pod) seen;
};

static const struct ynode *find_pod(const struct kube_view *view, const struct ynode *target_ref) {
    if (!span_is(ynode_text_at(target_ref, "kind"), "Pod")) return NULL;
    const struct kube_object *pod = kube_store_find(
        &view->stores[KUBE_POD], ynode_text_at(target_ref, "namespace"), ynode_text_at(target_ref, "name"));
    return pod ? pod->root : NULL;
}

static void put_service(struct building *building, struct span name) {
    const struct kube_object *service =
        kube_store_find(&building->view->stores[KUBE_SERVICE], building->namespace, name);
    if (service) kube_put_service_labels(building->b, service->root);
}

static struct seen_pod *see(struct building *building, const struct ynode *pod) {
    for (size_t i = 0; i < building->seen.count; i++)
        if (building->seen.items[i].pod == pod) return &building->seen.items[i];
    struct seen_pod *seen = vec_push(&building->seen);
    *seen = (struct seen_pod){.pod = pod};
    return seen;
}

/* calls each for every port of all containers */
static void each_container_port(const struct ynode *pod,
                                void (*each)(const struct ynode *pod, const struct ynode *container,
                                             const struct ynode *port, bool is_init, void *context),
                                void *context) {
    for (int is_init = 0; is_init < 2; is_init++) {
        const struct ynode *containers = ynode_at(pod, is_init ? "spec.initContainers" : "spec.containers");
        const struct ynode *container, *port;
        for (uint32_t i = 0; (container = ynode_item(containers, i)); i++) {
            const struct ynode *ports = ynode_at(container, "ports");
            for (uint32_t k = 0; (port = ynode_item(ports, k)); k++)
                each(pod, container, port, is_init, context);
        }
    }
}

struct matching {
    struct group_builder *b;
    struct span number;
};

static void put_matching_port(const struct ynode *pod, const struct ynode *container,
                              const struct ynode *port, bool is_init, void *context) {
    struct matching *matching = context;
    (void)pod;
    if (matching->number.len && span_equal(ynode_text_at(port, "containerPort"), matching->number))
        kube_put_container(matching->b, container, port, is_init);
}

/* the last target is one of this pod */
static void put_pod(struct building *building, const struct ynode *pod, struct span number) {
    struct matching matching = {building->b, number};
    if (!pod) return;
    kube_put_pod_labels(building->b, pod);
    each_container_port(pod, put_matching_port, &matching);
    struct seen_pod *seen = see(building, pod);
    *vec_push(&seen->ports) = number;
}

static void put_unseen_port(const struct ynode *pod, const struct ynode *container, const struct ynode *port,
                            bool is_init, void *context) {
    struct building *building = context;
    const struct seen_pod *seen = see(building, pod);
    struct span number = ynode_text_at(port, "containerPort");
    for (size_t i = 0; i < seen->ports.count; i++)
        if (span_equal(seen->ports.items[i], number)) return;
    group_target(building->b);
    kube_put_address(building->b, ynode_text_at(pod, "status.podIP"), number);
    kube_put_pod_labels(building->b, pod);
    kube_put_container(building->b, container, port, is_init);
}

static void put_unseen_ports(struct building *building) {
    for (size_t i = 0; i < building->seen.count; i++) {
        const struct ynode *pod = building->seen.items[i].pod;
        if (ynode_text_at(pod, "status.podIP").len) each_container_port(pod, put_unseen_port, building);
        vec_release(&building->seen.items[i].ports);
    }
    vec_release(&building->seen);
}

static void put_target_ref(struct group_builder *b, const char *prefix, const struct ynode *ref) {
    if (!ref) return;
    group_target_label(b, group_text(b, META "%s_address_target_kind", prefix).ptr,
                       ynode_text_at(ref, "kind"));
    group_target_label(b, group_text(b, META "%s_address_target_name", prefix).ptr,
                       ynode_text_at(ref, "name"));
}

static void put_node(struct building *building, struct span node_name, const struct ynode *ref) {
    if (!node_name.len && span_is(ynode_text_at(ref, "kind"), "Node")) node_name = ynode_text_at(ref, "name");
    kube_put_node_labels(building->b, building->view, node_name);
}

/* ---- Endpoints ---- */

static void put_address(struct building *building, const struct ynode *address, const struct ynode *port,
                        bool is_ready) {
    struct group_builder *b = building->b;
    const struct ynode *ref = ynode_at(address, "targetRef");
    struct span number = ynode_text_at(port, "port");
    group_target(b);
    kube_put_address(b, ynode_text_at(address, "ip"), number);
    group_target_label(b, META "endpoint_port_name", ynode_text_at(port, "name"));
    group_target_label(b, META "endpoint_port_protocol", ynode_text_at(port, "protocol"));
    group_target_label(b, META "endpoint_ready", is_ready ? SPAN("true") : SPAN("false"));
    group_target_label(b, META "endpoint_node_name", ynode_text_at(address, "nodeName"));
    group_target_label(b, META "endpoint_hostname", ynode_text_at(address, "hostname"));
    put_target_ref(b, "endpoint", ref);
    put_node(building, ynode_text_at(address, "nodeName"), ref);
    put_pod(building, find_pod(building->view, ref), number);
}

void kube_put_endpoints(struct group_builder *b, const struct ynode *endpoints,
                        const struct kube_view *view) {
    struct building building = {b, view, ynode_text_at(endpoints, "metadata.namespace"), {0}};
    const struct ynode *subsets = ynode_at(endpoints, "subsets"), *subset, *port, *address;
    group_label(b, META "namespace", building.namespace);
    kube_put_meta(b, "endpoints", endpoints, true);
    put_service(&building, ynode_text_at(endpoints, "metadata.name"));
    kube_put_namespace_labels(b, view, endpoints);
    for (uint32_t i = 0; (subset = ynode_item(subsets, i)); i++) {
        const struct ynode *ports = ynode_at(subset, "ports");
        for (uint32_t k = 0; (port = ynode_item(ports, k)); k++) {
            const struct ynode *ready = ynode_at(subset, "addresses");
            const struct ynode *unready = ynode_at(subset, "notReadyAddresses");
            for (uint32_t a = 0; (address = ynode_item(ready, a)); a++)
                put_address(&building, address, port, true);
            for (uint32_t a = 0; (address = ynode_item(unready, a)); a++)
                put_address(&building, address, port, false);
        }
    }
    put_unseen_ports(&building);
}

/* ---- EndpointSlices ---- */

static void put_endpoint(struct building *building, const struct ynode *endpoint, const struct ynode *port,
                         struct span address) {
    static const struct {
        const char *label, *path;
        bool is_of_port;
    } plain[] = {
        {META "endpointslice_port_name", "name", true},
        {META "endpointslice_port_protocol", "protocol", true},
        {META "endpointslice_port", "port", true},
        {META "endpointslice_port_app_protocol", "appProtocol", true},
        {META "endpointslice_endpoint_conditions_ready", "conditions.ready", false},
        {META "endpointslice_endpoint_conditions_serving", "conditions.serving", false},
        {META "endpointslice_endpoint_conditions_terminating", "conditions.terminating", false},
        {META "endpointslice_endpoint_hostname", "hostname", false},
        {META "endpointslice_endpoint_node_name", "nodeName", false},
        {META "endpointslice_endpoint_zone", "zone", false},
    };
    struct group_builder *b = building->b;
    const struct ynode *ref = ynode_at(endpoint, "targetRef");
    const struct ynode *topology = ynode_at(endpoint, "deprecatedTopology");
    struct span number = ynode_text_at(port, "port"), node = ynode_text_at(endpoint, "nodeName");
    group_target(b);
    kube_put_address(b, address, number);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        group_target_label(b, plain[i].label,
                           ynode_text_at(plain[i].is_of_port ? port : endpoint, plain[i].path));
    put_target_ref(b, "endpointslice", ref);
    for (uint32_t i = 0; topology && topology->kind == YNODE_MAP && i < topology->count; i++) {
        if (topology->entries[i].value->kind != YNODE_SCALAR) continue;
        struct span key = topology->entries[i].key->text;
        group_meta_label(b, META "endpointslice_endpoint_topology_", key, topology->entries[i].value->text);
        group_meta_label(b, META "endpointslice_endpoint_topology_present_", key, SPAN("true"));
    }
    put_node(building, span_is(ynode_text_at(ref, "kind"), "Node") ? ynode_text_at(ref, "name") : node, ref);
    put_pod(building, find_pod(building->view, ref), number);
}

static struct span slice_service(const struct ynode *slice) {
    const struct yentry *entry = ynode_entry(ynode_at(slice, "metadata.labels"), SPAN(SERVICE_NAME));
    return entry && entry->value->kind == YNODE_SCALAR ? entry->value->text : span_from(NULL);
}

void kube_put_endpointslice(struct group_builder *b, const struct ynode *slice,
                            const struct kube_view *view) {
    struct building building = {b, view, ynode_text_at(slice, "metadata.namespace"), {0}};
    const struct ynode *endpoints = ynode_at(slice, "endpoints"), *endpoint, *port, *address;
    const struct ynode *ports = ynode_at(slice, "ports");
    group_label(b, META "namespace", building.namespace);
    group_label(b, META "endpointslice_address_type", ynode_text_at(slice, "addressType"));
    kube_put_meta(b, "endpointslice", slice, true);
    put_service(&building, slice_service(slice));
    kube_put_namespace_labels(b, view, slice);
    for (uint32_t i = 0; (endpoint = ynode_item(endpoints, i)); i++) {
        const struct ynode *addresses = ynode_at(endpoint, "addresses");
        for (uint32_t k = 0; (port = ynode_item(ports, k)); k++)
            for (uint32_t a = 0; (address = ynode_item(addresses, a)); a++)
                if (address->kind == YNODE_SCALAR) put_endpoint(&building, endpoint, port, address->text);
    }
    put_unseen_ports(&building);
}

/* ---- what they refer to ---- */

typedef void each_reference(enum kube_resource resource, struct span namespace, struct span name,
                            void *context);

static void refer(const struct ynode *address, each_reference *each, void *context) {
    const struct ynode *ref = ynode_at(address, "targetRef");
    struct span kind = ynode_text_at(ref, "kind"), name = ynode_text_at(ref, "name"), none = {0};
    each(KUBE_NODE, none, ynode_text_at(address, "nodeName"), context);
    if (span_is(kind, "Node")) each(KUBE_NODE, none, name, context);
    if (span_is(kind, "Pod")) each(KUBE_POD, ynode_text_at(ref, "namespace"), name, context);
}

static void refer_all(const struct ynode *addresses, each_reference *each, void *context) {
    const struct ynode *address;
    for (uint32_t i = 0; (address = ynode_item(addresses, i)); i++) refer(address, each, context);
}

void kube_endpoint_references(enum kube_resource role, const struct ynode *object, each_reference *each,
                              void *context) {
    struct span namespace = ynode_text_at(object, "metadata.namespace");
    if (role == KUBE_ENDPOINTSLICE) {
        each(KUBE_SERVICE, namespace, slice_service(object), context);
        refer_all(ynode_at(object, "endpoints"), each, context);
        return;
    }
    const struct ynode *subsets = ynode_at(object, "subsets"), *subset;
    each(KUBE_SERVICE, namespace, ynode_text_at(object, "metadata.name"), context);
    for (uint32_t i = 0; (subset = ynode_item(subsets, i)); i++) {
        refer_all(ynode_at(subset, "addresses"), each, context);
        refer_all(ynode_at(subset, "notReadyAddresses"), each, context);
    }
}
