/*
 * fuzz_kube_object.c - any JSON as objects of the Kubernetes API: {"pods": [...], "nodes": [...], ...} is
 * kept and made groups of, in every role; a kept object is the same again when it is kept again.
 */
// links: lib_discovery
#include "lib/base/assert.h"
#include "lib/codec/json_read.h"
#include "lib/discovery/kube_groups.h"

#include <stdint.h>

static void keep(struct kube_store *store, const struct ynode *list) {
    const struct ynode *item;
    for (uint32_t i = 0; (item = ynode_item(list, i)); i++) {
        struct kube_object *object = kube_object_create(item);
        if (!object) continue;
        struct kube_object *again = kube_object_create(object->root);
        ASSERT(again && again->hash == object->hash && span_equal(again->key, object->key));
        kube_object_destroy(again);
        kube_object_destroy(kube_store_put(store, object));
    }
}

static void ignore(enum kube_resource resource, struct span namespace, struct span name, void *context) {
    (void)resource, (void)namespace, (void)name, (void)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[KUBE_RESOURCE_COUNT] = {
        "nodes", "pods", "services", "endpoints", "endpointslices", "ingresses", "namespaces"};
    struct kube_store stores[KUBE_RESOURCE_COUNT] = {0};
    struct kube_view view = {stores, true, true};
    struct arena arena;
    struct ymark where;
    const struct ynode *root = NULL;
    arena_init(&arena, (size_t)256 << 20, NULL);
    if (json_read(span_of((const char *)data, size), &arena, &root, &where, NULL) == 0)
        for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++) keep(&stores[i], ynode_at(root, names[i]));
    arena_release(&arena); /* what is kept stands on its own */
    for (enum kube_resource role = 0; role < KUBE_NAMESPACE; role++)
        for (size_t i = 0; i < stores[role].all.count; i++) {
            struct target_group *group = NULL;
            if (kube_group(role, stores[role].all.items[i], &view, &group, NULL) == 0)
                target_group_unref(group);
            kube_references(role, stores[role].all.items[i]->root, ignore, NULL);
        }
    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++) kube_store_release(&stores[i]);
    return 0;
}
