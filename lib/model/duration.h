#pragma once
/*
 * duration.h - durations as Prometheus writes them: 1h30m, 5m, 15s, 100ms, 0. Units y w d h m s ms in that
 * order, each once, integers; y = 365d, w = 7d.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

#include <stdint.h>

/* ERR_INVALID: not a valid duration string: "x" | empty duration string | duration out of range */
int duration_parse(struct span text, int64_t *ms, struct err *err);
/* 90000 -> 1m30s; 0 -> 0s; y, w and d only when they divide the whole, as Prometheus prints */
void duration_write(int64_t ms, struct buf *out);
