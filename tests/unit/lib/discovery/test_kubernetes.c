/*
 * Kubernetes objects, how they are kept, what groups they make; and the ways to the API server.
 */
#include "lib/discovery/kube_access.h"
#include "lib/discovery/kube_groups.h"
#include "tests/check_main.h"
#include "tests/unit/lib/discovery/trees.h"

#include <stdio.h>
#include <unistd.h>

#define META "__meta_kubernetes_"

static struct kube_store stores[KUBE_RESOURCE_COUNT];
static struct err err;

static struct kube_object *put(enum kube_resource resource, const char *json) {
    struct kube_object *object = kube_object_create(tree(json));
    ck_assert_ptr_nonnull(object);
    kube_object_destroy(kube_store_put(&stores[resource], object));
    return object;
}

static struct target_group *group_of(enum kube_resource role, const struct kube_object *object) {
    struct kube_view view = {stores, true, true};
    struct target_group *group;
    ck_assert_int_eq(kube_group(role, object, &view, &group, &err), 0);
    return group;
}

static void end(struct target_group *group) {
    target_group_unref(group);
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++) {
        kube_store_release(&stores[i]);
        stores[i] = (struct kube_store){0};
    }
    trees_release();
}

static const char node_json[] = "{'metadata': {'name': 'n1', 'labels': {'zone.io/a': 'z'}, 'annotations': "
                                "{'k': 'v'}}, 'spec': {'providerID': 'aws:1'},"
                                " 'status': {'addresses': [{'type': 'Hostname', 'address': 'host1'}, "
                                "{'type': 'InternalIP', 'address': '10.0.0.1'},"
                                " {'type': 'InternalIP', 'address': 'fe80::1'}], 'daemonEndpoints': "
                                "{'kubeletEndpoint': {'Port': 10250}}}}";

static const char pod_json[] =
    "{'metadata': {'name': 'p1', 'namespace': 'ns', 'uid': 'u1', 'labels': {'app': 'web'}, 'annotations': "
    "{'a/b': 'c'},"
    "  'ownerReferences': [{'kind': 'X', 'name': 'no'}, {'kind': 'ReplicaSet', 'name': 'rs', 'controller': "
    "true}]},"
    " 'spec': {'nodeName': 'n1', 'containers': ["
    "    {'name': 'main', 'image': 'i:1', 'env': [{'name': 'a', 'value': 'b'}], 'ports': [{'name': 'web', "
    "'containerPort': 80, 'protocol': 'TCP'}, {'containerPort': 81}]},"
    "    {'name': 'bare', 'image': 'i:2'}],"
    "  'initContainers': [{'name': 'init', 'image': 'i:3', 'ports': [{'containerPort': 90}]}]},"
    " 'status': {'podIP': '10.1.0.1', 'hostIP': '10.0.0.1', 'phase': 'Running', 'conditions': [{'type': "
    "'Ready', 'status': 'False'}],"
    "  'containerStatuses': [{'name': 'main', 'containerID': 'cri://1'}], 'initContainerStatuses': [{'name': "
    "'init', 'containerID': 'cri://2'}]}}";

static const char service_json[] = "{'metadata': {'name': 's1', 'namespace': 'ns', 'labels': {'tier': "
                                   "'front'}}, 'spec': {'type': 'LoadBalancer', "
                                   "'clusterIP': '10.2.0.1', 'loadBalancerIP': '1.2.3.4', 'ports': [{'name': "
                                   "'web', 'port': 80, 'protocol': 'TCP'}]}}";

START_TEST(a_node_is_one_target) {
    struct target_group *group = group_of(KUBE_NODE, put(KUBE_NODE, node_json));
    ck_assert(span_is(group->source, "node/n1"));
    ck_assert_uint_eq(group->count, 1);
    expect_label(group, 0, "__address__", "10.0.0.1:10250");
    expect_label(group, 0, "instance", "n1");
    expect_label(group, 0, META "node_name", "n1");
    expect_label(group, 0, META "node_provider_id", "aws:1");
    expect_label(group, 0, META "node_label_zone_io_a", "z");
    expect_label(group, 0, META "node_labelpresent_zone_io_a", "true");
    expect_label(group, 0, META "node_annotation_k", "v");
    expect_label(group, 0, META "node_address_InternalIP", "10.0.0.1");
    expect_label(group, 0, META "node_address_Hostname", "host1");
    target_group_unref(group);
    group = group_of(KUBE_NODE, put(KUBE_NODE, "{'metadata': {'name': 'n2'}}"));
    ck_assert_uint_eq(group->count, 0); /* no address */
    end(group);
}
END_TEST

START_TEST(a_pod_is_a_target_for_each_port_and_each_container_without) {
    put(KUBE_NODE, node_json);
    put(KUBE_NAMESPACE, "{'metadata': {'name': 'ns', 'labels': {'team': 't'}}}");
    struct target_group *group = group_of(KUBE_POD, put(KUBE_POD, pod_json));
    ck_assert(span_is(group->source, "pod/ns/p1"));
    ck_assert_uint_eq(group->count, 4);
    static const char *const shared[][2] = {
        {META "namespace", "ns"},           {META "pod_name", "p1"},
        {META "pod_ip", "10.1.0.1"},        {META "pod_host_ip", "10.0.0.1"},
        {META "pod_node_name", "n1"},       {META "pod_uid", "u1"},
        {META "pod_ready", "false"},        {META "pod_phase", "Running"},
        {META "pod_label_app", "web"},      {META "pod_labelpresent_app", "true"},
        {META "pod_annotation_a_b", "c"},   {META "pod_controller_kind", "ReplicaSet"},
        {META "pod_controller_name", "rs"}, {META "node_name", "n1"},
        {META "node_label_zone_io_a", "z"}, {META "namespace_label_team", "t"},
    };
    for (size_t t = 0; t < 4; t++)
        for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
            expect_label(group, t, shared[i][0], shared[i][1]);
    static const char *const own[][7] = {
        {"10.1.0.1:80", "main", "i:1", "cri://1", "web", "80", "false"},
        {"10.1.0.1:81", "main", "i:1", "cri://1", "", "81", "false"},
        {"10.1.0.1", "bare", "i:2", "", "", "", "false"},
        {"10.1.0.1:90", "init", "i:3", "cri://2", "", "90", "true"},
    };
    for (size_t t = 0; t < 4; t++) {
        expect_label(group, t, "__address__", own[t][0]);
        expect_label(group, t, META "pod_container_name", own[t][1]);
        expect_label(group, t, META "pod_container_image", own[t][2]);
        expect_label(group, t, META "pod_container_id", own[t][3]);
        expect_label(group, t, META "pod_container_port_name", own[t][4]);
        expect_label(group, t, META "pod_container_port_number", own[t][5]);
        expect_label(group, t, META "pod_container_init", own[t][6]);
    }
    target_group_unref(group);
    group = group_of(
        KUBE_POD,
        put(KUBE_POD,
            "{'metadata': {'name': 'p2', 'namespace': 'ns'}, 'spec': {'containers': [{'name': 'x'}]}}"));
    ck_assert_uint_eq(group->count, 0); /* no IP yet */
    end(group);
}
END_TEST

START_TEST(a_service_is_a_target_for_each_port) {
    struct target_group *group = group_of(KUBE_SERVICE, put(KUBE_SERVICE, service_json));
    ck_assert(span_is(group->source, "svc/ns/s1"));
    expect_label(group, 0, "__address__", "s1.ns.svc:80");
    expect_label(group, 0, META "service_name", "s1");
    expect_label(group, 0, META "service_label_tier", "front");
    expect_label(group, 0, META "service_port_name", "web");
    expect_label(group, 0, META "service_port_number", "80");
    expect_label(group, 0, META "service_port_protocol", "TCP");
    expect_label(group, 0, META "service_type", "LoadBalancer");
    expect_label(group, 0, META "service_cluster_ip", "10.2.0.1");
    expect_label(group, 0, META "service_loadbalancer_ip", "1.2.3.4");
    target_group_unref(group);
    group = group_of(KUBE_SERVICE,
                     put(KUBE_SERVICE,
                         "{'metadata': {'name': 's2', 'namespace': 'ns'}, 'spec': {'type': 'ExternalName', "
                         "'externalName': 'x.y', 'clusterIP': 'no', 'ports': [{'port': 1}]}}"));
    expect_label(group, 0, META "service_external_name", "x.y");
    expect_label(group, 0, META "service_cluster_ip", "");
    end(group);
}
END_TEST

START_TEST(an_ingress_is_a_target_for_each_path) {
    struct target_group *group =
        group_of(KUBE_INGRESS,
                 put(KUBE_INGRESS,
                     "{'metadata': {'name': 'i', 'namespace': 'ns'}, 'spec': {'ingressClassName': 'nginx',"
                     " 'tls': [{'hosts': ['*.a.io']}], 'rules': ["
                     " {'host': 'x.a.io', 'http': {'paths': [{'path': '/p'}, {}]}}, {'host': 'x.y.a.io'}, "
                     "{'host': 'b.io'}]}}"));
    static const char *const expected[][3] = {{"x.a.io", "https", "/p"},
                                              {"x.a.io", "https", "/"},
                                              {"x.y.a.io", "http", "/"},
                                              {"b.io", "http", "/"}};
    ck_assert_uint_eq(group->count, 4);
    for (size_t i = 0; i < 4; i++) {
        expect_label(group, i, "__address__", expected[i][0]);
        expect_label(group, i, META "ingress_host", expected[i][0]);
        expect_label(group, i, META "ingress_scheme", expected[i][1]);
        expect_label(group, i, META "ingress_path", expected[i][2]);
        expect_label(group, i, META "ingress_class_name", "nginx");
    }
    end(group);
}
END_TEST

START_TEST(endpoints_carry_service_pod_and_node_and_the_pods_other_ports) {
    put(KUBE_NODE, node_json);
    put(KUBE_SERVICE, service_json);
    put(KUBE_POD, pod_json);
    struct target_group *group =
        group_of(KUBE_ENDPOINTS,
                 put(KUBE_ENDPOINTS,
                     "{'metadata': {'name': 's1', 'namespace': 'ns', 'labels': {'e': 'f'}}, 'subsets': [{"
                     " 'ports': [{'name': 'web', 'port': 80, 'protocol': 'TCP'}],"
                     " 'addresses': [{'ip': '10.1.0.1', 'nodeName': 'n1', 'targetRef': {'kind': 'Pod', "
                     "'namespace': 'ns', 'name': 'p1'}}],"
                     " 'notReadyAddresses': [{'ip': '10.1.0.9', 'hostname': 'h', 'targetRef': {'kind': "
                     "'Node', 'name': 'n1'}}]}]}"));
    ck_assert_uint_eq(group->count, 4); /* two addresses, ports 81 and 90 of the pod */
    for (size_t i = 0; i < 4; i++) {
        expect_label(group, i, META "service_name", "s1");
        expect_label(group, i, META "service_label_tier", "front");
        expect_label(group, i, META "endpoints_name", "s1");
        expect_label(group, i, META "endpoints_label_e", "f");
    }
    expect_label(group, 0, "__address__", "10.1.0.1:80");
    expect_label(group, 0, META "endpoint_port_name", "web");
    expect_label(group, 0, META "endpoint_ready", "true");
    expect_label(group, 0, META "endpoint_node_name", "n1");
    expect_label(group, 0, META "endpoint_address_target_kind", "Pod");
    expect_label(group, 0, META "endpoint_address_target_name", "p1");
    expect_label(group, 0, META "pod_name", "p1");
    expect_label(group, 0, META "pod_container_name", "main");
    expect_label(group, 0, META "node_label_zone_io_a", "z");
    expect_label(group, 1, "__address__", "10.1.0.9:80");
    expect_label(group, 1, META "endpoint_ready", "false");
    expect_label(group, 1, META "endpoint_hostname", "h");
    expect_label(group, 1, META "node_name", "n1"); /* by the reference */
    expect_label(group, 2, "__address__", "10.1.0.1:81");
    expect_label(group, 2, META "pod_name", "p1");
    expect_label(group, 2, META "endpoint_ready", "");
    expect_label(group, 3, META "pod_container_init", "true");
    end(group);
}
END_TEST

START_TEST(an_endpoint_slice_says_what_it_knows_of_its_endpoints) {
    put(KUBE_SERVICE, service_json);
    put(KUBE_POD, pod_json);
    struct target_group *group =
        group_of(KUBE_ENDPOINTSLICE,
                 put(KUBE_ENDPOINTSLICE,
                     "{'metadata': {'name': 's1-x', 'namespace': 'ns', 'labels': "
                     "{'kubernetes.io/service-name': 's1'}}, 'addressType': 'IPv6',"
                     " 'ports': [{'name': 'web', 'port': 80, 'protocol': 'TCP', 'appProtocol': 'http'}], "
                     "'endpoints': ["
                     " {'addresses': ['fe80::2', 'fe80::3'], 'conditions': {'ready': true, 'serving': true, "
                     "'terminating': false},"
                     "  'hostname': 'h', 'nodeName': 'n1', 'zone': 'z1', 'deprecatedTopology': {'t/x': 'y'},"
                     "  'targetRef': {'kind': 'Pod', 'namespace': 'ns', 'name': 'p1'}}, {'addresses': "
                     "['fe80::4']}]}"));
    static const char *const expected[][2] = {
        {"__address__", "[fe80::2]:80"},
        {META "endpointslice_name", "s1-x"},
        {META "endpointslice_address_type", "IPv6"},
        {META "endpointslice_port", "80"},
        {META "endpointslice_port_name", "web"},
        {META "endpointslice_port_protocol", "TCP"},
        {META "endpointslice_port_app_protocol", "http"},
        {META "endpointslice_endpoint_conditions_ready", "true"},
        {META "endpointslice_endpoint_conditions_serving", "true"},
        {META "endpointslice_endpoint_conditions_terminating", "false"},
        {META "endpointslice_endpoint_hostname", "h"},
        {META "endpointslice_endpoint_node_name", "n1"},
        {META "endpointslice_endpoint_zone", "z1"},
        {META "endpointslice_endpoint_topology_t_x", "y"},
        {META "endpointslice_endpoint_topology_present_t_x", "true"},
        {META "endpointslice_address_target_kind", "Pod"},
        {META "service_name", "s1"},
        {META "pod_name", "p1"},
        {META "pod_container_port_name", "web"},
    };
    ck_assert_uint_eq(group->count, 5); /* three addresses, ports 81 and 90 of the pod */
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        expect_label(group, 0, expected[i][0], expected[i][1]);
    expect_label(group, 2, META "pod_name", "");
    end(group);
}
END_TEST

/* ---- keeping objects ---- */

START_TEST(only_what_labels_are_made_of_is_kept) {
    struct kube_object *object = kube_object_create(tree(pod_json));
    ck_assert(span_is(object->key, "ns/p1"));
    ck_assert_ptr_nonnull(ynode_at(object->root, "metadata.labels.app"));
    ck_assert_ptr_null(ynode_at(ynode_item(ynode_at(object->root, "spec.containers"), 0), "env"));
    struct kube_object *other = kube_object_create(tree(
        "{'metadata': {'name': 'a', 'resourceVersion': '1'}, 'status': {'phase': 'x', 'heartbeat': 1}}"));
    struct kube_object *same =
        kube_object_create(tree("{'metadata': {'name': 'a', 'resourceVersion': '2'}, 'status': {'phase': "
                                "'x', 'heartbeat': 2, 'more': []}}"));
    struct kube_object *changed =
        kube_object_create(tree("{'metadata': {'name': 'a'}, 'status': {'phase': 'y'}}"));
    ck_assert(other->hash == same->hash && other->hash != changed->hash);
    ck_assert_ptr_null(kube_object_create(tree("{'metadata': {}}")));
    ck_assert_ptr_null(kube_object_create(tree("[1]")));
    kube_object_destroy(object), kube_object_destroy(other), kube_object_destroy(same),
        kube_object_destroy(changed);
    trees_release();
}
END_TEST

START_TEST(a_store_finds_replaces_and_gives_back) {
    struct kube_store store = {0};
    char text[100];
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "{'metadata': {'name': 'p%d', 'namespace': 'ns'}}", i);
        ck_assert_ptr_null(kube_store_put(&store, kube_object_create(tree(text))));
    }
    struct kube_object *before =
        kube_store_put(&store, kube_object_create(tree("{'metadata': {'name': 'p7', 'namespace': 'ns'}}")));
    ck_assert(before && span_is(before->key, "ns/p7"));
    kube_object_destroy(before);
    for (int i = 0; i < 50; i += 2) {
        snprintf(text, sizeof text, "ns/p%d", i);
        kube_object_destroy(kube_store_take(&store, span_from(text)));
        ck_assert_ptr_null(kube_store_take(&store, span_from(text)));
    }
    ck_assert_uint_eq(store.all.count, 25);
    ck_assert_ptr_nonnull(kube_store_find(&store, SPAN("ns"), SPAN("p49")));
    ck_assert_ptr_null(kube_store_find(&store, SPAN("ns"), SPAN("p48")));
    kube_store_release(&store);
    trees_release();
}
END_TEST

static void count_reference(enum kube_resource resource, struct span namespace, struct span name,
                            void *context) {
    size_t *counts = context;
    (void)namespace;
    if (name.len) counts[resource]++;
}

START_TEST(references_name_what_a_group_is_made_of) {
    size_t counts[KUBE_RESOURCE_COUNT] = {0};
    kube_references(KUBE_POD, tree(pod_json), count_reference, counts);
    ck_assert(counts[KUBE_NODE] == 1 && counts[KUBE_NAMESPACE] == 1 && counts[KUBE_POD] == 0);
    kube_references(KUBE_ENDPOINTS,
                    tree("{'metadata': {'name': 's', 'namespace': 'ns'}, 'subsets': [{'addresses': ["
                         "{'nodeName': 'n', 'targetRef': {'kind': 'Pod', 'name': 'p'}}], "
                         "'notReadyAddresses': [{'nodeName': 'm'}]}]}"),
                    count_reference, counts);
    ck_assert(counts[KUBE_NODE] == 3 && counts[KUBE_POD] == 1 && counts[KUBE_SERVICE] == 1);
    trees_release();
}
END_TEST

/* ---- the ways in ---- */

static char folder[] = "/tmp/ferula-kube-XXXXXX";

static const char *write_file(const char *name, const char *text) {
    static char path[128];
    if (strstr(folder, "XXXXXX")) ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}

START_TEST(a_pod_finds_its_cluster_by_the_service_account) {
    struct kubernetes_namespaces_config own = {.own_namespace = true};
    struct kubernetes_sd_config config = {.role = "pod", .namespaces = &own};
    struct kube_access access;
    unsetenv("KUBERNETES_SERVICE_HOST");
    write_file("namespace", "mine\n");
    ck_assert_int_lt(kube_access_open(&config, folder, &access, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "KUBERNETES_SERVICE_HOST"));
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "6443", 1);
    ck_assert_int_eq(kube_access_open(&config, folder, &access, &err), 0);
    ck_assert_str_eq(access.url, "https://[fd00::1]:6443");
    ck_assert_str_eq(access.own_namespace, "mine");
    ck_assert_str_eq(access.http.authorization->type, "Bearer");
    ck_assert(span_ends_with(span_from(access.http.authorization->credentials_file), SPAN("/token")));
    ck_assert(span_ends_with(span_from(access.http.tls_config->ca_file), SPAN("/ca.crt")));
    kube_access_close(&access);
    unlink(write_file("namespace", ""));
    ck_assert_int_lt(kube_access_open(&config, folder, &access, &err), 0); /* the namespace is needed */
}
END_TEST

static const char kubeconfig[] =
    "apiVersion: v1\ncurrent-context: b\nclusters:\n- {name: c, cluster: {server: 'https://h:6443/', "
    "certificate-authority: ca.crt, tls-server-name: kube}}\n"
    "contexts:\n- {name: a, context: {cluster: x}}\n- {name: b, context: {cluster: c, user: u}}\n"
    "users:\n- {name: u, user: {token: word, client-certificate-data: UEVN, client-key-data: 'S0VZ'}}\n";

START_TEST(a_kubeconfig_file_says_where_and_by_what) {
    struct kubernetes_sd_config config = {.role = "pod"};
    struct kube_access access;
    char expected[128];
    config.kubeconfig_file = write_file("config", kubeconfig);
    int rc = kube_access_open(&config, NULL, &access, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_str_eq(access.url, "https://h:6443");
    snprintf(expected, sizeof expected, "%s/ca.crt", folder);
    ck_assert_str_eq(access.http.tls_config->ca_file, expected);
    ck_assert_str_eq(access.http.tls_config->server_name, "kube");
    ck_assert_str_eq(access.http.tls_config->cert, "PEM");
    ck_assert_str_eq(access.http.tls_config->key.text, "KEY");
    ck_assert_str_eq(access.http.authorization->credentials.text, "word");
    kube_access_close(&access);
    static const char *const bad[][2] = {
        {"current-context: x\n", "no context"},
        {"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n", "names no server"},
        {"current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, "
         "cluster: {server: s}}]\n"
         "users: [{name: u, user: {exec: {command: c}}}]\n",
         "not supported"},
        {"current-context: [\n", "YAML"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config.kubeconfig_file = write_file("config", bad[i][0]);
        ck_assert_int_lt(kube_access_open(&config, NULL, &access, &err), 0);
        ck_assert_msg(strstr(err.text, bad[i][1]), "%s", err.text);
    }
    unlink(config.kubeconfig_file);
    rmdir(folder);
}
END_TEST

CHECK_MAIN("kubernetes", a_node_is_one_target, a_pod_is_a_target_for_each_port_and_each_container_without,
           a_service_is_a_target_for_each_port, an_ingress_is_a_target_for_each_path,
           endpoints_carry_service_pod_and_node_and_the_pods_other_ports,
           an_endpoint_slice_says_what_it_knows_of_its_endpoints, only_what_labels_are_made_of_is_kept,
           a_store_finds_replaces_and_gives_back, references_name_what_a_group_is_made_of,
           a_pod_finds_its_cluster_by_the_service_account, a_kubeconfig_file_says_where_and_by_what)
