/*
 * What files, HTTP servers, Consul, Docker and name servers answer, as groups.
 */
#include "lib/config/discovery.h"
#include "lib/discovery/consul_reader.h"
#include "lib/discovery/dns_message.h"
#include "lib/discovery/docker_reader.h"
#include "lib/discovery/group_reader.h"
#include "tests/check_main.h"
#include "tests/unit/lib/discovery/trees.h"

#include <stdio.h>

static struct err err;

/* ---- target groups in JSON and YAML ---- */

static const struct group_origin json = {"http://h/", "__meta_url", true};
static const struct group_origin yaml = {"t.yml", "__meta_filepath", false};

START_TEST(groups_are_read_from_json_and_yaml) {
    static const char in_json[] =
        "[{\"targets\": [\"a:1\", \"b:2\"], \"labels\": {\"env\": \"x\"}}, {\"targets\": []}]";
    static const char in_yaml[] = "- targets: [a:1, b:2]\n  labels: {env: x}\n- targets:\n";
    for (int i = 0; i < 2; i++) {
        struct group_list groups = {0};
        const struct group_origin *origin = i ? &yaml : &json;
        int rc = group_reader_parse(span_from(i ? in_yaml : in_json), origin, &groups, &err);
        ck_assert_msg(rc == 0, "%s", err.text);
        ck_assert_uint_eq(groups.all.count, 2);
        ck_assert_uint_eq(groups.all.items[1]->count, 0);
        expect_label(groups.all.items[0], 1, "__address__", "b:2");
        expect_label(groups.all.items[0], 1, "env", "x");
        expect_label(groups.all.items[0], 0, origin->label, origin->name);
        ck_assert(span_is(groups.all.items[1]->source, i ? "t.yml:1" : "http://h/:1"));
        group_list_release(&groups);
    }
}
END_TEST

START_TEST(no_groups_are_fine) {
    static const char *const empty[] = {"[]", "null"};
    for (size_t i = 0; i < 2; i++) {
        struct group_list groups = {0};
        ck_assert_int_eq(group_reader_parse(span_from(empty[i]), &json, &groups, &err), 0);
        ck_assert_int_eq(group_reader_parse(span_from(empty[i]), &yaml, &groups, &err), 0);
        ck_assert_int_eq(group_reader_parse(SPAN(""), &yaml, &groups, &err), 0);
        ck_assert_uint_eq(groups.all.count, 0);
    }
}
END_TEST

START_TEST(malformed_groups_are_refused_as_a_whole) {
    static const struct {
        const struct group_origin *origin;
        const char *text, *expected;
    } table[] = {
        {&json, "", "JSON syntax"},
        {&json, "{}", "target groups are a list, not a map"},
        {&json, "[{\"targets\": [\"a\"]}, null]", "target group 1: a group is a map, not null"},
        {&json, "[{\"targets\": \"a\"}]", "targets are a list, not a text"},
        {&json, "[{\"targets\": [1]}]", "a target is a text, not a number"},
        {&json, "[{\"labels\": {\"a\": 1}}]", "the value of a label is a text, not a number"},
        {&json, "[{\"labels\": [\"a\"]}]", "labels are a map, not a list"},
        {&json, "[{\"labels\": {\"\": \"b\"}}]", "\"\" is not a valid label name"},
        {&json, "[{\"tragets\": []}]", "target group 0: unknown field \"tragets\""},
        {&yaml, "- targets: [a\n", "line 2"},
        {&yaml, "- targets: [[a]]\n", "a target is a text, not a list"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct group_list groups = {0};
        ck_assert_int_lt(group_reader_parse(span_from(table[i].text), table[i].origin, &groups, &err), 0);
        ck_assert_msg(strstr(err.text, table[i].expected), "%s: %s", table[i].text, err.text);
        ck_assert_uint_eq(groups.all.count, 0);
        vec_release(&groups.all);
    }
}
END_TEST

/* ---- Consul ---- */

#define CONSUL_NODE                                                                                          \
    "{'Node': {'Node': 'n', 'Address': '10.0.0.1', 'Meta': {'rack-id': 'r'}, "                               \
    "'TaggedAddresses': {'lan': '10.0.0.2'}}, 'Service': {'ID': 's-1', 'Address': '%s', 'Port': 80, "        \
    "'Namespace': 'ns', 'Partition': 'p', 'Tags': ['a', 'b'], 'Meta': {'v': '2'}}, 'Checks': [%s]}"

static struct target_group *consul_group(const char *address, const char *checks) {
    char text[1000];
    struct target_group *group;
    snprintf(text, sizeof text, "[" CONSUL_NODE "]", address, checks);
    ck_assert_int_eq(consul_read_service(tree(text), "web", "dc1", ",", &group, &err), 0);
    return group;
}

START_TEST(a_consul_service_has_all_its_labels) {
    static const char *const expected[][2] = {
        {"__address__", "10.0.0.1:80"},
        {"__meta_consul_address", "10.0.0.1"},
        {"__meta_consul_dc", "dc1"},
        {"__meta_consul_health", "passing"},
        {"__meta_consul_metadata_rack_id", "r"},
        {"__meta_consul_namespace", "ns"},
        {"__meta_consul_node", "n"},
        {"__meta_consul_partition", "p"},
        {"__meta_consul_service", "web"},
        {"__meta_consul_service_address", ""},
        {"__meta_consul_service_id", "s-1"},
        {"__meta_consul_service_metadata_v", "2"},
        {"__meta_consul_service_port", "80"},
        {"__meta_consul_tagged_address_lan", "10.0.0.2"},
        {"__meta_consul_tags", ",a,b,"},
    };
    struct target_group *group = consul_group("", "");
    ck_assert_uint_eq(group->targets[0].count, sizeof expected / sizeof *expected - 1);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        expect_label(group, 0, expected[i][0], expected[i][1]);
    target_group_unref(group);
    group = consul_group("fe80::1", "");
    expect_label(group, 0, "__address__", "[fe80::1]:80");
    target_group_unref(group);
    trees_release();
}
END_TEST

START_TEST(the_worst_check_is_the_health) {
    static const char *const table[][2] = {
        {"{'Status': 'passing'}", "passing"},
        {"{'Status': 'warning'}, {'Status': 'passing'}", "warning"},
        {"{'Status': 'critical'}, {'Status': 'warning'}", "critical"},
        {"{'Status': 'critical'}, {'CheckID': '_node_maintenance', 'Status': 'critical'}", "maintenance"},
        {"{'CheckID': '_service_maintenance:x', 'Status': 'critical'}", "maintenance"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct target_group *group = consul_group("h", table[i][0]);
        expect_label(group, 0, "__meta_consul_health", table[i][1]);
        target_group_unref(group);
    }
    struct target_group *group = NULL;
    ck_assert_int_eq(consul_read_service(tree("{}"), "web", "dc1", ",", &group, &err), ERR_INVALID);
    ck_assert_int_eq(consul_read_service(tree("[1, 'x', {}]"), "web", "dc1", ",", &group, &err), 0);
    ck_assert_uint_eq(group->count, 3); /* of any shape */
    target_group_unref(group);
    trees_release();
}
END_TEST

START_TEST(services_are_wanted_by_name_and_by_all_tags) {
    const char *names[] = {"web", "db"}, *tags[] = {"a", "b"};
    struct consul_sd_config all = {0}, named = {.services = {names, 2}}, tagged = {.tags = {tags, 2}};
    ck_assert(consul_wants_service(&all, SPAN("x"), NULL));
    ck_assert(consul_wants_service(&named, SPAN("db"), NULL) &&
              !consul_wants_service(&named, SPAN("x"), NULL));
    ck_assert(consul_wants_service(&tagged, SPAN("x"), tree("['b', 'c', 'a']")));
    ck_assert(!consul_wants_service(&tagged, SPAN("x"), tree("['b', 'c']")));
    trees_release();
}
END_TEST

/* ---- Docker ---- */

static const char docker_networks[] = "[{'Id': 'n1', 'Name': 'front', 'Scope': 'local', 'Internal': true, "
                                      "'Labels': {'a.b': 'c'}}, {'Id': 'n2', 'Name': 'back'}]";
static const char docker_containers[] =
    "[{'Id': 'c1', 'Names': ['/web', '/alias'], 'Labels': {'x-y': 'z'}, 'HostConfig': {'NetworkMode': "
    "'front'},"
    "  'Ports': [{'PrivatePort': 80, 'PublicPort': 8080, 'IP': '0.0.0.0', 'Type': 'tcp'}, {'PrivatePort': "
    "53, 'Type': 'udp'},"
    "            {'PrivatePort': 81, 'Type': 'tcp'}],"
    "  'NetworkSettings': {'Networks': {'front': {'NetworkID': 'n1', 'IPAddress': '10.0.0.1'}, 'back': "
    "{'NetworkID': 'n2', 'IPAddress': '10.1.0.1'}}}},"
    " {'Id': 'c2', 'Names': ['/sidecar'], 'HostConfig': {'NetworkMode': 'container:c1'}, 'Ports': [], "
    "'NetworkSettings': {'Networks': {}}},"
    " {'Id': 'c3', 'Names': ['/host'], 'HostConfig': {'NetworkMode': 'host'}, 'NetworkSettings': "
    "{'Networks': {'host': {'NetworkID': 'h', 'IPAddress': ''}}}},"
    " {'Id': 'c4', 'Names': ['/circle'], 'HostConfig': {'NetworkMode': 'container:c5'}, 'NetworkSettings': "
    "{'Networks': {}}},"
    " {'Id': 'c5', 'Names': ['/circle2'], 'HostConfig': {'NetworkMode': 'container:c4'}, 'NetworkSettings': "
    "{'Networks': {}}},"
    " {'Id': 'c6', 'Names': []}]";

START_TEST(a_docker_container_is_a_target_for_each_tcp_port) {
    struct docker_sd_config config = {
        .port = 9000, .host_networking_host = "me", .match_first_network = true};
    struct target_group *group;
    ck_assert_int_eq(docker_read(tree(docker_containers), tree(docker_networks), &config, &group, &err), 0);
    ck_assert_uint_eq(group->count, 4);
    expect_label(group, 0, "__address__", "10.1.0.1:80"); /* of "back", the first by name */
    expect_label(group, 0, "__meta_docker_container_name", "/web");
    expect_label(group, 0, "__meta_docker_container_label_x_y", "z");
    expect_label(group, 0, "__meta_docker_container_network_mode", "front");
    expect_label(group, 0, "__meta_docker_network_name", "back");
    expect_label(group, 0, "__meta_docker_network_internal", "false");
    expect_label(group, 0, "__meta_docker_network_ip", "10.1.0.1");
    expect_label(group, 0, "__meta_docker_port_private", "80");
    expect_label(group, 0, "__meta_docker_port_public", "8080");
    expect_label(group, 0, "__meta_docker_port_public_ip", "0.0.0.0");
    expect_label(group, 1, "__address__", "10.1.0.1:81");
    expect_label(group, 1, "__meta_docker_port_public", "");
    expect_label(group, 2, "__address__", "10.1.0.1:9000"); /* in the network of c1, without ports */
    expect_label(group, 3, "__address__", "me");
    target_group_unref(group);
    config.match_first_network = false;
    ck_assert_int_eq(docker_read(tree(docker_containers), tree(docker_networks), &config, &group, &err), 0);
    ck_assert_uint_eq(group->count, 7);
    expect_label(group, 0, "__meta_docker_network_label_a_b", "c");
    expect_label(group, 0, "__meta_docker_network_internal", "true");
    target_group_unref(group);
    ck_assert_int_eq(docker_read(tree("{}"), tree("[]"), &config, &group, &err), ERR_INVALID);
    trees_release();
}
END_TEST

/* ---- DNS ---- */

struct seen {
    struct dns_record records[8];
    char names[8][64];
    size_t count;
};

static void see(const struct dns_record *record, void *context) {
    struct seen *seen = context;
    snprintf(seen->names[seen->count], 64, "%.*s", SPAN_ARG(record->target));
    seen->records[seen->count++] = *record;
}

/* one question for "a.b", six answers: CNAME, A, SRV, MX, NS, TXT; names point back into the question */
static const unsigned char message[] = {
    0, 1,    0x81, 0x80, 0,  1,    0,  6,    0,    0,    0,   0,    1,  'a',  1,  'b',  0,  0, 1,  0,
    1, 0xc0, 12,   0,    5,  0,    1,  0,    0,    0,    9,   0,    2,  0xc0, 12, 0xc0, 12, 0, 1,  0,
    1, 0,    0,    0,    9,  0,    4,  10,   0,    0,    7,   0xc0, 12, 0,    33, 0,    1,  0, 0,  0,
    9, 0,    10,   0,    1,  0,    2,  0x1f, 0x90, 1,    'x', 0xc0, 12, 0xc0, 12, 0,    15, 0, 1,  0,
    0, 0,    9,    0,    6,  0,    5,  1,    'm',  0xc0, 14,  0xc0, 12, 0,    2,  0,    1,  0, 0,  0,
    9, 0,    2,    0xc0, 14, 0xc0, 12, 0,    16,   0,    1,   0,    0,  0,    9,  0,    2,  1, 't'};

START_TEST(the_records_of_an_answer_are_handed_out) {
    static const char *const expected[] = {"10.0.0.7", "x.a.b", "m.b", "b"};
    static const int types[] = {DNS_A, DNS_SRV, DNS_MX, DNS_NS};
    struct seen seen = {0};
    int rc = dns_message_read(span_of((const char *)message, sizeof message), see, &seen, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_uint_eq(seen.count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(seen.records[i].type, types[i]);
        ck_assert_str_eq(seen.names[i], expected[i]);
    }
    ck_assert_uint_eq(seen.records[1].port, 8080);
}
END_TEST

START_TEST(a_torn_answer_is_refused_wherever_it_ends) {
    for (size_t len = 0; len < sizeof message; len++) {
        struct seen seen = {0};
        char *copy = mem_alloc(len + 1); /* of its own, so that a read behind its end is seen */
        memcpy(copy, message, len);
        ck_assert_int_eq(dns_message_read(span_of(copy, len), see, &seen, &err), ERR_CORRUPT);
        mem_free(copy);
    }
}
END_TEST

CHECK_MAIN("readers", groups_are_read_from_json_and_yaml, no_groups_are_fine,
           malformed_groups_are_refused_as_a_whole, a_consul_service_has_all_its_labels,
           the_worst_check_is_the_health, services_are_wanted_by_name_and_by_all_tags,
           a_docker_container_is_a_target_for_each_tcp_port, the_records_of_an_answer_are_handed_out,
           a_torn_answer_is_refused_wherever_it_ends)
