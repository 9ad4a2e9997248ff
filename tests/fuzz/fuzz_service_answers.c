/*
 * fuzz_service_answers.c - any JSON as what Consul and Docker answer: {"consul": ..., "containers": ...,
 * "networks": ...}.
 */
// links: lib_discovery
#include "lib/codec/json_read.h"
#include "lib/config/discovery.h"
#include "lib/discovery/consul_reader.h"
#include "lib/discovery/docker_reader.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct docker_sd_config docker = {.port = 80, .host_networking_host = "h"};
    struct target_group *group = NULL;
    struct arena arena;
    struct ymark where;
    const struct ynode *root = NULL;
    arena_init(&arena, (size_t)256 << 20, NULL);
    if (json_read(span_of((const char *)data, size), &arena, &root, &where, NULL) == 0) {
        if (consul_read_service(ynode_at(root, "consul"), "s", "dc", ",", &group, NULL) == 0)
            target_group_unref(group);
        for (int first = 0; first < 2; first++) {
            docker.match_first_network = first;
            if (docker_read(ynode_at(root, "containers"), ynode_at(root, "networks"), &docker, &group,
                            NULL) == 0)
                target_group_unref(group);
        }
    }
    arena_release(&arena);
    return 0;
}
