#include "lib/discovery/dns_message.h"

#include <ares.h>
#include <arpa/inet.h>

#define HEADER_BYTES 12u
#define FIXED_BYTES 10u /* type, class, ttl, length */

struct reader {
    const unsigned char *bytes;
    size_t len, at;
    struct err *err;
};

static int too_short(struct reader *r) {
    return err_set(r->err, ERR_CORRUPT, "DNS answer: it ends at byte %zu in the middle of a record", r->len);
}

static uint16_t load(const struct reader *r, size_t at) {
    return (uint16_t)(r->bytes[at] << 8 | r->bytes[at + 1]);
}

/* a name, compressed or not; *text is c-ares' memory */
static int read_name(struct reader *r, size_t at, char **text, size_t *taken) {
    long length;
    if (at >= r->len) return too_short(r);
    if (ares_expand_name(r->bytes + at, r->bytes, (int)r->len, text, &length) != ARES_SUCCESS)
        return err_set(r->err, ERR_CORRUPT, "DNS answer: bad name at byte %zu", at);
    *taken = (size_t)length;
    return 0;
}

static int skip_name(struct reader *r) {
    char *name;
    size_t taken;
    int rc = read_name(r, r->at, &name, &taken);
    if (rc) return rc;
    ares_free_string(name);
    r->at += taken;
    return 0;
}

static int hand_out_name(struct reader *r, int type, size_t at, uint16_t port,
                         void (*each)(const struct dns_record *record, void *context), void *context) {
    char *name;
    size_t taken;
    int rc = read_name(r, at, &name, &taken);
    if (rc) return rc;
    struct dns_record record = {type, span_from(name), port};
    each(&record, context);
    ares_free_string(name);
    return 0;
}

static int hand_out(struct reader *r, int type, size_t length,
                    void (*each)(const struct dns_record *record, void *context), void *context) {
    char text[INET6_ADDRSTRLEN];
    const unsigned char *data = r->bytes + r->at;
    switch (type) {
    case DNS_A:
    case DNS_AAAA:
        if (length != (type == DNS_A ? 4u : 16u)) return too_short(r);
        inet_ntop(type == DNS_A ? AF_INET : AF_INET6, data, text, sizeof text);
        each(&(struct dns_record){type, span_from(text), 0}, context);
        return 0;
    case DNS_NS: return hand_out_name(r, type, r->at, 0, each, context);
    case DNS_MX: return length < 3 ? too_short(r) : hand_out_name(r, type, r->at + 2, 0, each, context);
    case DNS_SRV:
        return length < 7 ? too_short(r)
                          : hand_out_name(r, type, r->at + 6, load(r, r->at + 4), each, context);
    default: return 0;
    }
}

int dns_message_read(struct span message, void (*each)(const struct dns_record *record, void *context),
                     void *context, struct err *err) {
    struct reader r = {(const unsigned char *)message.ptr, message.len, HEADER_BYTES, err};
    if (message.len < HEADER_BYTES || message.len > 65535) return too_short(&r);
    int rc = 0;
    for (unsigned questions = load(&r, 4); questions && !rc; questions--) {
        rc = skip_name(&r);
        r.at += 4;
    }
    for (unsigned answers = load(&r, 6); answers && !rc; answers--) {
        rc = skip_name(&r);
        if (!rc && (r.at > r.len || r.len - r.at < FIXED_BYTES)) rc = too_short(&r);
        if (rc) break;
        int type = load(&r, r.at);
        size_t length = load(&r, r.at + 8);
        r.at += FIXED_BYTES;
        if (length > r.len - r.at) return too_short(&r);
        rc = hand_out(&r, type, length, each, context);
        r.at += length;
    }
    return rc;
}
