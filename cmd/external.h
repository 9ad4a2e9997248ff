#pragma once
/*
 * external.h - where the server is seen from outside: --web.external-url and --web.route-prefix.
 *
 *     external-url http://h/prom/, no route-prefix   -> paths begin with /prom
 *     external-url http://h/prom/, route-prefix /    -> a proxy takes /prom off: paths begin with nothing
 */
#include "lib/base/err.h"

/* What stands in front of every path, "" or "/x/y", the caller's: mem_free. Empty texts are flags not given.
 */
int external_route_prefix(const char *external_url, const char *route_prefix, char **prefix, struct err *err);
