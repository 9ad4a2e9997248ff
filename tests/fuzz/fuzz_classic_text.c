// links: lib_scrape
/* fuzz_classic_text.c - see scrape_body.h */
#include "tests/fuzz/scrape_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return scrape_body_fuzz(EXPOSE_TEXT, data, size);
}
