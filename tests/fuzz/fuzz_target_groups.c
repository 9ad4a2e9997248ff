/*
 * fuzz_target_groups.c - any bytes as target groups, in JSON and in YAML: whole groups or none.
 */
// links: lib_discovery
#include "lib/base/assert.h"
#include "lib/discovery/group_reader.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int is_json = 0; is_json < 2; is_json++) {
        struct group_origin origin = {"fuzz", "__meta_url", is_json};
        struct group_list groups = {0};
        struct err err = {0};
        int rc = group_reader_parse(span_of((const char *)data, size), &origin, &groups, &err);
        ASSERT(rc ? groups.all.count == 0 && err.text[0] : 1);
        for (size_t i = 0; i < groups.all.count; i++)
            for (size_t k = 0; k < groups.all.items[i]->count; k++) {
                struct labels labels = groups.all.items[i]->targets[k];
                for (uint32_t l = 1; l < labels.count; l++)
                    ASSERT(span_compare(labels.items[l - 1].name, labels.items[l].name) < 0);
            }
        group_list_release(&groups);
    }
    return 0;
}
