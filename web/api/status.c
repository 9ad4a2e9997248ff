#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "web/api/inside.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define CONFIG_TEXT_MAX ((size_t)32 << 20)
#define FLAG_TEXT_MAX ((size_t)64 << 10)

static void write_field(struct json_writer *json, const char *name, const char *text) {
    json_key(json, name);
    json_cstring(json, text ? text : "");
}

/* ---- build ---- */

static void write_build(struct json_writer *json, const struct api_build *build) {
    json_object(json);
    write_field(json, "version", build->version);
    write_field(json, "revision", build->revision);
    write_field(json, "branch", build->branch);
    write_field(json, "buildUser", build->build_user);
    write_field(json, "buildDate", build->build_date);
    write_field(json, "goVersion", build->compiler);
    json_end_object(json);
}

void api_build_info(struct exchange *exchange, void *context) {
    struct answer answer;
    answer_begin(&answer, exchange);
    write_build(&answer.json, &api_of(context)->context.build);
    answer_end(&answer);
}

void api_version(struct exchange *exchange, void *context) {
    struct buf body;
    struct json_writer json;
    buf_init(&body, (size_t)64 << 10);
    json_init(&json, &body);
    write_build(&json, &api_of(context)->context.build);
    reply_buf(exchange, 200, JSON_TYPE, &body);
}

/* ---- runtime ---- */

static void count_thread(const char *name, void *context) {
    (void)name;
    ++*(int *)context;
}

static void write_reload(struct json_writer *json, const struct api_context *context) {
    int64_t last_ms = 0, failure_ms;
    bool is_good = context->reload_state && context->reload_state(context->context, &last_ms, &failure_ms);
    json_key(json, "reloadConfigSuccess");
    json_bool(json, is_good);
    json_key(json, "lastConfigTime");
    answer_write_time(json, last_ms ? last_ms : INT64_MIN);
}

static int64_t corruptions(const struct api *api) {
    if (!api->context.registry) return 0;
    return (int64_t)counter_value(registry_counter(api->context.registry,
                                                   "prometheus_tsdb_wal_corruptions_total",
                                                   "Damaged places found in the write-ahead log.", NULL));
}

void api_runtime_info(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    char folder[PATH_MAX] = "", host[256] = "";
    int threads = 0;
    struct answer answer;
    struct json_writer *json = &answer.json;
    /* what cannot be found out is shown empty */
    if (!getcwd(folder, sizeof folder)) folder[0] = '\0';
    if (gethostname(host, sizeof host - 1)) host[0] = '\0';
    (void)folder_list(file_system_real(), "/proc/self/task", count_thread, &threads, NULL);
    answer_begin(&answer, exchange);
    json_object(json);
    json_key(json, "startTime");
    answer_write_time(json, api->context.start_time_ms);
    write_field(json, "CWD", folder);
    write_field(json, "hostname", host);
    json_key(json, "serverTime");
    answer_write_time(json, clock_wall_ms());
    write_reload(json, &api->context);
    json_key(json, "corruptionCount");
    json_int(json, corruptions(api));
    json_key(json, "goroutineCount"); /* threads, which is what it is read for */
    json_int(json, threads);
    json_key(json, "GOMAXPROCS");
    json_int(json, thread_processors());
    json_key(json, "GOMEMLIMIT");
    json_int(json, INT64_MAX);
    write_field(json, "GOGC", "");
    write_field(json, "GODEBUG", "");
    char retention[64] = "";
    if (api->context.retention) api->context.retention(api->context.context, retention);
    write_field(json, "storageRetention", retention);
    json_end_object(json);
    answer_end(&answer);
}

/* ---- configuration and flags ---- */

void api_config(struct exchange *exchange, void *context) {
    const struct api_context *own = &api_of(context)->context;
    struct config *config = own->current_config ? own->current_config(own->context) : NULL;
    struct buf yaml;
    struct answer answer;
    buf_init(&yaml, CONFIG_TEXT_MAX);
    if (config) config_write_yaml(config, &yaml);
    config_unref(config);
    if (yaml.failed) {
        answer_error(exchange, ANSWER_INTERNAL, "the configuration is too large to be shown");
    } else {
        answer_begin(&answer, exchange);
        json_object(&answer.json);
        json_key(&answer.json, "yaml");
        json_string(&answer.json, buf_view(&yaml));
        json_end_object(&answer.json);
        answer_end(&answer);
    }
    buf_release(&yaml);
}

struct flag_ref {
    const char *name;
    size_t i;
};

static int compare_flags(const void *a, const void *b) {
    return strcmp(((const struct flag_ref *)a)->name, ((const struct flag_ref *)b)->name);
}

static void write_flags(struct json_writer *json, const struct api_context *own) {
    struct flag_ref *flags = mem_array(own->flag_count + 1, sizeof *flags);
    struct buf value;
    buf_init(&value, FLAG_TEXT_MAX);
    for (size_t i = 0; i < own->flag_count; i++) flags[i] = (struct flag_ref){own->flag_name(i), i};
    qsort(flags, own->flag_count, sizeof *flags, compare_flags);
    json_object(json);
    for (size_t i = 0; i < own->flag_count; i++) {
        buf_reset(&value);
        own->flag_value(own->context, flags[i].i, &value);
        json_key(json, flags[i].name);
        json_string(json, buf_view(&value));
    }
    json_end_object(json);
    buf_release(&value);
    mem_free(flags);
}

void api_flags(struct exchange *exchange, void *context) {
    struct answer answer;
    answer_begin(&answer, exchange);
    write_flags(&answer.json, &api_of(context)->context);
    answer_end(&answer);
}

/* the two and the start in one, as the Pushgateway answers */
void api_push_status(struct exchange *exchange, void *context) {
    const struct api *api = api_of(context);
    struct answer answer;
    if (!api_push_store(exchange, api)) return;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "build_information");
    write_build(&answer.json, &api->context.build);
    json_key(&answer.json, "flags");
    write_flags(&answer.json, &api->context);
    json_key(&answer.json, "start_time");
    answer_write_time(&answer.json, api->context.start_time_ms);
    json_end_object(&answer.json);
    answer_end(&answer);
}
