#include "lib/base/log.h"
#include "lib/discovery/dns_message.h"
#include "lib/discovery/fetch.h"
#include "lib/discovery/refresh.h"
#include "lib/discovery/resolver.h"
#include "lib/sys/timer.h"

/*
 * dns_sd_configs: a group for each name, a target for each of its records. A name that could not be asked for
 * keeps its group. resolv.conf is read again at every refresh.
 */

struct dns {
    struct provider *provider;
    struct refresh refresh;
    struct resolver *resolver; /* NULL between refreshes */
    struct loop_timer *end;    /* a resolver cannot be destroyed in its own call */
    size_t open;               /* questions without an answer */
    struct counter *lookups, *failures;
};

struct lookup {
    struct dns *dns;
    char *name;
    int64_t port;
    struct group_builder builder;
};

static int type_of(const char *name) {
    static const struct {
        const char *name;
        int type;
    } types[] = {{"A", DNS_A}, {"AAAA", DNS_AAAA}, {"MX", DNS_MX}, {"NS", DNS_NS}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) return types[i].type;
    return DNS_SRV;
}

static struct span address(struct group_builder *builder, struct span host, uint64_t port) {
    struct buf text;
    buf_init(&text, 512);
    put_address(&text, host, port);
    struct span copy = group_text(builder, "%s", buf_text(&text));
    buf_release(&text);
    return copy;
}

/* targets are named with the dot at their end, as they stand in the record; addresses without */
static void on_record(const struct dns_record *record, void *context) {
    struct lookup *lookup = context;
    struct group_builder *builder = &lookup->builder;
    struct span rooted = group_text(builder, "%.*s.", SPAN_ARG(record->target));
    bool is_srv = record->type == DNS_SRV;
    group_target(builder);
    group_target_label(builder, "__address__",
                       address(builder, record->target, is_srv ? record->port : (uint64_t)lookup->port));
    if (is_srv) {
        group_target_label(builder, "__meta_dns_srv_record_target", rooted);
        group_target_label(builder, "__meta_dns_srv_record_port", group_text(builder, "%u", record->port));
    } else if (record->type == DNS_MX) {
        group_target_label(builder, "__meta_dns_mx_record_target", rooted);
    } else if (record->type == DNS_NS) {
        group_target_label(builder, "__meta_dns_ns_record_target", rooted);
    }
}

static int take_answer(struct lookup *lookup, struct span message, struct err *err) {
    struct target_group *group;
    group_begin(&lookup->builder);
    lookup->builder.source = span_from(lookup->name);
    group_label(&lookup->builder, "__meta_dns_name", span_from(lookup->name));
    int rc = message.len ? dns_message_read(message, on_record, lookup, err) : 0;
    if (!rc) rc = group_finish(&lookup->builder, &group, err);
    if (!rc) provider_put(lookup->dns->provider, group);
    return rc;
}

static void lookup_free(struct lookup *lookup) {
    group_builder_release(&lookup->builder);
    mem_free(lookup->name);
    mem_free(lookup);
}

static void on_answer(int rc, struct span message, const struct err *err, void *context) {
    struct lookup *lookup = context;
    struct dns *dns = lookup->dns;
    struct err reason = *err;
    if (rc == ERR_CANCELED) {
        lookup_free(lookup);
        return;
    }
    provider_count(dns->lookups);
    if (!rc) rc = take_answer(lookup, message, &reason);
    if (rc) {
        provider_count(dns->failures);
        LOG(LOG_ERROR, "a name could not be looked up; its targets stay as they are", "config",
            dns->provider->set, "name", lookup->name, "err", reason.text);
    }
    lookup_free(lookup);
    if (--dns->open == 0) loop_timer_set(dns->end, 0);
}

static void end_refresh(void *context) {
    struct dns *dns = context;
    resolver_destroy(dns->resolver);
    dns->resolver = NULL;
    refresh_done(&dns->refresh, NULL);
}

static void ask(void *state) {
    struct dns *dns = state;
    const struct dns_sd_config *config = dns->provider->config;
    const struct provider_shared *shared = dns->provider->shared;
    struct err err = {0};
    const struct discovery_options *options = shared->options;
    if (resolver_create(shared->loop, options->dns_servers, options->dns_server_count, &dns->resolver,
                        &err)) {
        provider_count(dns->failures);
        refresh_done(&dns->refresh, &err);
        return;
    }
    dns->open = config->names.count;
    for (size_t i = 0; i < config->names.count; i++) {
        struct lookup *lookup = mem_zalloc(sizeof *lookup);
        lookup->dns = dns;
        lookup->name = mem_strdup(config->names.items[i]);
        lookup->port = config->port;
        group_builder_init(&lookup->builder);
        resolver_ask(dns->resolver, lookup->name, type_of(config->type), on_answer, lookup);
    }
}

static void *start(struct provider *provider) {
    const struct dns_sd_config *config = provider->config;
    struct dns *dns = mem_zalloc(sizeof *dns);
    dns->provider = provider;
    dns->lookups = provider_counter(provider, 0);
    dns->failures = provider_counter(provider, 1);
    dns->end = loop_timer_create(provider->shared->loop, end_refresh, dns);
    refresh_start(&dns->refresh, provider, config->refresh_interval_ms, ask, dns);
    return dns;
}

static void stop(void *state) {
    struct dns *dns = state;
    resolver_destroy(dns->resolver);
    loop_timer_destroy(dns->end);
    refresh_stop(&dns->refresh);
    mem_free(dns);
}

const struct provider_kind dns_kind = {
    .name = "dns",
    .start = start,
    .stop = stop,
    .counters = {{"prometheus_sd_dns_lookups_total", "DNS lookups."},
                 {"prometheus_sd_dns_lookup_failures_total", "DNS lookups that failed."}}};
