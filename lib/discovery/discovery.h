#pragma once
/*
 * discovery.h - who is there: the *_sd_configs of all kinds as target groups, kept up to date.
 *
 *     set "node" (a job) --+-- provider http "http://a/targets"  --+      a snapshot of all groups of the set
 *     set "app"  ----------+-- provider file "targets/x-*.json"  --+--->  update(context, "app", groups)
 *                              one thread, one loop, no waiting           at once, then every 5 s at most
 *
 * A provider is one *_sd_config. Sets whose configurations are equal share it, and a provider whose
 * configuration is equal after a reload goes on with what it has found, so a reload never empties a set. A
 * refresh that fails leaves the groups as they are; it is counted and logged.
 */
#include "lib/base/err.h"
#include "lib/model/target_group.h"

#include <stddef.h>
#include <stdint.h>

struct config;
struct discovery_config;
struct registry;
struct discovery;

struct discovery_set {
    const char *name; /* unique in a list */
    const struct discovery_config *config;
};

/* On discovery's thread, which waits meanwhile. A set that has no target any more gets an empty snapshot; one
 * that is not applied any more is not called for. Keep a reference of groups to keep them. */
typedef void discovery_update(void *context, const char *set, struct target_groups *groups);

struct discovery_options {
    const char *name;               /* of metrics: "scrape" */
    const char *user_agent;         /* NULL: Ferula/<version> */
    const char *const *dns_servers; /* host:port; none: those of /etc/resolv.conf */
    size_t dns_server_count;
    const char *service_account; /* folder of token, ca.crt and namespace; NULL: where Kubernetes puts it */
    int64_t throttle_ms;         /* between two updates of a set; 0: 5 s */
    int64_t retry_ms;            /* after a failure, where the kind has no interval of its own; 0: 15 s */
};

/* starts the thread, without sets; texts must outlive it. registry may be NULL. */
int discovery_create(const struct discovery_options *options, struct registry *registry,
                     discovery_update *update, void *context, struct discovery **discovery, struct err *err);
/* From now on these sets; keeps a reference of the configuration they are of. Returns at once. One thread. */
void discovery_apply(struct discovery *discovery, struct config *config, const struct discovery_set *sets,
                     size_t count);
/* no update is called any more when it returns; NULL is fine */
void discovery_destroy(struct discovery *discovery);
/* whether a file of file_sd_configs can be read; ERR_INVALID says what is wrong with it. Any thread. */
int discovery_check_file(const char *path, struct err *err);
