/*
 * Discovery at work: sets, providers and their updates, against servers of the test's own on 127.0.0.1.
 */
#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/discovery/discovery.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "tests/check_main.h"
#include "tests/unit/lib/http/fake_server.h"

#include <stdlib.h>

#define THROTTLE_MS 200
#define NEVER_MS 60000 /* a throttle that a test does not outlast */
#define MAX_SETS 4

static struct update { /* what discovery said last of a set */
    char set[32];
    struct target_groups *groups;
    size_t count;
    int64_t at_ms;
} updates[MAX_SETS];
static struct mutex lock; /* guards updates */
static struct fake_server server;
static struct discovery *discovery;
static struct registry *registry;
static struct err err;

static struct update *update_of(const char *set) {
    for (size_t i = 0; i < MAX_SETS; i++)
        if (strcmp(updates[i].set, set) == 0 || !updates[i].set[0]) {
            snprintf(updates[i].set, sizeof updates[i].set, "%s", set);
            return &updates[i];
        }
    ck_abort_msg("too many sets");
}

static void on_update(void *context, const char *set, struct target_groups *groups) {
    (void)context;
    mutex_lock(&lock);
    struct update *update = update_of(set);
    target_groups_unref(update->groups);
    update->groups = target_groups_ref(groups);
    update->count++;
    update->at_ms = clock_monotonic_ms();
    mutex_unlock(&lock);
}

static void begin_throttled(const char *dns_server, int64_t throttle_ms) {
    static const char *servers[1];
    struct discovery_options options = {.name = "scrape", .throttle_ms = throttle_ms, .retry_ms = 50};
    servers[0] = dns_server;
    options.dns_servers = servers;
    options.dns_server_count = dns_server != NULL;
    mutex_init(&lock);
    fake_server_start(&server);
    registry = registry_create();
    ck_assert_int_eq(discovery_create(&options, registry, on_update, NULL, &discovery, &err), 0);
}

static void begin(const char *dns_server) {
    begin_throttled(dns_server, THROTTLE_MS);
}

static void end(void) {
    discovery_destroy(discovery);
    fake_server_end(&server);
    registry_destroy(registry);
    for (size_t i = 0; i < MAX_SETS; i++) target_groups_unref(updates[i].groups);
    memset(updates, 0, sizeof updates);
    mutex_release(&lock);
}

/* jobs, with PORT standing for the fake server's */
static void apply(const char *jobs) {
    static struct config_errors errors;
    struct config *config;
    struct discovery_set sets[MAX_SETS];
    char text[4000] = "scrape_configs:\n";
    while (*jobs) {
        const char *port = strstr(jobs, "PORT");
        size_t len = strlen(text), piece = port ? (size_t)(port - jobs) : strlen(jobs);
        if (port)
            snprintf(text + len, sizeof text - len, "%.*s%d", (int)piece, jobs, server.port);
        else
            snprintf(text + len, sizeof text - len, "%s", jobs);
        jobs += piece + (port ? 4 : 0);
    }
    int rc = config_load_text(span_from(text), "test.yml", &config, &errors);
    ck_assert_msg(rc == 0, "%s", errors.items[0].message);
    ck_assert_uint_le(config->scrape_configs.count, MAX_SETS);
    for (size_t i = 0; i < config->scrape_configs.count; i++)
        sets[i] = (struct discovery_set){config->scrape_configs.items[i].job_name,
                                         &config->scrape_configs.items[i].discovery};
    discovery_apply(discovery, config, sets, config->scrape_configs.count);
    config_unref(config);
}

static size_t update_count(const char *set) {
    mutex_lock(&lock);
    size_t count = update_of(set)->count;
    mutex_unlock(&lock);
    return count;
}

/* all addresses of a set, sorted, with blanks between them; "-" before the first update */
static const char *addresses(const char *set) {
    static char text[1000];
    char *found[20];
    size_t count = 0;
    mutex_lock(&lock);
    const struct target_groups *groups = update_of(set)->groups;
    for (size_t i = 0; groups && i < groups->count; i++)
        for (size_t k = 0; k < groups->items[i]->count; k++) {
            struct span address = labels_get(groups->items[i]->targets[k], SPAN("__address__"));
            ck_assert_uint_lt(count, 20);
            found[count++] = mem_strndup(address.ptr, address.len);
        }
    snprintf(text, sizeof text, "%s", groups ? "" : "-");
    mutex_unlock(&lock);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++)
            if (strcmp(found[k], found[i]) < 0) {
                char *other = found[i];
                found[i] = found[k];
                found[k] = other;
            }
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", found[i]);
        mem_free(found[i]);
    }
    return text;
}

static void wait_addresses(const char *set, const char *expected) {
    for (int64_t until = clock_monotonic_ms() + 20000; strcmp(addresses(set), expected) != 0; usleep(2000))
        ck_assert_msg(clock_monotonic_ms() < until, "%s is \"%s\", not \"%s\"", set, addresses(set),
                      expected);
}

static void wait_asked(const char *path, size_t more) {
    size_t wanted = fake_server_asked(&server, path) + more;
    for (int64_t until = clock_monotonic_ms() + 20000; fake_server_asked(&server, path) < wanted;
         usleep(2000))
        ck_assert_msg(clock_monotonic_ms() < until, "%s was not asked for", path);
}

static double metric(const char *name, const char *label, const char *value) {
    const char *labels[] = {label, value, NULL};
    return counter_value(registry_counter(registry, name, "", label ? labels : NULL));
}

#define JSON "200 OK\r\nContent-Type: application/json"
static void serve(const char *path, const char *head, const char *body) {
    fake_server_set(&server, path, head, body, strlen(body));
}

/* ---- sets ---- */

START_TEST(static_targets_come_at_once_and_follow_reloads) {
    begin(NULL);
    apply("- {job_name: a, static_configs: [{targets: [x, y]}, {targets: [z]}]}\n- {job_name: b}\n");
    wait_addresses("a", "x y z");
    wait_addresses("b", ""); /* a set of nothing is told, too */
    apply("- {job_name: a, static_configs: [{targets: [x]}]}\n- {job_name: c, static_configs: [{targets: "
          "[x]}]}\n");
    wait_addresses("a", "x");
    wait_addresses("c", "x");
    ck_assert_uint_eq(update_count("b"), 1); /* gone: not called for any more */
    end();
}
END_TEST

START_TEST(sets_with_equal_configurations_share_a_provider) {
    begin(NULL);
    serve("/t", JSON, "[{\"targets\": [\"x\"]}]");
    apply("- {job_name: a, http_sd_configs: [{url: 'http://127.0.0.1:PORT/t', refresh_interval: 1h}]}\n"
          "- {job_name: b, http_sd_configs: [{url: 'http://127.0.0.1:PORT/t', refresh_interval: 1h}]}\n");
    wait_addresses("a", "x");
    wait_addresses("b", "x");
    ck_assert_uint_eq(fake_server_asked(&server, "/t"), 1);
    end();
}
END_TEST

START_TEST(a_reload_keeps_equal_providers_and_what_they_found) {
    static const char job[] =
        "- {job_name: a, http_sd_configs: [{url: 'http://127.0.0.1:PORT/t', refresh_interval: 1h}]}\n";
    begin(NULL);
    serve("/t", JSON, "[{\"targets\": [\"x\"]}]");
    apply(job);
    wait_addresses("a", "x");
    fake_server_set(&server, "/t", NULL, NULL, 0);
    for (size_t i = 2; i < 5; i++) {
        apply(job);
        for (int64_t until = clock_monotonic_ms() + 20000; update_count("a") < i; usleep(2000))
            ck_assert_int_lt(clock_monotonic_ms(), until);
        ck_assert_str_eq(addresses("a"), "x");
    }
    ck_assert_uint_eq(fake_server_asked(&server, "/t"), 1);
    end();
}
END_TEST

START_TEST(a_new_provider_is_waited_for_before_the_old_targets_go) {
    begin_throttled(NULL, NEVER_MS);
    serve("/new", JSON, "[{\"targets\": [\"new\"]}]");
    apply("- {job_name: a, static_configs: [{targets: [old]}]}\n");
    wait_addresses("a", "old");
    apply("- {job_name: a, http_sd_configs: [{url: 'http://127.0.0.1:PORT/new', refresh_interval: 1h}]}\n");
    wait_addresses("a", "new");
    ck_assert_uint_eq(update_count("a"), 2); /* never empty between the two */
    end();
}
END_TEST

START_TEST(updates_of_a_set_are_throttled_but_for_the_first) {
    begin(NULL);
    int64_t begin_ms = clock_monotonic_ms();
    serve("/t", JSON, "[{\"targets\": [\"x\"]}]");
    apply("- {job_name: a, http_sd_configs: [{url: 'http://127.0.0.1:PORT/t', refresh_interval: 10ms}]}\n");
    wait_addresses("a", "x");
    int64_t first_ms = updates[0].at_ms;
    ck_assert_msg(first_ms - begin_ms < 10000, "the first is not at once");
    size_t told = update_count("a");
    wait_asked("/t", 5);
    ck_assert_uint_eq(update_count("a"), told); /* nothing new was said */
    serve("/t", JSON, "[{\"targets\": [\"y\"]}]");
    wait_addresses("a", "y");
    serve("/t", JSON, "[{\"targets\": [\"z\"]}]");
    int64_t second_ms = updates[0].at_ms;
    wait_addresses("a", "z");
    ck_assert_int_ge(updates[0].at_ms - second_ms, THROTTLE_MS - 5);
    end();
}
END_TEST

START_TEST(discovery_can_be_destroyed_while_it_asks) {
    begin("127.0.0.1:1");
    fake_server_set(&server, "/never", NULL, NULL, 0);
    apply("- {job_name: a, http_sd_configs: [{url: 'http://127.0.0.1:PORT/never', refresh_interval: 1h}],\n"
          "   dns_sd_configs: [{names: [x., y.]}], file_sd_configs: [{files: ['/nonexistent/*.json']}],\n"
          "   consul_sd_configs: [{server: '127.0.0.1:PORT', path_prefix: /never}],\n"
          "   docker_sd_configs: [{host: 'tcp://127.0.0.1:PORT/never'}],\n"
          "   kubernetes_sd_configs: [{role: endpoints, api_server: 'http://127.0.0.1:PORT/never'}]}\n");
    wait_asked("/never", 1);
    end();
}
END_TEST

/* ---- kinds ---- */

START_TEST(a_failing_http_server_leaves_the_targets_as_they_are) {
    static const struct {
        const char *head, *body;
    } bad[] = {
        {"500 Internal Server Error\r\nContent-Type: application/json", "[]"},
        {"200 OK\r\nContent-Type: text/plain", "[]"},
        {"200 OK", "[]"},
        {JSON "; charset=latin1", "[]"},
        {JSON, "[{\"targets\": [\"x\", 1]}]"},
        {JSON, "[{"},
    };
    begin(NULL);
    serve("/t", JSON "; charset=UTF-8", "[{\"targets\": [\"x\"]}, {\"targets\": [\"y\"]}]");
    apply("- {job_name: a, http_sd_configs: [{url: 'http://127.0.0.1:PORT/t', refresh_interval: 10ms}]}\n");
    wait_addresses("a", "x y");
    size_t told = update_count("a"); /* twice, when the first answer came too late */
    ck_assert(fake_server_heard(&server, "/t", "X-Prometheus-Refresh-Interval-Seconds: 0.01\r\n"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double before = metric("prometheus_sd_http_failures_total", NULL, NULL);
        serve("/t", bad[i].head, bad[i].body);
        for (int64_t until = clock_monotonic_ms() + 20000;
             metric("prometheus_sd_http_failures_total", NULL, NULL) < before + 2; usleep(2000))
            ck_assert_msg(clock_monotonic_ms() < until, "answer %zu is no failure", i);
    }
    ck_assert_str_eq(addresses("a"), "x y");
    ck_assert_uint_eq(update_count("a"), told);
    serve("/t", JSON, "[{\"targets\": [\"x\"]}]"); /* a shorter list */
    wait_addresses("a", "x");
    serve("/t", JSON, "[]");
    wait_addresses("a", "");
    end();
}
END_TEST

static void write_file(const char *folder, const char *name, const char *text) {
    char path[128], beside[140];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(beside, sizeof beside, "%s.new", path);
    FILE *file = fopen(beside, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    ck_assert_int_eq(rename(beside, path), 0);
}

START_TEST(files_are_followed_while_they_come_change_break_and_go) {
    char folder[] = "/tmp/ferula-sd-XXXXXX", job[300], path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(job, sizeof job,
             "- {job_name: a, file_sd_configs: [{files: ['%s/t-*.json', '%s/*.yml', '%s/t-1.json']}]}\n",
             folder, folder, folder);
    begin(NULL);
    write_file(folder, "t-1.json", "[{\"targets\": [\"one\"]}]");
    write_file(folder, "other.json", "[{\"targets\": [\"no\"]}]");
    apply(job);
    wait_addresses("a", "one");
    write_file(folder, "x.yml", "- targets: [two, three]\n- targets: [four]\n");
    wait_addresses("a", "four one three two");
    write_file(folder, "x.yml", "- targets: [two]\n"); /* a group less */
    wait_addresses("a", "one two");
    write_file(folder, "x.yml", "- targets: [two\n");
    write_file(folder, "t-1.json", "[{\"targets\": [\"uno\"]}]");
    wait_addresses("a", "two uno");
    ck_assert(metric("prometheus_sd_file_read_errors_total", NULL, NULL) > 0);
    snprintf(path, sizeof path, "%s/x.yml", folder);
    unlink(path);
    wait_addresses("a", "uno");
    snprintf(path, sizeof path, "%s/t-1.json", folder);
    unlink(path);
    wait_addresses("a", "");
    snprintf(path, sizeof path, "%s/other.json", folder);
    unlink(path);
    rmdir(folder);
    end();
}
END_TEST

/* a name server of one thread: "web.good.test." has two SRV records, "down.test." fails, all else is unknown
 */
static struct {
    int fd;
    bool is_down; /* answers SERVFAIL to all */
    struct thread thread;
} names;

static size_t answer_name(unsigned char *message, size_t len) {
    static const unsigned char records[] = {0xc0, 12, 0, 33, 0, 1,   0, 0,    0,  1, 0,  9, 0,   0,
                                            0,    0,  0, 80, 1, 'x', 0, 0xc0, 12, 0, 33, 0, 1,   0,
                                            0,    0,  1, 0,  9, 0,   0, 0,    0,  0, 81, 1, 'y', 0};
    size_t end = 12;
    while (end < len && message[end]) end += 1u + message[end];
    end += 5;
    bool is_good = memmem(message + 12, end - 12, "\3web\4good\4test", 14) != NULL;
    message[2] = 0x81;
    message[3] = __atomic_load_n(&names.is_down, __ATOMIC_ACQUIRE) ? 2 : is_good ? 0 : 3;
    memset(message + 6, 0, 6);
    if (message[3]) return end;
    message[7] = 2;
    memcpy(message + end, records, sizeof records);
    return end + sizeof records;
}

static void *serve_names(void *context) {
    unsigned char message[600];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    (void)context;
    for (;;) {
        ssize_t got = recvfrom(names.fd, message, 500, 0, (struct sockaddr *)&from, &from_len);
        if (got <= 12) return NULL; /* the test's end */
        size_t len = answer_name(message, (size_t)got);
        sendto(names.fd, message, len, 0, (struct sockaddr *)&from, from_len);
    }
}

START_TEST(names_are_looked_up_in_the_search_domains) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    char dns_server[32];
    names.fd = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(names.fd, (struct sockaddr *)&address, sizeof address), 0);
    getsockname(names.fd, (struct sockaddr *)&address, &len);
    snprintf(dns_server, sizeof dns_server, "127.0.0.1:%d", ntohs(address.sin_port));
    thread_start(&names.thread, "names", serve_names, NULL);
    setenv("LOCALDOMAIN", "bad.test good.test", 1);
    begin(dns_server);
    apply("- {job_name: a, dns_sd_configs: [{names: [web], refresh_interval: 20ms}]}\n"
          "- {job_name: b, dns_sd_configs: [{names: [web.], refresh_interval: 20ms}]}\n");
    wait_addresses("a", "x:80 y:81");
    wait_addresses("b", ""); /* as it stands it is unknown */
    ck_assert(metric("prometheus_sd_dns_lookup_failures_total", NULL, NULL) == 0);
    __atomic_store_n(&names.is_down, true, __ATOMIC_RELEASE);
    for (int64_t until = clock_monotonic_ms() + 20000;
         metric("prometheus_sd_dns_lookup_failures_total", NULL, NULL) < 3; usleep(2000))
        ck_assert_int_lt(clock_monotonic_ms(), until);
    ck_assert_str_eq(addresses("a"), "x:80 y:81");
    end();
    sendto(names.fd, "", 0, 0, (struct sockaddr *)&address, len);
    thread_join(&names.thread);
    close(names.fd);
    unsetenv("LOCALDOMAIN");
}
END_TEST

#define INDEX(n) "200 OK\r\nX-Consul-Index: " #n
#define NODE(address) "[{\"Node\": {\"Address\": \"" address "\"}, \"Service\": {\"Port\": 1}}]"

START_TEST(consul_is_followed_through_its_index) {
    begin(NULL);
    serve("/v1/agent/self", "200 OK", "{\"Config\": {\"Datacenter\": \"dc1\"}}");
    serve("/v1/catalog/services", INDEX(5), "{\"web\": [], \"db\": []}");
    serve("/v1/health/service/web", INDEX(5), NODE("a"));
    serve("/v1/health/service/db", INDEX(5), NODE("b"));
    apply("- {job_name: a, consul_sd_configs: [{server: '127.0.0.1:PORT', refresh_interval: 10ms, node_meta: "
          "{r: s}}]}\n");
    wait_addresses("a", "a:1 b:1");
    wait_asked("/v1/health/service/web", 2);
    ck_assert(fake_server_heard(&server, "/v1/health/service/web", "dc=") == false);
    ck_assert(
        fake_server_heard(&server, "/v1/health/service/web", "stale=&node-meta=r%3As&index=5&wait=120000ms"));
    serve("/v1/health/service/web", INDEX(5), NODE("unseen")); /* the index says that nothing is new */
    wait_asked("/v1/health/service/web", 2);
    serve("/v1/health/service/web", INDEX(6), NODE("c"));
    wait_addresses("a", "b:1 c:1");
    serve("/v1/catalog/services", INDEX(7), "{\"web\": []}");
    wait_addresses("a", "c:1");
    serve("/v1/health/service/web", INDEX(1), NODE("d")); /* another server: it goes back */
    wait_addresses("a", "d:1");
    serve("/v1/health/service/web", "500 No Leader", "no leader");
    for (int64_t until = clock_monotonic_ms() + 20000;
         metric("prometheus_sd_consul_rpc_failures_total", NULL, NULL) < 2; usleep(2000))
        ck_assert_int_lt(clock_monotonic_ms(), until);
    ck_assert_str_eq(addresses("a"), "d:1");
    end();
}
END_TEST

START_TEST(the_first_of_consul_is_of_all_services) {
    begin_throttled(NULL, NEVER_MS);
    serve("/v1/agent/self", "200 OK", "{\"Config\": {\"Datacenter\": \"dc1\"}}");
    serve("/v1/catalog/services", INDEX(5), "{\"web\": [], \"db\": []}");
    serve("/v1/health/service/web", INDEX(5), NODE("a"));
    fake_server_set(&server, "/v1/health/service/db", NULL, NULL, 0);
    apply("- {job_name: a, consul_sd_configs: [{server: '127.0.0.1:PORT', refresh_interval: 10ms}]}\n");
    wait_asked("/v1/health/service/web", 2); /* answered once at least */
    ck_assert_str_eq(addresses("a"), "-");
    end();
}
END_TEST

START_TEST(named_consul_services_need_no_catalog) {
    begin(NULL);
    serve("/v1/health/service/web", INDEX(5), NODE("a"));
    apply(
        "- {job_name: a, consul_sd_configs: [{server: '127.0.0.1:PORT', datacenter: d, services: [web]}]}\n");
    wait_addresses("a", "a:1");
    ck_assert(fake_server_heard(&server, "/v1/health/service/web", "dc=d&"));
    end();
}
END_TEST

START_TEST(docker_is_asked_for_containers_then_networks) {
    begin(NULL);
    serve("/containers/json", "200 OK",
          "[{\"Id\": \"c\", \"Names\": [\"/n\"], \"NetworkSettings\": {\"Networks\": {\"x\": {\"IPAddress\": "
          "\"10.0.0.1\"}}}}]");
    apply("- {job_name: a, docker_sd_configs: [{host: 'tcp://127.0.0.1:PORT', port: 7, refresh_interval: "
          "10ms,\n"
          "   filters: [{name: status, values: [running]}, {name: label, values: [a]}, {name: status, "
          "values: [paused]}]}]}\n");
    wait_addresses("a", ""); /* without networks no answer */
    ck_assert(fake_server_heard(&server, "/containers/json",
                                "filters=%7B%22status%22%3A%7B%22running%22%3Atrue%2C%22paused%22%3Atrue%7D%"
                                "2C%22label%22%3A%7B%22a%22%3Atrue%7D%7D"));
    serve("/networks", "200 OK", "[]");
    wait_addresses("a", "10.0.0.1:7");
    ck_assert(metric("prometheus_sd_http_failures_total", NULL, NULL) == 0);
    end();
}
END_TEST

START_TEST(kubernetes_waits_for_all_lists_and_outlives_failures) {
    begin(NULL);
    serve("/api/v1/pods", "200 OK", "{\"metadata\": {\"resourceVersion\": \"1\"}, \"items\": []}");
    serve("/api/v1/services", "200 OK", "{\"metadata\": {\"resourceVersion\": \"1\"}, \"items\": []}");
    serve("/api/v1/endpoints", "200 OK",
          "{\"metadata\": {\"resourceVersion\": \"1\"}, \"items\": [{\"metadata\": {\"name\": \"e\", "
          "\"namespace\": \"n\"},"
          " \"subsets\": [{\"ports\": [{\"port\": 1}], \"addresses\": [{\"ip\": \"10.0.0.1\"}]}]}]}");
    serve("/api/v1/nodes", "403 Forbidden", "{\"message\": \"no\"}");
    apply("- {job_name: a, kubernetes_sd_configs: [{role: endpoints, api_server: 'http://127.0.0.1:PORT/', "
          "attach_metadata: {node: true}}]}\n");
    for (int64_t until = clock_monotonic_ms() + 20000;
         metric("prometheus_sd_kubernetes_failures_total", NULL, NULL) < 2; usleep(2000))
        ck_assert_int_lt(clock_monotonic_ms(), until);
    ck_assert_str_eq(addresses("a"), ""); /* not half of it */
    serve("/api/v1/nodes", "200 OK", "{\"metadata\": {\"resourceVersion\": \"1\"}, \"items\": []}");
    wait_addresses("a", "10.0.0.1:1");
    end();
}
END_TEST

CHECK_MAIN("discovery", static_targets_come_at_once_and_follow_reloads,
           sets_with_equal_configurations_share_a_provider,
           a_reload_keeps_equal_providers_and_what_they_found,
           a_new_provider_is_waited_for_before_the_old_targets_go,
           updates_of_a_set_are_throttled_but_for_the_first, discovery_can_be_destroyed_while_it_asks,
           a_failing_http_server_leaves_the_targets_as_they_are,
           files_are_followed_while_they_come_change_break_and_go, names_are_looked_up_in_the_search_domains,
           consul_is_followed_through_its_index, the_first_of_consul_is_of_all_services,
           named_consul_services_need_no_catalog, docker_is_asked_for_containers_then_networks,
           kubernetes_waits_for_all_lists_and_outlives_failures)
