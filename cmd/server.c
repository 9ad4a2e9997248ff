#include "cmd/cmd.h"

#include "cmd/agent.h"
#include "cmd/confine.h"
#include "cmd/features.h"
#include "cmd/flags.h"
#include "cmd/help.h"
#include "cmd/memory.h"
#include "cmd/push.h"
#include "cmd/query_log.h"
#include "cmd/reload_door.h"
#include "cmd/rules.h"
#include "cmd/self.h"
#include "cmd/storage.h"
#include "cmd/targets.h"
#include "cmd/version.h"
#include "cmd/web.h"
#include "lib/base/log.h"
#include "lib/sys/loop.h"
#include "lib/sys/process.h"
#include "lib/sys/thread.h"
#include "lib/sys/timer.h"
#include "promql/eval/engine.h"
#include "promql/rules/rule_set.h"
#include "storage/ask/asker.h"
#include "storage/send/sender.h"
#include "storage/tsdb/tsdb.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * The server: who is made in which order, and who is told to stop.
 *
 *     flags -> configuration (bad: status 2) -> registry, engine -> web listens (taken port: status 1),
 * answers
 *     /-/healthy -> opener thread: tsdb_open replays the log -> main loop: scraping begins, /-/ready is 200
 *
 *     SIGHUP          reload on the main loop
 *     SIGTERM, SIGINT stop: no more scrapes, then no more requests, then the database writes out what it has
 *     a second one    _exit at once; the log makes up for it at the next start
 *
 * Exit status: 0 stopped cleanly, 1 bad flag, taken port or unusable data folder, 2 bad configuration, 3
 * flags that do not go together.
 */

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_BAD_CONFIG = 2, STATUS_BAD_FLAGS = 3 };

#define QUERY_BYTES_MOST ((uint64_t)512 << 20)
#define SETTLED_MS 30000 /* after it is ready, all that only a start needs has run */

struct server {
    struct flags flags;
    struct features features;
    struct registry *registry;
    struct self_metrics self;
    struct memory_metrics memory_metrics;
    struct reload reload;
    struct reload_door door;
    struct loop *loop;
    struct storage_memory memory; /* outlives all that draws from it */
    struct engine *engine;
    struct query_log query_log;
    struct web *web;
    struct tsdb *tsdb;
    struct tsdb_progress progress; /* of the opener */
    struct targets targets;
    struct push push;
    struct rules rules;
    struct sender *sender;
    struct asker *asker;  /* what queries read */
    struct thread opener; /* opens the database; joined by the main loop */
    int open_rc;          /* the opener's result, read after joining */
    struct err open_err;
    bool is_opening, is_stopping; /* the main loop's */
    struct loop_timer *settled;
    int status;
};

static void begin_stop(struct server *s, const char *reason) {
    if (s->is_stopping) return;
    s->is_stopping = true;
    LOG(LOG_INFO, "stopping", "reason", reason);
    if (!s->is_opening) loop_stop(s->loop); /* else when the database is open */
}

static int fail(struct server *s, int status) {
    if (s->status == STATUS_OK) s->status = status;
    return status;
}

/* reload's apply: into use, as far as the components exist */
static int apply_config(void *context, struct config *config, struct err *err) {
    struct server *s = context;
    struct rule_set *set = NULL;
    int rc = s->flags.agent ? agent_check_config(config, err) : 0;
    if (!rc) rc = rules_read(&s->rules, config, &set, err);
    if (!rc) rc = query_log_apply(&s->query_log, config->global.query_log_file, err);
    if (rc) {
        rule_set_unref(set);
        return rc;
    }
    engine_set_default_step(s->engine, config->global.evaluation_interval_ms);
    targets_apply(&s->targets, config);
    push_apply(&s->push, config);
    rules_apply(&s->rules, config, set);
    rule_set_unref(set);
    if (s->tsdb && !s->is_opening) storage_apply(s->tsdb, &s->flags, config);
    rc = s->sender ? sender_apply(s->sender, config, err) : 0;
    if (!rc && s->asker) asker_apply(s->asker, config);
    return rc;
}

static void on_hangup(void *context) {
    struct server *s = context;
    if (s->is_stopping) return;
    LOG(LOG_INFO, "reloading the configuration", "reason", "SIGHUP");
    (void)reload_now(&s->reload, NULL); /* it logs what is wrong and keeps the old one */
}

static void on_stop_signal(void *context) {
    struct server *s = context;
    if (s->is_stopping) {
        LOG(LOG_WARN, "stopping at once", "reason", "second signal");
        _exit(STATUS_FAILED);
    }
    begin_stop(s, "signal");
}

static void on_quit_request(void *argument) {
    begin_stop(argument, "/-/quit");
}

/* called by the web's threads */
static void ask_quit(void *context) {
    struct server *s = context;
    loop_post(s->loop, on_quit_request, s);
}

static int start_work(struct server *s, struct err *err) {
    struct rule_set *set = NULL;
    int rc = targets_start(&s->targets, &s->flags, &s->features, tsdb_appender(s->tsdb), s->registry, err);
    if (!rc) rc = push_start(&s->push, tsdb_appender(s->tsdb), err);
    if (!rc) rc = asker_create(s->tsdb, s->flags.query_replica_label, s->registry, &s->asker, err);
    if (!rc)
        rc = rules_start(&s->rules, s->engine, asker_queryable(s->asker), tsdb_appender(s->tsdb), s->registry,
                         err);
    if (rc) return rc;
    struct config *config = reload_current(&s->reload);
    struct sender_options send = {s->tsdb, s->flags.storage_remote_flush_deadline_ms};
    s->sender = sender_create(&send, s->registry);
    rc = rules_read(&s->rules, config, &set, err);
    if (!rc) rc = sender_apply(s->sender, config, err);
    if (rc) {
        config_unref(config);
        return rc;
    }
    asker_apply(s->asker, config);
    targets_apply(&s->targets, config);
    push_apply(&s->push, config);
    rules_apply(&s->rules, config, set);
    rule_set_unref(set);
    storage_apply(s->tsdb, &s->flags, config); /* it may be another than at the beginning of opening */
    config_unref(config);
    return 0;
}

static void on_settled(void *context) {
    (void)context;
    process_release_code();
}

/* on the main loop, when the opener is done */
static void on_opened(void *argument) {
    struct server *s = argument;
    thread_join(&s->opener);
    s->is_opening = false;
    struct err err = s->open_err;
    int rc = s->open_rc;
    if (rc)
        err_wrap(&err, rc, rc == ERR_BUSY ? "opening storage failed: lock" : "opening storage failed");
    else if (!s->is_stopping)
        rc = start_work(s, &err);
    if (rc) {
        LOG(LOG_ERROR, err.text);
        fail(s, STATUS_FAILED);
    }
    if (rc || s->is_stopping) {
        loop_stop(s->loop);
        return;
    }
    web_ready(s->web, asker_queryable(s->asker), s->tsdb, s->targets.scrape, s->rules.manager,
              s->rules.notifier);
    gauge_set(s->self.ready, 1);
    loop_timer_set(s->settled, SETTLED_MS);
    LOG(LOG_INFO, "server is ready to receive web requests");
}

static void *open_database(void *context) {
    struct server *s = context;
    struct tsdb_options options;
    struct config *config = reload_current(&s->reload);
    storage_options(&s->flags, config, &options);
    options.memory = &s->memory.series;
    options.progress = &s->progress;
    config_unref(config);
    s->open_rc = tsdb_open(&options, s->registry, &s->tsdb, &s->open_err);
    loop_post(s->loop, on_opened, s);
    return NULL;
}

static void log_start(const struct server *s) {
    const struct version *version = version_of_program();
    struct buf idle;
    LOG(LOG_INFO, "starting " PROGRAM_NAME, "version", version->version, "revision", version->revision,
        "platform", version->platform);
    buf_init(&idle, 1 << 16);
    flags_write_idle(&s->flags, &idle);
    if (idle.len) LOG(LOG_WARN, "these flags do nothing yet", "flags", buf_text(&idle));
    buf_release(&idle);
}

/* all queries together: a quarter of the memory; one of them: half of that, but no more than the default */
static size_t query_bytes(const struct server *s, uint64_t part) {
    uint64_t bytes = storage_memory_max(&s->flags) / 4 / part;
    return part > 1 && bytes > QUERY_BYTES_MOST ? QUERY_BYTES_MOST : (size_t)bytes;
}

static struct parse_options parse_options(const struct server *s) {
    return (struct parse_options){.experimental_functions = s->features.experimental_functions,
                                  .extended_range_selectors = s->features.extended_range_selectors,
                                  .binop_fill_modifiers = s->features.binop_fill_modifiers};
}

static struct engine *make_engine(struct server *s) {
    struct engine_options options = {.lookback_ms = s->flags.query_lookback_delta_ms,
                                     .timeout_ms = s->flags.query_timeout_ms,
                                     .max_samples = s->flags.query_max_samples,
                                     .max_concurrency = (int)s->flags.query_max_concurrency,
                                     .delayed_name_removal = s->features.delayed_name_removal,
                                     .use_start_timestamps = s->features.use_start_timestamps,
                                     .max_bytes_query = query_bytes(s, 2),
                                     .max_bytes_all = query_bytes(s, 1),
                                     .memory = &s->memory.all};
    options.parse = parse_options(s);
    return engine_create(&options, s->registry);
}

static int start_signals(struct server *s, struct err *err) {
    signal(SIGPIPE, SIG_IGN);
    int rc = loop_on_signal(s->loop, SIGHUP, on_hangup, s, err);
    if (!rc) rc = loop_on_signal(s->loop, SIGTERM, on_stop_signal, s, err);
    if (!rc) rc = loop_on_signal(s->loop, SIGINT, on_stop_signal, s, err);
    return rc;
}

/* everything that must stand before the main loop runs */
static int prepare(struct server *s, struct err *err) {
    s->registry = registry_create();
    self_init(&s->self, s->registry);
    memory_metrics_init(&s->memory_metrics, s->registry);
    reload_init(&s->reload, s->flags.config_file, s->registry);
    storage_memory_init(&s->memory, &s->flags);
    s->engine = make_engine(s);
    memory_metrics_add(&s->memory_metrics, "all", &s->memory.all);
    memory_metrics_add(&s->memory_metrics, "series", &s->memory.series);
    memory_metrics_add(&s->memory_metrics, "queries", engine_memory(s->engine));
    query_log_init(&s->query_log, s->engine, s->registry);
    struct parse_options parse = parse_options(s);
    rules_init(&s->rules, &s->flags, &s->features, &parse);
    s->reload.apply = apply_config;
    s->reload.context = s;
    int rc = loop_create(&s->loop, err);
    if (rc) return fail(s, STATUS_FAILED);
    s->settled = loop_timer_create(s->loop, on_settled, NULL);
    reload_door_init(&s->door, &s->reload, s->loop);
    if (reload_now(&s->reload, NULL)) { /* logged */
        err->text[0] = 0;
        return fail(s, STATUS_BAD_CONFIG);
    }
    struct config *config = reload_current(&s->reload);
    confine(&s->flags, config); /* no thread was started yet */
    config_unref(config);
    push_init(&s->push, &s->flags, &s->memory.all);
    struct web_parts parts = {.flags = &s->flags,
                              .registry = s->registry,
                              .engine = s->engine,
                              .has_step_stats = s->features.per_step_stats,
                              .memory = &s->memory.all,
                              .push = s->push.store,
                              .progress = &s->progress,
                              .reload = &s->reload,
                              .door = &s->door,
                              .quit = ask_quit,
                              .context = s};
    rc = start_signals(s, err);
    if (!rc) rc = web_start(&parts, &s->web, err);
    return rc ? fail(s, STATUS_FAILED) : STATUS_OK;
}

static void run(struct server *s) {
    if (s->flags.config_auto_reload) reload_door_watch(&s->door, s->flags.config_auto_reload_interval_ms);
    s->is_opening = true;
    thread_start(&s->opener, "tsdb-open", open_database, s);
    loop_run(s->loop);
    gauge_set(s->self.ready, 0);
}

static void tear_down(struct server *s) {
    if (s->loop) reload_door_close(&s->door);
    rules_stop(&s->rules);
    push_stop(&s->push);
    targets_stop(&s->targets); /* before the web, so that the server does not see itself go down */
    web_stop(s->web);
    sender_destroy(s->sender); /* what the others put into the database goes out first */
    targets_destroy(&s->targets);
    push_destroy(&s->push);
    query_log_release(&s->query_log);
    rules_destroy(&s->rules);
    memory_metrics_release(&s->memory_metrics);
    engine_destroy(s->engine);
    asker_destroy(s->asker);
    tsdb_close(s->tsdb);
    reload_release(&s->reload);
    if (s->loop) reload_door_release(&s->door);
    loop_timer_destroy(s->settled);
    loop_destroy(s->loop);
    self_release(&s->self);
    registry_destroy(s->registry);
}

static int serve(struct server *s) {
    struct err err = {0};
    log_start(s);
    features_read(&s->features, &s->flags.enable_feature);
    config_set_defaults(&(struct config_defaults){.asks_for_protobuf = s->features.start_zeros,
                                                  .extra_scrape_metrics = s->features.extra_scrape_metrics});
    if (prepare(s, &err) == STATUS_OK)
        run(s);
    else if (err.text[0])
        LOG(LOG_ERROR, err.text);
    tear_down(s);
    if (s->status == STATUS_OK) LOG(LOG_INFO, "stopped");
    return s->status;
}

static void print_version(void) {
    const struct version *version = version_of_program();
    printf("%s, version %s (branch: %s, revision: %s)\n  platform: %s\n", PROGRAM_NAME, version->version,
           version->branch, version->revision, version->platform);
}

static void print(void (*write)(struct buf *out)) {
    struct buf text;
    buf_init(&text, 1 << 20);
    write(&text);
    printf("%s", buf_text(&text));
    buf_release(&text);
}

static enum log_level level_of(const char *name) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return (enum log_level)(LOG_DEBUG + i);
    return LOG_INFO;
}

int cmd_server(int argc, char **argv) {
    static struct server server;
    struct err err = {0};
    if (flags_parse(&server.flags, argc, argv, &err)) {
        fprintf(stderr, "error parsing command line arguments: %s\ntry --help\n", err.text);
        return STATUS_FAILED;
    }
    if (agent_flags(&server.flags, &err)) {
        fprintf(stderr, "%s\n", err.text);
        flags_release(&server.flags);
        return STATUS_BAD_FLAGS;
    }
    int status = STATUS_OK;
    log_configure(level_of(server.flags.log_level), strcmp(server.flags.log_format, "json") == 0);
    config_expand_environment(server.flags.config_expand_env);
    if (server.flags.wants_help)
        print(help_write);
    else if (server.flags.wants_man)
        print(help_write_man);
    else if (server.flags.wants_completion)
        print(help_write_completion);
    else if (server.flags.wants_version)
        print_version();
    else
        status = serve(&server);
    flags_release(&server.flags);
    return status;
}
