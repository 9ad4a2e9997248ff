#include "cmd/agent.h"

#include "cmd/flags.h"
#include "lib/config/config.h"

#include <string.h>

/* starts of names */
static const char *const server_only[] = {
    "storage.tsdb.", "storage.remote.read-", "rules.", "alertmanager.", "query.", NULL};
static const char *const agent_only[] = {"storage.agent.", NULL};

static bool begins_with_any(const char *name, const char *const *starts) {
    for (; *starts; starts++)
        if (strncmp(name, *starts, strlen(*starts)) == 0) return true;
    return false;
}

int agent_flags(struct flags *flags, struct err *err) {
    const char *const *wrong = flags->agent ? server_only : agent_only;
    struct buf names;
    buf_init(&names, 1 << 14);
    for (size_t i = 0; i < flag_count(); i++)
        if (flags->is_given[i] && begins_with_any(flag_name(i), wrong))
            buf_printf(&names, "%s\"--%s\"", names.len ? ", " : "", flag_name(i));
    int rc = !names.len ? 0
                        : err_set(err, ERR_INVALID, "The following flag(s) can %s be used in %s mode: [%s]",
                                  flags->agent ? "not" : "only", "agent", buf_text(&names));
    buf_release(&names);
    if (rc || !flags->agent) return rc;
    flags->storage_tsdb_path = flags->storage_agent_path;
    flags->storage_no_lockfile = flags->storage_agent_no_lockfile;
    flags->storage_retention_time_ms = flags->storage_agent_max_time_ms;
    return 0;
}

int agent_check_config(const struct config *config, struct err *err) {
    const char *field = config->alerting.alertmanagers.count || config->alerting.alert_relabel_configs.count
                            ? "alerting"
                        : config->rule_files.count  ? "rule_files"
                        : config->remote_read.count ? "remote_read"
                                                    : NULL;
    return field ? err_set(err, ERR_INVALID, "field %s is not allowed in agent mode", field) : 0;
}
