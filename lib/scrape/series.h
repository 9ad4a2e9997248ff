#pragma once
/*
 * series.h - inside of lib/scrape: from the labels that a target exposes to those that are stored.
 *
 *     exposed --the target's own labels--> --metric_relabel_configs--> --names, limits--> stored, or dropped
 *
 * Only series that were not there in the last scrape come here.
 */
#include "lib/scrape/target.h"

/* why a series was not taken, for the counters */
enum series_fault { SERIES_FINE, SERIES_BAD, SERIES_OVER_LABEL_LIMITS };

/* `text` is the series as it was exposed, empty where there is no text (with honor_labels a text may say
 * name="", which `exposed` cannot hold). *labels without items: dropped by the rules. Labels refer to
 * exposed, to arena, to the target and its configuration. ERR_INVALID, or ERR_LIMIT with *fault and
 * upstream's words. */
int series_labels(const struct target *target, const struct scrape_limits *limits, struct span text,
                  struct labels exposed, struct arena *arena, struct labels *labels, enum series_fault *fault,
                  struct err *err);
