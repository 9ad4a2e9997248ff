#pragma once
/*
 * request.h - inside of lib/scrape: the exact request of a scrape, and what may be made of the answer.
 */
#include "lib/expose/expose.h"
#include "lib/scrape/target.h"

/* the value of the header Accept */
void request_accept(const struct scrape_config *job, struct buf *out);
int request_create(struct http_client *client, struct target *target, size_t max_body_bytes,
                   const char *user_agent, http_done *done, struct http_request **request, struct err *err);
/* status 200 and a Content-Type that is understood (or the job's fallback), in Prometheus' words when not */
int request_judge(const struct scrape_config *job, const struct http_response *response,
                  enum expose_format *format, struct err *err);
