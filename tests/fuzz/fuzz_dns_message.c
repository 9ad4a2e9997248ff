/*
 * fuzz_dns_message.c - any bytes as a DNS answer.
 */
// links: lib_discovery
#include "lib/base/assert.h"
#include "lib/discovery/dns_message.h"

#include <stdint.h>

static void on_record(const struct dns_record *record, void *context) {
    size_t *bytes = context;
    ASSERT(record->type != DNS_CNAME);
    for (size_t i = 0; i < record->target.len; i++) *bytes += record->target.ptr[i] != '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t bytes = 0;
    (void)dns_message_read(span_of((const char *)data, size), on_record, &bytes, NULL);
    return 0;
}
