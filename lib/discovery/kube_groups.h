#pragma once
/*
 * kube_groups.h - inside of lib/discovery: a Kubernetes object as a target group.
 */
#include "lib/discovery/kube_object.h"
#include "lib/model/target_group.h"

struct kube_view {                    /* what else is known; a store that is not watched is empty */
    const struct kube_store *stores;  /* KUBE_RESOURCE_COUNT */
    bool with_nodes, with_namespaces; /* attach_metadata */
};

/* "pod/default/web-1" */
void kube_put_source(struct buf *out, enum kube_resource role, struct span key);
/* The group of an object of the role's resource, possibly without targets. 0 or ERR_LIMIT. */
int kube_group(enum kube_resource role, const struct kube_object *object, const struct kube_view *view,
               struct target_group **group, struct err *err);
/* Calls each for every other object that the group of this one takes labels from, there or not. */
void kube_references(enum kube_resource role, const struct ynode *object,
                     void (*each)(enum kube_resource resource, struct span namespace, struct span name,
                                  void *context),
                     void *context);
