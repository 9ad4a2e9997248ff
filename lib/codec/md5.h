#pragma once
/*
 * md5.h - the MD5 digest (RFC 1321): the hash by which Prometheus shards (hashmod). Not for secrets.
 */
#include "lib/base/span.h"

#include <stdint.h>

#define MD5_BYTES 16

void md5(struct span text, uint8_t digest[MD5_BYTES]);
