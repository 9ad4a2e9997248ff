#pragma once
/*
 * read_query.h - inside of storage/remote: prometheus.ReadRequest, what somebody asks for by remote read.
 *
 *     ReadRequest { queries: [ { start, end, matchers: [ { type, name, value } ], hints } ],
 *                   accepted_response_types: the first that we have is taken; none: samples }
 *
 * Hints are for whoever computes before he answers, and are not looked at.
 */
#include "lib/base/buf.h"
#include "lib/model/matcher.h"

#define READ_REQUEST_MAX ((size_t)32 << 20) /* unpacked */
#define READ_QUERIES_MAX 1000u              /* of one request */
#define READ_MATCHERS_MAX 1000u             /* of all its queries */

enum read_form { READ_SAMPLES = 0, READ_CHUNKS = 1 };

struct read_query {
    int64_t mint, maxt; /* inclusive */
    struct matcher *matchers;
    size_t matcher_count;
};

struct read_request {
    struct buf body; /* unpacked; the matchers' texts */
    struct read_query *queries;
    size_t query_count, matcher_count;
    enum read_form form;
};

/* Matchers that ask for an external label as it is are left out: the store has none. ERR_INVALID: no request,
   or none that can be answered. ERR_LIMIT: too large. Released in any case. */
int read_request_read(struct span packed, struct labels external, struct arena *arena,
                      struct read_request *request, struct err *err);
void read_request_release(struct read_request *request);
