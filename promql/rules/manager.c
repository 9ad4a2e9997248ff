#include "promql/rules/manager.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "promql/rules/crew.h"
#include "promql/rules/keep_file.h"
#include "promql/rules/metrics.h"

#include <stdlib.h>

#define MAX_THREADS 16
#define LONGEST_WAIT_MS 1000 /* the wall clock may be set meanwhile */
#define EVALS_BEFORE_RESTORE 2

struct slot {
    struct rule_group *group;
    int64_t next_ms;
    bool is_taken; /* by a thread, that waits until it is due, or runs it */
    bool is_leaving, must_restore, keeps;
    int evals;
};

struct rules_manager {
    struct rule_env env;
    struct mutex lock; /* guards all below, and each slot */
    struct condition changed;
    VEC(struct slot *) slots;
    bool is_stopping, has_applied;
    struct thread threads[MAX_THREADS];
    int thread_count;
    struct mutex keep_lock;
    struct keep_file keep;
};

int64_t rule_group_due(const struct rule_set_group *config, int64_t now_ms) {
    uint64_t hash = hash_mix(hash_bytes(config->file, strlen(config->file)),
                             hash_bytes(config->name, strlen(config->name)));
    int64_t offset_ms = (int64_t)(hash % (uint64_t)config->interval_ms);
    int64_t since_ms = now_ms - offset_ms;
    int64_t past_ms = since_ms % config->interval_ms;
    if (past_ms < 0) past_ms += config->interval_ms;
    return past_ms ? now_ms - past_ms + config->interval_ms : now_ms;
}

/* ---- running ---- */

/* not before all was restored: what still waits in the old file must not be forgotten */
static void write_keep_file(struct rules_manager *m) {
    struct rule_groups groups;
    bool is_early = false;
    mutex_lock(&m->lock);
    for (size_t i = 0; i < m->slots.count; i++)
        is_early |= m->slots.items[i]->keeps && m->slots.items[i]->must_restore;
    mutex_unlock(&m->lock);
    if (is_early) return;
    rules_manager_groups(m, &groups);
    mutex_lock(&m->keep_lock);
    keep_file_write(&m->keep, groups.items, groups.count, clock_wall_ms());
    mutex_unlock(&m->keep_lock);
    rule_groups_release(&groups);
}

static void restore(struct rules_manager *m, struct slot *slot, int64_t time_ms) {
    int64_t begin_ns = clock_monotonic_ns();
    rule_group_restore(slot->group, time_ms);
    if (slot->keeps) keep_file_restore(&m->keep, slot->group, time_ms);
    if (slot->group->metrics)
        rule_metrics_restored(slot->group->metrics, (double)(clock_monotonic_ns() - begin_ns) * 1e-9);
    mutex_lock(&m->lock);
    slot->must_restore = false;
    mutex_unlock(&m->lock);
}

static void count_iteration(struct rules_manager *m, struct rule_group *group, int64_t time_ms,
                            size_t missed) {
    struct rule_iteration iteration = {
        .time_seconds = (double)time_ms / 1000, .seconds = group->eval_seconds, .missed = missed};
    for (size_t i = 0; i < group->config->rule_count; i++) {
        iteration.rule_seconds += group->rules[i].eval_seconds;
        iteration.samples += group->rules[i].outputs.added;
    }
    rule_metrics_iterated(m->env.metrics, group->metrics, &iteration);
}

/* without the manager's lock; the slot is running and stays */
static void run_slot(struct rules_manager *m, struct slot *slot) {
    struct rule_group *group = slot->group;
    int64_t time_ms = slot->next_ms, interval_ms = group->config->interval_ms;
    rule_group_eval(group, time_ms);
    slot->evals++;
    if (slot->must_restore && slot->evals >= EVALS_BEFORE_RESTORE) restore(m, slot, time_ms);
    if (slot->keeps) write_keep_file(m);
    int64_t missed = (clock_wall_ms() - time_ms) / interval_ms - 1;
    if (missed < 0) missed = 0;
    slot->next_ms = time_ms + (missed + 1) * interval_ms;
    if (group->metrics) count_iteration(m, group, time_ms, (size_t)missed);
}

/* of those that no thread has taken, the one that is due first */
static struct slot *next_slot(struct rules_manager *m, int64_t now_ms) {
    struct slot *first = NULL;
    for (size_t i = 0; i < m->slots.count; i++) {
        struct slot *slot = m->slots.items[i];
        if (slot->is_taken || slot->is_leaving) continue;
        if (slot->next_ms - now_ms > 2 * slot->group->config->interval_ms) /* the clock went back */
            slot->next_ms = rule_group_due(slot->group->config, now_ms);
        if (!first || slot->next_ms < first->next_ms) first = slot;
    }
    return first;
}

/* Each thread waits for a group of its own, so that none wakes another. */
static void *run(void *context) {
    struct rules_manager *m = context;
    mutex_lock(&m->lock);
    while (!m->is_stopping) {
        int64_t now_ms = clock_wall_ms();
        struct slot *slot = next_slot(m, now_ms);
        int64_t wait_ms = slot ? slot->next_ms - now_ms : LONGEST_WAIT_MS;
        if (slot) slot->is_taken = true;
        if (wait_ms > 0) {
            condition_wait_ms(&m->changed, &m->lock, wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS);
        } else {
            mutex_unlock(&m->lock);
            run_slot(m, slot);
            mutex_lock(&m->lock);
        }
        if (!slot) continue;
        slot->is_taken = false;
        if (slot->is_leaving) condition_broadcast(&m->changed);
    }
    mutex_unlock(&m->lock);
    return NULL;
}

/* ---- applying ---- */

static struct slot *find_slot(struct rules_manager *m, const struct rule_set_group *config) {
    for (size_t i = 0; i < m->slots.count; i++) {
        const struct rule_set_group *have = m->slots.items[i]->group->config;
        if (strcmp(have->file, config->file) == 0 && strcmp(have->name, config->name) == 0)
            return m->slots.items[i];
    }
    return NULL;
}

static bool has_group(const struct rule_set *set, const struct rule_set_group *config) {
    for (size_t i = 0; i < set->group_count; i++)
        if (strcmp(set->groups[i].file, config->file) == 0 && strcmp(set->groups[i].name, config->name) == 0)
            return true;
    return false;
}

static struct slot *make_slot(struct rules_manager *m, struct rule_set *set,
                              const struct rule_set_group *config, int64_t now_ms) {
    struct slot *slot = mem_zalloc(sizeof *slot);
    slot->group = rule_group_create(&m->env, set, config);
    slot->keeps = rule_group_keeps(slot->group);
    slot->must_restore = !m->has_applied;
    slot->next_ms = rule_group_due(config, now_ms + 1);
    for (size_t i = 0; i < config->rule_count; i++) slot->group->rules[i].alerts.is_restored = m->has_applied;
    return slot;
}

static void destroy_slot(struct slot *slot) {
    rule_group_unref(slot->group);
    mem_free(slot);
}

/* with the lock: nobody evaluates it from now on */
static void quiesce(struct rules_manager *m, struct slot *slot) {
    slot->is_leaving = true;
    condition_broadcast(&m->changed);
    while (slot->is_taken) condition_wait(&m->changed, &m->lock);
}

static void replace_slot(struct rules_manager *m, struct slot *old, struct slot *slot) {
    quiesce(m, old);
    slot->must_restore = old->must_restore;
    slot->evals = old->evals;
    rule_group_take_over(slot->group, old->group);
}

static int compare_slots(const void *a, const void *b) {
    const struct rule_set_group *x = (*(struct slot *const *)a)->group->config,
                                *y = (*(struct slot *const *)b)->group->config;
    int order = strcmp(x->file, y->file);
    return order ? order : strcmp(x->name, y->name);
}

void rules_manager_apply(struct rules_manager *m, struct rule_set *set) {
    int64_t now_ms = clock_wall_ms();
    VEC(struct slot *) slots = {0};
    mutex_lock(&m->lock);
    for (size_t i = 0; i < set->group_count; i++) {
        const struct rule_set_group *config = &set->groups[i];
        struct slot *old = find_slot(m, config);
        if (old && span_equal(old->group->config->key, config->key)) {
            *vec_push(&slots) = old;
            continue;
        }
        struct slot *slot = make_slot(m, set, config, now_ms);
        if (old) replace_slot(m, old, slot);
        *vec_push(&slots) = slot;
    }
    for (size_t i = 0; i < m->slots.count; i++) {
        struct slot *old = m->slots.items[i];
        bool stays = false;
        for (size_t k = 0; k < slots.count; k++) stays |= slots.items[k] == old;
        if (stays) continue;
        quiesce(m, old);
        rule_group_end(old->group, now_ms - old->group->config->query_offset_ms);
        if (m->env.metrics && !has_group(set, old->group->config))
            rule_metrics_forget(m->env.metrics, old->group->config);
        destroy_slot(old);
    }
    vec_release(&m->slots);
    m->slots.items = slots.items;
    m->slots.count = slots.count;
    m->slots.capacity = slots.capacity;
    if (m->slots.count) qsort(m->slots.items, m->slots.count, sizeof *m->slots.items, compare_slots);
    m->has_applied = true;
    condition_broadcast(&m->changed);
    mutex_unlock(&m->lock);
}

/* ---- life ---- */

struct rules_manager *rules_manager_create(const struct rules_manager_options *options,
                                           struct registry *registry) {
    struct rules_manager *m = mem_zalloc(sizeof *m);
    m->env = (struct rule_env){.engine = options->engine,
                               .queryable = options->queryable,
                               .appender = options->appender,
                               .resend_delay_ms = options->resend_delay_ms,
                               .outage_tolerance_ms = options->outage_tolerance_ms,
                               .grace_period_ms = options->grace_period_ms,
                               .notify = options->notify,
                               .context = options->context};
    if (registry) m->env.metrics = rule_metrics_create(registry);
    mutex_init(&m->lock);
    mutex_init(&m->keep_lock);
    condition_init(&m->changed);
    keep_file_open(&m->keep, options->keep_path);
    m->thread_count = options->threads ? options->threads : 2;
    if (m->thread_count > MAX_THREADS) m->thread_count = MAX_THREADS;
    if (options->is_concurrent) m->env.crew = crew_create(m->thread_count);
    for (int i = 0; i < m->thread_count; i++) thread_start(&m->threads[i], "rules", run, m);
    return m;
}

void rules_manager_stop(struct rules_manager *m) {
    if (!m || m->is_stopping) return;
    mutex_lock(&m->lock);
    m->is_stopping = true;
    atomic_store(&m->env.cancel, true);
    condition_broadcast(&m->changed);
    mutex_unlock(&m->lock);
    for (int i = 0; i < m->thread_count; i++) thread_join(&m->threads[i]);
    write_keep_file(m);
}

void rules_manager_destroy(struct rules_manager *m) {
    if (!m) return;
    rules_manager_stop(m);
    for (size_t i = 0; i < m->slots.count; i++) destroy_slot(m->slots.items[i]);
    vec_release(&m->slots);
    crew_destroy(m->env.crew);
    keep_file_release(&m->keep);
    rule_metrics_destroy(m->env.metrics);
    condition_release(&m->changed);
    mutex_release(&m->keep_lock);
    mutex_release(&m->lock);
    mem_free(m);
}

void rules_manager_groups(struct rules_manager *m, struct rule_groups *groups) {
    mutex_lock(&m->lock);
    groups->count = m->slots.count;
    groups->items = mem_array(groups->count ? groups->count : 1, sizeof *groups->items);
    for (size_t i = 0; i < groups->count; i++) groups->items[i] = rule_group_ref(m->slots.items[i]->group);
    mutex_unlock(&m->lock);
}

void rule_groups_release(struct rule_groups *groups) {
    for (size_t i = 0; i < groups->count; i++) rule_group_unref(groups->items[i]);
    mem_free(groups->items);
    *groups = (struct rule_groups){0};
}
