#pragma once
/*
 * kube_object.h - inside of lib/discovery: objects of the Kubernetes API, kept by name, slim.
 *
 *     store of pods --"default/web-1"--> object: key, hash, tree of what discovery reads, one allocation
 *
 * A tree keeps only the keys that some label is made of (a table in kube_object.c), so a pod takes a few
 * kilobytes, and two versions that differ elsewhere (a heartbeat) have the same hash.
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/codec/yaml.h"

enum kube_resource {
    KUBE_NODE,
    KUBE_POD,
    KUBE_SERVICE,
    KUBE_ENDPOINTS,
    KUBE_ENDPOINTSLICE,
    KUBE_INGRESS,
    KUBE_NAMESPACE,
    KUBE_RESOURCE_COUNT
};

struct kube_object {
    struct span key; /* "namespace/name", or "name" where there are no namespaces */
    uint64_t hash;   /* of the tree */
    const struct ynode *root;
    const void *owner;   /* the watcher that it came by */
    uint64_t generation; /* of the list that it was last in */
};

struct kube_store {
    VEC(struct kube_object *) all;
    struct map by_key;
};

/* NULL when it has no name */
struct kube_object *kube_object_create(const struct ynode *root);
void kube_object_destroy(struct kube_object *object);

struct kube_object *kube_store_find(const struct kube_store *store, struct span namespace, struct span name);
/* takes the object; returns the one of that key that was there, which the caller owns then, or NULL */
struct kube_object *kube_store_put(struct kube_store *store, struct kube_object *object);
/* out of the store; the caller's then. NULL when it is not there. */
struct kube_object *kube_store_take(struct kube_store *store, struct span key);
void kube_store_release(struct kube_store *store);
