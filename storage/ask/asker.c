#include "storage/ask/asker.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/url.h"
#include "storage/ask/inside.h"
#include "storage/ask/pair.h"

#include <stdio.h>
#include <string.h>

#define PACKED_MAX_BYTES ((size_t)256 << 20)

/* ---- the remotes of a configuration ---- */

static void remotes_unref(struct remotes *remotes) {
    if (!remotes || atomic_fetch_sub(&remotes->references, 1) != 1) return;
    for (size_t i = 0; i < remotes->count; i++) mem_free(remotes->items[i].name);
    mem_free(remotes->items);
    config_unref(remotes->config);
    mem_free(remotes);
}

static const char *warning_of(struct asker *asker, const char *name) {
    char text[256];
    snprintf(text, sizeof text,
             "remote_read \"%.100s\" did not answer: its samples are missing, the log says why", name);
    for (size_t i = 0; i < asker->warnings.count; i++)
        if (strcmp(asker->warnings.items[i], text) == 0) return asker->warnings.items[i];
    return *vec_push(&asker->warnings) = mem_strdup(text);
}

static void remote_init(struct asker *asker, struct remote *remote, const struct remote_read_config *config,
                        size_t index) {
    struct registry *registry = asker->registry;
    char name[32];
    snprintf(name, sizeof name, "%zu", index);
    *remote = (struct remote){.config = config};
    remote->name = mem_strdup(config->name && *config->name ? config->name : name);
    remote->warning = warning_of(asker, remote->name);
    struct buf url;
    buf_init(&url, 1 << 16);
    url_write_redacted(span_from(config->url), &url);
    const char *labels[] = {"remote_name", remote->name, "url", buf_text(&url), NULL};
    remote->queries = registry_counter(registry, "prometheus_remote_storage_read_queries_total",
                                       "The total number of remote read queries.", labels);
    remote->failed = registry_counter(registry, "ferula_remote_read_failed_total",
                                      "Remote read queries that were not answered.", labels);
    remote->under_way = registry_gauge(registry, "prometheus_remote_storage_read_queries_in_flight",
                                       "The number of in-flight remote read queries.", labels);
    buf_release(&url);
}

void asker_apply(struct asker *asker, struct config *config) {
    struct remotes *remotes = mem_zalloc(sizeof *remotes);
    atomic_init(&remotes->references, 1);
    remotes->config = config_ref(config);
    remotes->count = config->remote_read.count;
    remotes->items = mem_array(remotes->count ? remotes->count : 1, sizeof *remotes->items);
    for (size_t i = 0; i < remotes->count; i++)
        remote_init(asker, &remotes->items[i], &config->remote_read.items[i], i);
    mutex_lock(&asker->lock);
    struct remotes *before = asker->remotes;
    asker->remotes = remotes;
    mutex_unlock(&asker->lock);
    remotes_unref(before);
}

/* ---- who is asked, and for what ---- */

static bool has_required(const struct remote *remote, const struct matcher *matchers, size_t count) {
    for (size_t i = 0; i < remote->config->required_matchers.count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < count && !is_there; k++)
            is_there = matchers[k].type == MATCH_EQUAL &&
                       span_is(matchers[k].name, remote->config->required_matchers.items[i].name) &&
                       span_is(matchers[k].value, remote->config->required_matchers.items[i].value);
        if (!is_there) return false;
    }
    return true;
}

static bool names_label(const struct matcher *matchers, size_t count, struct span name) {
    for (size_t i = 0; i < count; i++)
        if (span_equal(matchers[i].name, name)) return true;
    return false;
}

/* those that the query does not name itself */
static struct labels external_of(const struct asker *asker, const struct remotes *remotes,
                                 const struct remote *remote, const struct question *question,
                                 struct label *items) {
    struct labels external = remotes->config->global.external_labels;
    uint32_t kept = 0;
    for (uint32_t i = 0; remote->config->filter_external_labels && i < external.count; i++)
        if (!names_label(question->matchers, question->matcher_count, external.items[i].name) &&
            !span_equal(external.items[i].name, asker->replica))
            items[kept++] = external.items[i];
    return (struct labels){items, kept};
}

/* false: it is not asked */
static bool bound(const struct asker *asker, const struct remote *remote, const struct matcher *matchers,
                  size_t count, int64_t mint, int64_t *maxt) {
    struct tsdb_stats stats;
    if (!has_required(remote, matchers, count)) return false;
    if (remote->config->read_recent) return true;
    tsdb_stats(asker->tsdb, &stats);
    if (mint >= stats.min_time) return false;
    if (*maxt > stats.min_time) *maxt = stats.min_time;
    return true;
}

static int ask(struct asker *asker, struct remotes *remotes, struct remote *remote, struct question *question,
               struct budget *budget, struct series_set **set, struct err *err) {
    struct label *items = mem_array((size_t)remotes->config->global.external_labels.count + 1, sizeof *items);
    struct buf packed, body;
    buf_init(&packed, PACKED_MAX_BYTES);
    buf_init_budget(&body, PACKED_MAX_BYTES, budget);
    question->external = external_of(asker, remotes, remote, question, items);
    question->replica = asker->replica;
    counter_inc(remote->queries);
    gauge_add(remote->under_way, 1);
    int rc = question_write(question, &packed, err);
    if (!rc) rc = remote_call(asker, remote, buf_view(&packed), &body, err);
    if (!rc) rc = answer_read(question, buf_view(&body), budget, set, err);
    gauge_add(remote->under_way, -1);
    buf_release(&packed);
    buf_release(&body);
    mem_free(items);
    return rc;
}

/* ---- the port ---- */

static struct asker_port *port_of(struct queryable *queryable) {
    return (struct asker_port *)queryable;
}

static struct remotes *remotes_now(struct asker *asker) {
    mutex_lock(&asker->lock);
    struct remotes *remotes = asker->remotes;
    if (remotes) atomic_fetch_add(&remotes->references, 1);
    mutex_unlock(&asker->lock);
    return remotes;
}

static struct queryable *port_begin(struct queryable *queryable) {
    struct asker *asker = port_of(queryable)->asker;
    struct asker_port *own = mem_alloc(sizeof *own);
    *own = *port_of(queryable);
    own->base = queryable_begin(tsdb_queryable(asker->tsdb));
    own->remotes = remotes_now(asker);
    return &own->port;
}

static void port_end(struct queryable *queryable) {
    struct asker_port *own = port_of(queryable);
    queryable_end(own->base);
    remotes_unref(own->remotes);
    mem_free(own);
}

static void close_all(struct series_set **sets, size_t count) {
    for (size_t i = 0; i < count; i++) series_set_close(sets[i]);
    mem_free(sets);
}

/* ours is the last; takes them over */
static int pair_all(struct series_set **sets, size_t others, struct budget *budget, struct series_set **set,
                    struct err *err) {
    struct series_set *all = sets[others];
    int rc = 0;
    for (size_t i = 0; i < others; i++) {
        if (rc)
            series_set_close(sets[i]);
        else
            rc = pair_set(all, sets[i], budget, &all, err);
    }
    if (!rc) *set = all;
    return rc;
}

/* the database's set behind those of the remotes, which are older */
static int select_with(struct asker *asker, struct remotes *remotes, struct queryable *base,
                       const struct matcher *matchers, size_t matcher_count, int64_t mint, int64_t maxt,
                       struct budget *budget, struct series_set **set, struct err *err) {
    struct series_set **sets = mem_array(remotes->count + 1, sizeof *sets);
    const char *warning = NULL;
    size_t count = 0;
    for (size_t i = 0; i < remotes->count; i++) {
        struct remote *remote = &remotes->items[i];
        struct question question = {
            .matchers = matchers, .matcher_count = matcher_count, .mint = mint, .maxt = maxt};
        struct err own;
        if (!bound(asker, remote, matchers, matcher_count, mint, &question.maxt)) continue;
        if (ask(asker, remotes, remote, &question, budget, &sets[count], &own)) {
            LOG(LOG_ERROR, "remote read", "remote_name", remote->name, "err", own.text);
            counter_inc(remote->failed);
            warning = remote->warning;
            continue;
        }
        count++;
    }
    int rc = queryable_select(base, matchers, matcher_count, mint, maxt, budget, &sets[count], err);
    if (rc) {
        close_all(sets, count);
        return rc;
    }
    if (asker->replica.len)
        rc = pair_all(sets, count, budget, set, err);
    else
        rc = union_set(sets, count + 1, budget, &asker->damage, set, err); /* the sets are its own now */
    mem_free(sets);
    if (!rc && warning) atomic_store(&(*set)->warning, warning);
    return rc;
}

static int port_select(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                       int64_t mint, int64_t maxt, struct budget *budget, struct series_set **set,
                       struct err *err) {
    struct asker_port *own = port_of(queryable);
    struct remotes *remotes = own->remotes ? own->remotes : remotes_now(own->asker);
    struct queryable *base = own->base ? own->base : tsdb_queryable(own->asker->tsdb);
    int rc =
        !remotes || !remotes->count
            ? queryable_select(base, matchers, matcher_count, mint, maxt, budget, set, err)
            : select_with(own->asker, remotes, base, matchers, matcher_count, mint, maxt, budget, set, err);
    if (!own->remotes) remotes_unref(remotes);
    return rc;
}

static struct queryable *base_of(struct queryable *queryable) {
    struct asker_port *own = port_of(queryable);
    return own->base ? own->base : tsdb_queryable(own->asker->tsdb);
}

static int port_label_names(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                            int64_t mint, int64_t maxt, struct arena *arena, struct span **names,
                            size_t *count, struct err *err) {
    struct queryable *base = base_of(queryable);
    return base->ops->label_names(base, matchers, matcher_count, mint, maxt, arena, names, count, err);
}

static int port_label_values(struct queryable *queryable, struct span name, const struct matcher *matchers,
                             size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                             struct span **values, size_t *count, struct err *err) {
    struct queryable *base = base_of(queryable);
    return base->ops->label_values(base, name, matchers, matcher_count, mint, maxt, arena, values, count,
                                   err);
}

static const struct queryable_ops port_ops = {.begin = port_begin,
                                              .end = port_end,
                                              .select = port_select,
                                              .label_names = port_label_names,
                                              .label_values = port_label_values};

/* ---- life ---- */

static void *run(void *context) {
    struct asker *asker = context;
    loop_run(asker->loop);
    http_client_destroy(asker->client);
    return NULL;
}

int asker_create(struct tsdb *tsdb, const char *replica_label, struct registry *registry, struct asker **made,
                 struct err *err) {
    struct asker *asker = mem_zalloc(sizeof *asker);
    asker->port = (struct asker_port){.port = {&port_ops}, .asker = asker};
    asker->tsdb = tsdb;
    asker->replica = span_from(replica_label ? replica_label : "");
    asker->registry = registry;
    damage_notes_init(&asker->damage);
    int rc = loop_create(&asker->loop, err);
    if (!rc) rc = http_client_create(asker->loop, &asker->client, err);
    if (rc) {
        loop_destroy(asker->loop);
        damage_notes_release(&asker->damage);
        mem_free(asker);
        return rc;
    }
    mutex_init(&asker->lock);
    thread_start(&asker->thread, "remote-read", run, asker);
    *made = asker;
    return 0;
}

struct queryable *asker_queryable(struct asker *asker) {
    return &asker->port.port;
}

void asker_destroy(struct asker *asker) {
    if (!asker) return;
    loop_stop(asker->loop);
    thread_join(&asker->thread);
    loop_destroy(asker->loop);
    remotes_unref(asker->remotes);
    for (size_t i = 0; i < asker->warnings.count; i++) mem_free(asker->warnings.items[i]);
    vec_release(&asker->warnings);
    damage_notes_release(&asker->damage);
    mutex_release(&asker->lock);
    mem_free(asker);
}
