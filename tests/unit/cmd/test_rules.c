#include "lib/model/sample.h"
#include "promql/eval/engine.h"
#include "promql/rules/crew.h"
#include "promql/rules/keep_file.h"
#include "promql/rules/manager.h"
#include "storage/tsdb/tsdb.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <unistd.h>

/*
 * Groups of rules over a store in memory, evaluated at made-up times: how alerts change, what is written,
 * what is sent.
 */

#define MINUTE 60000

static struct {
    struct tsdb *store;
    struct engine *engine;
    struct rule_env env;
    struct rule_set *set;
    struct rule_group *group;
    char sent[4000]; /* "name state@ends ..." since the last look */
} t;

static void on_notices(void *context, const struct alert_notice *notices, size_t count) {
    (void)context;
    for (size_t i = 0; i < count; i++) {
        size_t at = strlen(t.sent);
        struct span name = labels_get(notices[i].labels, SPAN("alertname"));
        snprintf(t.sent + at, sizeof t.sent - at, "%.*s@%lld ", SPAN_ARG(name),
                 (long long)notices[i].ends_ms / MINUTE);
    }
}

static const char *sent(void) {
    static char copy[sizeof t.sent];
    memcpy(copy, t.sent, sizeof copy);
    t.sent[0] = 0;
    return copy;
}

static void load_rules(const char *text) {
    static struct config_errors errors;
    char path[] = "/tmp/ferula-rules-XXXXXX";
    const char *paths[] = {path};
    struct rule_set_options options = {.interval_ms = MINUTE};
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int rc = rule_set_load_files(paths, 1, &options, &t.set, &errors);
    unlink(path);
    ck_assert_msg(rc == 0, "%s", errors.items[0].message);
}

static void begin(const char *rules) {
    struct tsdb_options store = {.take_any_time = true};
    struct engine_options engine = {0};
    memset(&t, 0, sizeof t);
    ck_assert_int_eq(tsdb_open(&store, NULL, &t.store, NULL), 0);
    t.engine = engine_create(&engine, NULL);
    t.env = (struct rule_env){.engine = t.engine,
                              .queryable = tsdb_queryable(t.store),
                              .appender = tsdb_appender(t.store),
                              .resend_delay_ms = MINUTE,
                              .outage_tolerance_ms = 60 * MINUTE,
                              .grace_period_ms = 10 * MINUTE,
                              .notify = on_notices};
    load_rules(rules);
    t.group = rule_group_create(&t.env, t.set, &t.set->groups[0]);
    for (size_t i = 0; i < t.group->config->rule_count; i++) t.group->rules[i].alerts.is_restored = true;
}

static void end(void) {
    rule_group_unref(t.group);
    rule_set_unref(t.set);
    engine_destroy(t.engine);
    tsdb_close(t.store);
}

static void on_done(struct append_batch *batch) {
    append_batch_destroy(batch);
}

static void put(const char *host, int64_t minute, double value) {
    struct label items[] = {{SPAN(LABEL_NAME), SPAN("x")}, {SPAN("host"), span_from(host)}};
    struct labels labels = {items, 2};
    struct series_ref ref;
    ck_assert_int_eq(appender_resolve(tsdb_appender(t.store), &labels, 1, &ref, NULL, NULL), 0);
    struct append_batch *batch = append_batch_create(1, false, on_done, NULL);
    batch->time_ms = minute * MINUTE;
    append_batch_add(batch, ref, value, 0);
    appender_append(tsdb_appender(t.store), batch);
}

static size_t count_of(const char *text, int64_t minute) {
    struct query query = {.text = span_from(text), .start_ms = minute * MINUTE, .end_ms = minute * MINUTE};
    struct query_result *result;
    enum query_failure failure;
    struct err err;
    ck_assert_int_eq(engine_run(t.engine, t.env.queryable, &query, &result, &failure, &err), 0);
    size_t count = result->row_count;
    query_result_destroy(result);
    return count;
}

static enum alert_state state_of(size_t rule) {
    return alerts_state(&t.group->rules[rule].alerts);
}

#define GROUP "groups:\n- name: g\n  rules:\n"

START_TEST(an_alert_is_pending_then_fires_then_resolves_and_is_told_for_15_minutes) {
    begin(GROUP "  - {alert: A, expr: x > 1, for: 2m}\n");
    for (int64_t minute = 0; minute <= 2; minute++) {
        put("a", minute, 5);
        rule_group_eval(t.group, minute * MINUTE);
        ck_assert_int_eq(state_of(0), minute < 2 ? ALERT_PENDING : ALERT_FIRING);
        ck_assert_str_eq(sent(), minute < 2 ? "" : "A@6 ");
        ck_assert_uint_eq(
            count_of(minute < 2 ? "ALERTS{alertstate='pending'}" : "ALERTS{alertstate='firing'}", minute), 1);
    }
    ck_assert_uint_eq(count_of("ALERTS{alertstate='pending'}", 2), 0); /* it got a staleness marker */
    ck_assert_uint_eq(count_of("ALERTS_FOR_STATE == 0", 2), 1);
    put("a", 3, 0);
    rule_group_eval(t.group, 3 * MINUTE);
    ck_assert_int_eq(state_of(0), ALERT_INACTIVE);
    ck_assert_str_eq(sent(), "A@3 ");
    ck_assert_uint_eq(count_of("ALERTS", 3), 0);
    for (int64_t minute = 4; minute <= 20; minute++) {
        put("a", minute, 0);
        rule_group_eval(t.group, minute * MINUTE);
    }
    const char *later = sent();
    ck_assert_msg(strncmp(later, "A@3 ", 4) == 0, "%s", later);
    ck_assert_uint_eq(t.group->rules[0].alerts.items.count, 0);
    end();
}
END_TEST

START_TEST(keep_firing_for_keeps_and_survives_by_its_file) {
    struct keep_file keep;
    begin(GROUP "  - {alert: A, expr: x > 1, keep_firing_for: 5m, annotations: {s: '{{ $value }}'}}\n");
    put("a", 0, 5);
    rule_group_eval(t.group, 0);
    put("a", 1, 0);
    rule_group_eval(t.group, MINUTE);
    ck_assert_int_eq(state_of(0), ALERT_FIRING);
    char path[] = "/tmp/ferula-keep-XXXXXX";
    close(mkstemp(path));
    unlink(path);
    keep_file_open(&keep, path);
    keep_file_write(&keep, &t.group, 1, MINUTE);
    keep_file_release(&keep);
    struct rule_group *again = rule_group_create(&t.env, t.set, &t.set->groups[0]);
    again->rules[0].alerts.is_restored = true;
    keep_file_open(&keep, path);
    keep_file_restore(&keep, again, 2 * MINUTE);
    keep_file_release(&keep);
    unlink(path);
    rule_group_unref(t.group);
    t.group = again;
    for (int64_t minute = 2; minute <= 6; minute++) {
        put("a", minute, 0);
        rule_group_eval(t.group, minute * MINUTE);
        ck_assert_int_eq(state_of(0), minute < 6 ? ALERT_FIRING : ALERT_INACTIVE);
    }
    struct labels annotations = t.group->rules[0].alerts.items.items[0]->annotations;
    ck_assert(span_is(labels_get(annotations, SPAN("s")), "5"));
    end();
}
END_TEST

START_TEST(rules_see_what_was_recorded_before_them_and_vanished_series_are_stale) {
    begin(GROUP "  - {record: 'a:sum', expr: sum by (host) (x)}\n"
                "  - {record: 'a:max', expr: 'max(a:sum)', labels: {host: ''}}\n");
    put("a", 0, 1);
    put("b", 0, 2);
    rule_group_eval(t.group, 0);
    ck_assert_uint_eq(count_of("a:max == 2", 0), 1);
    ck_assert_uint_eq(count_of("a:sum", 0), 2);
    put("a", 1, 1);
    put("b", 1, value_stale());
    rule_group_eval(t.group, MINUTE);
    ck_assert_uint_eq(count_of("a:sum", 1), 1);
    rule_group_end(t.group, 2 * MINUTE);
    ck_assert_uint_eq(count_of("{__name__=~'a:.*'}", 2), 0);
    end();
}
END_TEST

START_TEST(a_crew_keeps_the_order_of_rules_that_read_each_other) {
    begin(GROUP "  - {record: 'a:1', expr: max(x)}\n"
                "  - {record: 'a:2', expr: 'a:1 * 2'}\n"
                "  - {record: 'b:1', expr: min(x)}\n"
                "  - {alert: A, expr: 'a:1 > 1'}\n"
                "  - {record: 'a:4', expr: 'a:2 * 2'}\n"
                "  - {record: 'c:1', expr: 'count(ALERTS)'}\n");
    static const size_t until[] = {0, 1, 0, 1, 2, 4};
    for (size_t i = 0; i < 6; i++) ck_assert_uint_eq(t.group->rules[i].rule->reads_until, until[i]);
    t.env.crew = crew_create(3);
    for (int64_t minute = 0; minute < 100; minute++) {
        put("a", minute, 3 + (double)minute);
        rule_group_eval(t.group, minute * MINUTE);
        ck_assert_uint_eq(count_of("a:4 == 4 * scalar(x)", minute), 1);
        ck_assert_uint_eq(count_of("b:1 == scalar(x)", minute), 1);
        ck_assert_uint_eq(count_of("c:1 == 1", minute), 1);
    }
    crew_destroy(t.env.crew);
    end();
}
END_TEST

START_TEST(what_cannot_be_is_an_error_of_the_rule_and_writes_nothing) {
    begin("groups:\n- name: g\n  limit: 1\n  rules:\n"
          "  - {record: two, expr: x}\n"
          "  - {alert: Two, expr: x}\n"
          "  - {record: same, expr: x, labels: {host: z}}\n"
          "  - {alert: Same, expr: x, labels: {host: z}}\n"
          "  - {record: text, expr: '\"a\"'}\n");
    static const char *const errors[] = {
        "exceeded limit of 1 with 2 series", "exceeded limit of 1 with 2 alerts",
        "vector contains metrics with the same labelset after applying rule labels",
        "vector contains metrics with the same labelset after applying alert labels",
        "rule result is not a vector or scalar"};
    put("a", 0, 1);
    put("b", 0, 2);
    rule_group_eval(t.group, 0);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(t.group->rules[i].last_error, errors[i]);
        ck_assert_int_eq(t.group->rules[i].health, HEALTH_ERR);
    }
    ck_assert_uint_eq(count_of("{__name__!='x',__name__!=''}", 0), 0);
    end();
}
END_TEST

START_TEST(a_pending_alert_waits_on_after_a_restart) {
    begin(GROUP "  - {alert: A, expr: x > 1, for: 30m}\n");
    for (int64_t minute = 0; minute <= 10; minute++) {
        put("a", minute, 5);
        rule_group_eval(t.group, minute * MINUTE);
    }
    struct rule_group *again = rule_group_create(&t.env, t.set, &t.set->groups[0]);
    rule_group_unref(t.group);
    t.group = again;
    put("a", 20, 5);
    rule_group_eval(t.group, 20 * MINUTE);
    ck_assert_uint_eq(count_of("ALERTS", 20), 0); /* not before the state of before is known */
    rule_group_restore(t.group, 20 * MINUTE);
    ck_assert_int_eq(t.group->rules[0].alerts.items.items[0]->active_ms, 10 * MINUTE); /* 10 minutes away */
    put("a", 39, 5);
    rule_group_eval(t.group, 39 * MINUTE);
    ck_assert_int_eq(state_of(0), ALERT_PENDING);
    put("a", 40, 5);
    rule_group_eval(t.group, 40 * MINUTE);
    ck_assert_int_eq(state_of(0), ALERT_FIRING);
    end();
}
END_TEST

START_TEST(groups_are_due_at_times_of_their_own) {
    struct rule_set_group a = {.file = "f", .name = "a", .interval_ms = MINUTE},
                          b = {.file = "f", .name = "b", .interval_ms = MINUTE};
    int64_t due = rule_group_due(&a, 1000000000000);
    ck_assert_int_ge(due, 1000000000000);
    ck_assert_int_lt(due, 1000000000000 + MINUTE);
    ck_assert_int_eq(rule_group_due(&a, due), due);
    ck_assert_int_eq(rule_group_due(&a, due + 1), due + MINUTE);
    ck_assert_int_ne(rule_group_due(&b, 1000000000000), due);
}
END_TEST

CHECK_MAIN("rules", an_alert_is_pending_then_fires_then_resolves_and_is_told_for_15_minutes,
           keep_firing_for_keeps_and_survives_by_its_file,
           rules_see_what_was_recorded_before_them_and_vanished_series_are_stale,
           a_crew_keeps_the_order_of_rules_that_read_each_other,
           what_cannot_be_is_an_error_of_the_rule_and_writes_nothing,
           a_pending_alert_waits_on_after_a_restart, groups_are_due_at_times_of_their_own)
