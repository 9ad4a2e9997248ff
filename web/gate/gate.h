#pragma once
/*
 * gate.h - who may come in: the web configuration file in force, as the guard of an http_server.
 *
 *     request -- rate limit -- token: SHA-256 compared -- password: cache of successes -- granted
 *                   | 429          | 401                     | not there
 *                                                            +-- verifiers (2 threads, low priority, 64 wait)
 *                                                                  bcrypt, the same cost for unknown users
 *
 * The file, and the files that it names, are looked at twice a second; a bad one keeps the old one and is
 * logged. A user with a password may do everything; a token what its scopes say, and read what its matcher
 * lets through.
 */
#include "lib/base/err.h"
#include "web/http/guard.h"

struct gate;
struct registry;
struct config_errors;

/* ERR_INVALID with the first error of the file; registry may be NULL */
int gate_create(const char *path, struct registry *registry, struct gate **gate, struct err *err);
/* after the server is stopped */
void gate_destroy(struct gate *gate);
const struct http_guard *gate_guard(const struct gate *gate);
/* the verdict on a file, as gate_create would come to it, certificates included */
int gate_check(const char *path, struct config_errors *errors);
