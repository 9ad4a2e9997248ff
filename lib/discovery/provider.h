#pragma once
/*
 * provider.h - inside of lib/discovery: one *_sd_config at work, and what the kinds need for that.
 *
 *     kind->start(provider) -> timers, requests ... -> provider_put(group), provider_remove(source)
 *                                                      provider_spoke() or provider_failed()
 *
 * All of it belongs to discovery's thread. `config` may move to an equal one at any reload: read through it
 * each time, keep no pointer into it.
 */
#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/config/discovery.h"
#include "lib/discovery/discovery.h"

struct http_client;
struct loop;
struct provider;

#define KIND_COUNTERS 2

struct provider_kind {
    const char *name;                          /* "http" */
    void *(*start)(struct provider *provider); /* its state, given to stop */
    void (*stop)(void *state);
    struct {
        const char *name, *help; /* of a metric; NULL: none */
    } counters[KIND_COUNTERS];   /* shown as 0 whether a configuration has the kind or not */
};

/* the kinds, in order of enum discovery_kind */
extern const struct provider_kind static_kind, file_kind, http_kind, dns_kind, kubernetes_kind, consul_kind,
    docker_kind;

struct provider_shared { /* by all providers of a discovery */
    struct loop *loop;
    struct http_client *client;
    struct registry *registry; /* may be NULL */
    struct counter *received;  /* updates; may be NULL */
    const struct discovery_options *options;
    void (*on_change)(struct provider *provider, void *context);
    void *context;
};

struct provider {
    uint32_t magic;
    struct provider_shared *shared;
    const struct provider_kind *kind;
    const void *config;                /* struct http_sd_config ... */
    struct hash128 key;                /* of kind and configuration, secrets included */
    const char *set;                   /* the first that wanted it, for logs and metrics; owned */
    void *state;                       /* the kind's */
    bool has_started, has_changed;     /* has_changed: since it spoke last */
    bool has_spoken;                   /* found something or failed, at least once */
    bool is_wanted;                    /* discovery's mark during a reload */
    VEC(struct target_group *) groups; /* owned references, unique by source */
    struct map by_source;              /* index into groups */
};

struct provider *provider_create(struct provider_shared *shared, const struct provider_kind *kind,
                                 const void *config, struct hash128 key, const char *set);
void provider_destroy(struct provider *provider);

/* takes the reference over; a group without targets takes its source away */
void provider_put(struct provider *provider, struct target_group *group);
void provider_remove(struct provider *provider, struct span source);
/* what has been put and removed is complete for now; nobody hears of it when that is what there was */
void provider_spoke(struct provider *provider);
/* logs it; the groups stay as they are */
void provider_failed(struct provider *provider, const struct err *err);

/* one of its kind's counters: NULL without a registry; counted by these, which accept NULL */
struct counter *provider_counter(const struct provider *provider, size_t which);
void provider_count(struct counter *counter);
