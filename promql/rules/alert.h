#pragma once
/*
 * alert.h - the alerts of one rule, by their labels.
 *
 *     inactive -> pending --for--> firing --expression yields it no more, keep_firing_for--> resolved (15
 * min)
 *
 * A resolved alert stays for 15 minutes, so that it is sent again. Times are nominal evaluation times; none
 * is ALERT_NEVER.
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/model/labels.h"

#define ALERT_NEVER INT64_MIN

enum alert_state { ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING };

struct alert {
    struct hash128 identity;
    struct labels labels, annotations; /* owned */
    double value;
    enum alert_state state;
    int64_t active_ms, fired_ms, resolved_ms, keep_firing_since_ms, last_sent_ms, valid_until_ms;
    bool is_yielded; /* by the evaluation that is going on */
};

struct alerts {
    VEC(struct alert *) items;
    struct map index;
    bool is_restored; /* what was before a restart is known: series of alerts are written */
};

void alerts_release(struct alerts *alerts);
struct alert *alerts_find(const struct alerts *alerts, const struct hash128 *identity);
/* takes the alert over */
void alerts_add(struct alerts *alerts, struct alert *alert);
void alerts_remove(struct alerts *alerts, size_t i);
void alert_destroy(struct alert *alert);
const char *alert_state_name(enum alert_state state);
/* of the rule: that of its highest alert */
enum alert_state alerts_state(const struct alerts *alerts);
