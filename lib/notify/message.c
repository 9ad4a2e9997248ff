#include "lib/codec/json.h"
#include "lib/notify/inside.h"
#include "lib/relabel/relabel.h"

#include <time.h>

int notice_labels(struct config *config, const struct relabel_configs *rules, struct labels labels,
                  struct arena *arena, struct labels *result, bool *kept, struct err *err) {
    const struct relabel_rules *compiled;
    struct label_builder builder;
    int rc = relabel_rules_of(config, rules, config->global.metric_name_validation_scheme, &compiled, err);
    if (rc) return rc;
    label_builder_init(&builder, arena, labels);
    rc = relabel_run(compiled, &builder, kept, err);
    return rc || !*kept ? rc : label_builder_finish(&builder, result, err);
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

static void write_time(struct json_writer *json, const char *key, int64_t time_ms) {
    struct tm t;
    struct buf text;
    int64_t ms = (time_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((time_ms - ms) / 1000);
    if (!gmtime_r(&seconds, &t)) memset(&t, 0, sizeof t);
    buf_init(&text, 100);
    buf_printf(&text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
               t.tm_hour, t.tm_min, t.tm_sec, (int)ms);
    json_key(json, key);
    json_string(json, buf_view(&text));
    buf_release(&text);
}

void notice_write(const struct alert_notice *notice, struct labels labels, struct buf *out) {
    struct json_writer json;
    json_init(&json, out);
    json_object(&json);
    write_labels(&json, "annotations", notice->annotations);
    write_time(&json, "endsAt", notice->ends_ms);
    write_time(&json, "startsAt", notice->starts_ms);
    json_key(&json, "generatorURL");
    json_string(&json, notice->generator_url);
    write_labels(&json, "labels", labels);
    json_end_object(&json);
}

/* what discovery says, and what the configuration adds where it says nothing */
static int target_labels(const struct alertmanager_config *am, struct labels target, struct arena *arena,
                         struct labels *labels, struct err *err) {
    struct label_builder builder;
    const char *prefix = am->path_prefix ? am->path_prefix : "";
    size_t length = strlen(prefix);
    while (length && prefix[length - 1] == '/') length--;
    const char *path = arena_printf(arena, "%s%.*s/api/v2/alerts", *prefix == '/' || !length ? "" : "/",
                                    (int)length, prefix);
    if (!path) return arena_limit(arena, "target", err);
    label_builder_init(&builder, arena, target);
    if (!labels_has(target, SPAN("__scheme__")))
        label_builder_set(&builder, SPAN("__scheme__"), span_from(am->scheme));
    if (!labels_has(target, SPAN("__alerts_path__")))
        label_builder_set(&builder, SPAN("__alerts_path__"), span_from(path));
    return label_builder_finish(&builder, labels, err);
}

int manager_url(struct config *config, const struct alertmanager_config *am, struct labels target,
                struct arena *arena, const char **url, bool *kept, struct err *err) {
    struct labels before, after;
    int rc = target_labels(am, target, arena, &before, err);
    if (!rc) rc = notice_labels(config, &am->relabel_configs, before, arena, &after, kept, err);
    if (rc) return rc;
    if (!*kept) after = before;
    struct span address = labels_get(after, SPAN("__address__")),
                path = labels_get(after, SPAN("__alerts_path__"));
    if (!address.len) return err_set(err, ERR_INVALID, "an Alertmanager has no address");
    *url = arena_printf(arena, "%.*s://%.*s%s%.*s", SPAN_ARG(labels_get(after, SPAN("__scheme__"))),
                        SPAN_ARG(address), path.len && path.ptr[0] == '/' ? "" : "/", SPAN_ARG(path));
    return *url ? 0 : arena_limit(arena, "target", err);
}
