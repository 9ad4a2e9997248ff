#pragma once
/*
 * kube_labels.h - inside of lib/discovery: the __meta_kubernetes_ labels that several roles have in common.
 *
 * All put labels where the builder is: into the group before its first target, then into the last target.
 */
#include "lib/discovery/kube_groups.h"

/* __address__, as ip:port, or the bare host when port is empty */
void kube_put_address(struct group_builder *b, struct span host, struct span port);
/* labels and annotations of the object, each with its "present" twin; with_name: its name, too */
void kube_put_meta(struct group_builder *b, const char *role, const struct ynode *object, bool with_name);
void kube_put_pod_labels(struct group_builder *b, const struct ynode *pod);
void kube_put_service_labels(struct group_builder *b, const struct ynode *service);
/* nothing when they are not attached, or the object is not known */
void kube_put_node_labels(struct group_builder *b, const struct kube_view *view, struct span node);
void kube_put_namespace_labels(struct group_builder *b, const struct kube_view *view,
                               const struct ynode *object);
/* of the last target; port may be NULL */
void kube_put_container(struct group_builder *b, const struct ynode *container, const struct ynode *port,
                        bool is_init);

/* kube_endpoints.c */
void kube_put_endpoints(struct group_builder *b, const struct ynode *endpoints, const struct kube_view *view);
void kube_put_endpointslice(struct group_builder *b, const struct ynode *slice, const struct kube_view *view);
void kube_endpoint_references(enum kube_resource role, const struct ynode *object,
                              void (*each)(enum kube_resource resource, struct span namespace,
                                           struct span name, void *context),
                              void *context);
