#pragma once
/*
 * from_config.h - the one translation of a configuration's `http client options`, used by everything that is
 * an HTTP client: scrape, discovery, alertmanagers, remote write and read.
 *
 *     struct http_request_options options = {.url = ..., .timeout_ms = ...};
 *     http_options_from_config(&job->http, &arena, &options, err);
 *     http_request_create(client, &options, ...);
 */
#include "lib/http/client.h"

struct arena;
struct http_client_config;

/* Sets what the configuration decides (credentials, TLS, proxy, redirects, HTTP/2, headers) and leaves the
 * rest as it is. Texts belong to the configuration, lists to the arena. 0 or ERR_LIMIT. */
int http_options_from_config(const struct http_client_config *config, struct arena *arena,
                             struct http_request_options *options, struct err *err);
