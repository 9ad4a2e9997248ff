#pragma once
/*
 * dns_message.h - inside of lib/discovery: the records of a DNS answer (RFC 1035, 2782, 3596).
 *
 *     header 12 bytes | questions | answers: name, type, class, ttl, length, data ...
 */
#include "lib/base/err.h"
#include "lib/base/span.h"

#include <stddef.h>
#include <stdint.h>

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_MX = 15, DNS_AAAA = 28, DNS_SRV = 33 };

struct dns_record {
    int type;
    struct span target; /* name without the last dot, or address as text; valid during the call */
    uint16_t port;      /* SRV */
};

/* Calls each for the answers of the types above but CNAME, in order; others are passed over. ERR_CORRUPT for
 * a message that ends too early or holds a bad name; what came before it has been handed out. */
int dns_message_read(struct span message, void (*each)(const struct dns_record *record, void *context),
                     void *context, struct err *err);
