#pragma once
/*
 * encoder.h - inside of web/http: gzip, deflate and zstd answers, streamed, fastest level.
 */
#include "lib/base/buf.h"
#include "lib/base/span.h"

#include <stdbool.h>

enum encoding { ENCODING_NONE, ENCODING_GZIP, ENCODING_DEFLATE, ENCODING_ZSTD };

/* the first of the client's Accept-Encoding that we have, as Prometheus chooses; "q=0" refuses one */
enum encoding encoding_choose(struct span accept);
/* the client takes this one, whichever it named first */
bool encoding_is_taken(struct span accept, enum encoding encoding);
const char *encoding_name(enum encoding encoding);

struct encoder;

struct encoder *encoder_create(enum encoding encoding);
void encoder_destroy(struct encoder *encoder);
/* appends what came out; false when out refused it */
bool encoder_write(struct encoder *encoder, struct span data, bool is_last, struct buf *out);
