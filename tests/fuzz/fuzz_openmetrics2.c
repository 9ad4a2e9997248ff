// links: lib_scrape
/* fuzz_openmetrics2.c - see scrape_body.h */
#include "tests/fuzz/scrape_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return scrape_body_fuzz(EXPOSE_OPENMETRICS2, data, size);
}
