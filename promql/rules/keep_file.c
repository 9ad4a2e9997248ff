#include "promql/rules/keep_file.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/json.h"
#include "lib/codec/json_read.h"
#include "lib/codec/number.h"
#include "lib/sys/file.h"

#define KEEP_MAX_BYTES ((size_t)64 << 20)

static int64_t number_at(const struct ynode *map, const char *key) {
    const struct yentry *entry = ynode_entry(map, span_from(key));
    int64_t number = ALERT_NEVER;
    if (entry && entry->value->kind == YNODE_SCALAR) (void)number_parse_int(entry->value->text, &number);
    return number;
}

static struct span text_at(const struct ynode *map, const char *key) {
    const struct yentry *entry = ynode_entry(map, span_from(key));
    return entry && entry->value->kind == YNODE_SCALAR ? entry->value->text : SPAN("");
}

void keep_file_open(struct keep_file *keep, const char *path) {
    struct buf text;
    struct err err = {0};
    struct ymark where;
    const struct ynode *root = NULL;
    *keep = (struct keep_file){.path = path ? mem_strdup(path) : NULL};
    arena_init(&keep->arena, 4 * KEEP_MAX_BYTES, NULL);
    if (!path) return;
    buf_init(&text, KEEP_MAX_BYTES);
    int rc = file_read_all(file_system_real(), path, &text, &err);
    if (rc != ERR_NOT_FOUND) {
        if (!rc) rc = json_read(buf_view(&text), &keep->arena, &root, &where, &err);
        if (rc) LOG(LOG_WARN, "the file of firing alerts cannot be read", "path", path, "err", err.text);
    }
    buf_release(&text);
    const struct yentry *alerts = rc ? NULL : ynode_entry(root, SPAN("alerts"));
    if (!alerts || alerts->value->kind != YNODE_LIST) return;
    keep->alerts = alerts->value;
    keep->time_ms = number_at(root, "time");
}

void keep_file_release(struct keep_file *keep) {
    arena_release(&keep->arena);
    mem_free(keep->path);
}

bool rule_group_keeps(const struct rule_group *group) {
    for (size_t i = 0; i < group->config->rule_count; i++)
        if (group->config->rules[i].config->keep_firing_for_ms) return true;
    return false;
}

static char *group_name(const struct rule_group *group, struct arena *arena) {
    return arena_printf(arena, "%s;%s", group->config->file, group->config->name);
}

static int read_labels(const struct ynode *alert, const char *key, struct arena *arena,
                       struct labels *labels) {
    const struct yentry *entry = ynode_entry(alert, span_from(key));
    struct label_builder builder;
    label_builder_init(&builder, arena, (struct labels){0});
    for (uint32_t i = 0; entry && entry->value->kind == YNODE_MAP && i < entry->value->count; i++)
        if (entry->value->entries[i].value->kind == YNODE_SCALAR)
            label_builder_set(&builder, entry->value->entries[i].key->text,
                              entry->value->entries[i].value->text);
    return label_builder_finish(&builder, labels, NULL);
}

static void restore_alert(const struct ynode *node, struct rule_state *state, int64_t now_ms,
                          struct arena *arena) {
    struct labels labels, annotations;
    if (read_labels(node, "labels", arena, &labels) || read_labels(node, "annotations", arena, &annotations))
        return;
    struct hash128 identity = labels_identity(labels);
    struct alert *alert = alerts_find(&state->alerts, &identity);
    if (!alert) {
        alert = mem_zalloc(sizeof *alert);
        *alert = (struct alert){.identity = identity,
                                .labels = labels_own(labels),
                                .annotations = labels_own(annotations),
                                .resolved_ms = ALERT_NEVER,
                                .last_sent_ms = ALERT_NEVER,
                                .valid_until_ms = ALERT_NEVER};
        (void)number_parse(text_at(node, "value"), &alert->value);
        alert->keep_firing_since_ms = number_at(node, "since");
        if (alert->keep_firing_since_ms == ALERT_NEVER) alert->keep_firing_since_ms = now_ms;
        alerts_add(&state->alerts, alert);
    } else if (alert->state == ALERT_FIRING) {
        return;
    }
    alert->state = ALERT_FIRING;
    alert->active_ms = number_at(node, "active");
    alert->fired_ms = number_at(node, "fired");
}

void keep_file_restore(const struct keep_file *keep, struct rule_group *group, int64_t now_ms) {
    struct arena arena;
    if (!keep->alerts || now_ms - keep->time_ms > group->env->outage_tolerance_ms) return;
    arena_init(&arena, KEEP_MAX_BYTES, NULL);
    const char *name = group_name(group, &arena);
    mutex_lock(&group->lock);
    for (uint32_t i = 0; name && i < keep->alerts->count; i++) {
        const struct ynode *node = keep->alerts->items[i];
        if (!span_is(text_at(node, "group"), name)) continue;
        for (size_t k = 0; k < group->config->rule_count; k++) {
            struct rule_state *state = &group->rules[k];
            bool is_same = state->rule->is_alert && state->rule->config->keep_firing_for_ms &&
                           span_is(text_at(node, "rule"), state->rule->name);
            if (is_same) restore_alert(node, state, now_ms, &arena);
        }
    }
    mutex_unlock(&group->lock);
    arena_release(&arena);
}

static void write_labels(struct json_writer *json, const char *key, struct labels labels) {
    json_key(json, key);
    json_object(json);
    for (uint32_t i = 0; i < labels.count; i++) {
        json_key_span(json, labels.items[i].name);
        json_string(json, labels.items[i].value);
    }
    json_end_object(json);
}

static void write_number(struct json_writer *json, const char *key, int64_t number) {
    json_key(json, key);
    if (number == ALERT_NEVER)
        json_null(json);
    else
        json_int(json, number);
}

static void write_alert(struct json_writer *json, const char *group, const struct rule_state *state,
                        const struct alert *alert) {
    json_object(json);
    json_key(json, "group");
    json_cstring(json, group);
    json_key(json, "rule");
    json_cstring(json, state->rule->name);
    write_labels(json, "labels", alert->labels);
    write_labels(json, "annotations", alert->annotations);
    json_key(json, "value");
    json_value(json, alert->value);
    write_number(json, "active", alert->active_ms);
    write_number(json, "fired", alert->fired_ms);
    write_number(json, "since", alert->keep_firing_since_ms);
    json_end_object(json);
}

static size_t write_group(struct json_writer *json, struct rule_group *group, struct arena *arena) {
    const char *name = group_name(group, arena);
    size_t count = 0;
    mutex_lock(&group->lock);
    for (size_t i = 0; name && i < group->config->rule_count; i++) {
        const struct rule_state *state = &group->rules[i];
        if (!state->rule || !state->rule->config->keep_firing_for_ms) continue;
        for (size_t k = 0; k < state->alerts.items.count; k++) {
            if (state->alerts.items.items[k]->state != ALERT_FIRING) continue;
            write_alert(json, name, state, state->alerts.items.items[k]);
            count++;
        }
    }
    mutex_unlock(&group->lock);
    return count;
}

void keep_file_write(struct keep_file *keep, struct rule_group *const *groups, size_t count, int64_t now_ms) {
    struct json_writer json;
    struct buf text, list;
    struct arena arena;
    struct err err = {0};
    size_t alerts = 0;
    if (!keep->path) return;
    arena_init(&arena, KEEP_MAX_BYTES, NULL);
    buf_init(&text, KEEP_MAX_BYTES);
    buf_init(&list, KEEP_MAX_BYTES);
    json_init(&json, &list);
    json_array(&json);
    for (size_t i = 0; i < count; i++)
        if (rule_group_keeps(groups[i])) alerts += write_group(&json, groups[i], &arena);
    json_end_array(&json);
    uint64_t hash = hash_mix(hash_bytes(list.data, list.len), alerts ? (uint64_t)now_ms / 60000 : 0);
    bool is_news = keep->hash ? hash != keep->hash : alerts > 0 || keep->alerts;
    buf_printf(&text, "{\"time\":%lld,\"alerts\":%s}\n", (long long)now_ms, buf_text(&list));
    if (is_news && !list.failed && !text.failed) {
        keep->hash = hash;
        if (file_write_atomic(file_system_real(), keep->path, text.data, text.len, &err))
            LOG(LOG_WARN, "the file of firing alerts cannot be written", "path", keep->path, "err", err.text);
    }
    buf_release(&list);
    buf_release(&text);
    arena_release(&arena);
}
