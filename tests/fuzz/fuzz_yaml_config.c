/*
 * fuzz_yaml_config.c - any bytes as a configuration: no crash, no hang; what loads can be written, and what
 * was written is a configuration again.
 */
// links: lib_config
#include "lib/base/assert.h"
#include "lib/config/config.h"

#include <stdint.h>

static struct config_errors errors;

/* keys of more than 1024 bytes and control characters have no plain form to read back */
static bool reads_back(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((data[i] < ' ' && data[i] != '\n') || data[i] == '$' || data[i] == '\\' || data[i] >= 127)
            return false;
    return size < 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config *config, *again;
    if (config_load_text(span_of((const char *)data, size), "fuzz.yml", &config, &errors)) {
        ASSERT(errors.count > 0);
        return 0;
    }
    struct buf first, second;
    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    config_write_yaml(config, &first);
    if (reads_back(data, size) && !first.failed) {
        int rc = config_load_text(buf_view(&first), "written.yml", &again, &errors);
        ASSERT(rc == 0);
        config_write_yaml(again, &second);
        ASSERT(span_equal(buf_view(&first), buf_view(&second)));
        config_unref(again);
    }
    buf_release(&first);
    buf_release(&second);
    config_unref(config);
    return 0;
}
