/*
 * fuzz_web_config.c - any bytes as a web configuration: no crash, no hang; what is taken keeps its promises.
 */
// links: lib_config
#include "lib/base/assert.h"
#include "lib/config/web.h"

#include <stdint.h>

static struct config_errors errors;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct web_config *config = NULL;
    arena_init(&arena, (size_t)64 << 20, NULL);
    int rc = web_config_load_text(span_of((const char *)data, size), "fuzz.yml", &arena, &config, &errors);
    ASSERT((rc == 0) == (errors.count == 0));
    for (size_t i = 0; !rc && i < config->users.count; i++)
        ASSERT(bcrypt_cost(config->users.items[i].value) <= BCRYPT_COST_MAX);
    for (size_t i = 0; !rc && i < config->tokens.count; i++) ASSERT(config->tokens.items[i].name);
    ASSERT(rc || !config->tls || config->tls->cert || config->tls->cert_file);
    arena_release(&arena);
    return 0;
}
