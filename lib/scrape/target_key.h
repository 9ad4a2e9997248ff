#pragma once
/*
 * target_key.h - inside of lib/scrape: what of a target has to be equal for it to go on after a reload.
 *
 *     series key: labels, URL, interval, rules, limits of labels ...    equal: the series and the schedule go
 * on
 *     + settings: timeout, limits, credentials, proxies, TLS ...        equal, too: the target goes on as it
 * is
 */
#include "lib/scrape/target.h"

/* both hold secrets: for comparing only */
void target_write_series_key(const struct target *target, struct buf *key);
void target_write_settings(const struct target *target, struct buf *key);
