#pragma once
/*
 * kube_watch.h - inside of lib/discovery: one resource of the Kubernetes API, listed and then followed.
 *
 *     list in pages of 500 -> put ... listed(generation) -> watch from the list's resourceVersion
 *        ^                                                    | ADDED, MODIFIED -> put   DELETED -> removed
 *        +---- 410 Gone: the version is too old --------------+ BOOKMARK -> only the version moves on
 *
 * A watch that ends is taken up again where it was; a failure waits, longer each time, up to MAX_BACKOFF_MS.
 */
#include "lib/codec/yaml.h"
#include "lib/config/discovery.h"
#include "lib/discovery/provider.h"

struct kube_watch;

struct kube_watch_events {
    /* the object is valid during the call; generation counts the lists */
    void (*put)(struct kube_watch *watch, const struct ynode *object, uint64_t generation, void *context);
    void (*removed)(struct kube_watch *watch, const struct ynode *object, void *context);
    /* all objects of a list were put with this generation: what has an older one is gone */
    void (*listed)(struct kube_watch *watch, uint64_t generation, void *context);
    void (*failed)(struct kube_watch *watch, const struct err *err, void *context);
    /* asked before each request, since a reload may move it */
    const struct http_client_config *(*client_config)(void *context);
};

struct kube_watch_options {                      /* texts are copied */
    const char *url;                             /* of the collection, without a query */
    const char *label_selector, *field_selector; /* may be NULL */
    int64_t min_backoff_ms;
};

struct kube_watch *kube_watch_create(const struct provider_shared *shared,
                                     const struct kube_watch_options *options,
                                     const struct kube_watch_events *events, void *context);
/* not inside of its events; NULL is fine */
void kube_watch_destroy(struct kube_watch *watch);
