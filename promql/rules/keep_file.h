#pragma once
/*
 * keep_file.h - inside of promql/rules: firing alerts of rules with keep_firing_for, in a small file, so that
 * they go on after a restart although the expression does not yield them.
 *
 *     {"time":1700000000000,"alerts":[{"group":"file;name","rule":"A","labels":{},"annotations":{},
 *       "value":1,"active":...,"fired":...,"since":...}]}        times in milliseconds
 *
 * It is written when it would change, and every minute while it has alerts. Losing it costs what peers lose
 * at each restart, so a file that cannot be read is logged and ignored.
 */
#include "lib/codec/yaml.h"
#include "promql/rules/group.h"

struct keep_file {
    char *path;    /* owned; NULL: none is kept */
    uint64_t hash; /* of what was written last */
    struct arena arena;
    const struct ynode *alerts; /* as it was read at the start; NULL: nothing to restore */
    int64_t time_ms;
};

void keep_file_open(struct keep_file *keep, const char *path);
void keep_file_release(struct keep_file *keep);
bool rule_group_keeps(const struct rule_group *group);
/* firing alerts that were kept come to the group's rules */
void keep_file_restore(const struct keep_file *keep, struct rule_group *group, int64_t now_ms);
void keep_file_write(struct keep_file *keep, struct rule_group *const *groups, size_t count, int64_t now_ms);
