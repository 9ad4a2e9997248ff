#pragma once
/*
 * alert.h - the port between those who find alerts (promql/rules) and those who send them on (lib/notify).
 */
#include "lib/model/labels.h"

#include <stdint.h>

/* Texts are valid during the call that hands it over. */
struct alert_notice {
    struct labels labels, annotations;
    int64_t starts_ms, ends_ms;
    struct span generator_url;
};
