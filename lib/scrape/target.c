#include "lib/scrape/target.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/model/duration.h"

#include <stdio.h>
#include <string.h>

#define TARGET_MAGIC 0x74617267u
#define TARGET_ARENA_MAX ((size_t)16 << 20)
#define TEXT_MAX ((size_t)1 << 20)

/* everything but letters, digits and -_.~ as %XX (RFC 3986) */
static void put_escaped(struct buf *out, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     memchr("-_.~", c, 4);
        if (plain)
            buf_putc(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static void put_param(struct buf *out, char *separator, struct span name, struct span value) {
    buf_putc(out, *separator);
    put_escaped(out, name);
    buf_putc(out, '=');
    put_escaped(out, value);
    *separator = '&';
}

static bool job_has_param(const struct scrape_config *job, struct span name) {
    for (size_t i = 0; i < job->params.count; i++)
        if (span_is(name, job->params.items[i].name)) return true;
    return false;
}

/* the job's parameters, the first value of each as the labels say, then what only the labels say */
static void put_params(struct buf *out, char separator, const struct target *target) {
    const struct scrape_config *job = target->job;
    struct span prefix = SPAN("__param_");
    for (size_t i = 0; i < job->params.count; i++) {
        char name[256];
        snprintf(name, sizeof name, "__param_%s", job->params.items[i].name);
        struct span first = labels_get(target->discovered, span_from(name));
        for (size_t k = 0; k < job->params.items[i].values.count; k++)
            put_param(out, &separator, span_from(job->params.items[i].name),
                      k == 0 && first.len ? first : span_from(job->params.items[i].values.items[k]));
    }
    for (uint32_t i = 0; i < target->discovered.count; i++) {
        const struct label *label = &target->discovered.items[i];
        if (!span_starts_with(label->name, prefix)) continue;
        struct span name = span_of(label->name.ptr + prefix.len, label->name.len - prefix.len);
        if (!job_has_param(job, name)) put_param(out, &separator, name, label->value);
    }
}

/* scheme, address, path and parameters are what the labels say: a group may give its targets others than the
 * job's */
static void put_url(struct buf *out, const struct target *target) {
    struct span path = labels_get(target->discovered, SPAN("__metrics_path__"));
    buf_span(out, labels_get(target->discovered, SPAN("__scheme__")));
    buf_puts(out, "://");
    buf_span(out, labels_get(target->discovered, SPAN("__address__")));
    if (!span_starts_with(path, SPAN("/"))) buf_putc(out, '/');
    buf_span(out, path);
    put_params(out, span_find_byte(path, '?', 0) < path.len ? '&' : '?', target);
}

static void put_text(struct buf *key, const char *text) {
    buf_printf(key, "%zu:%s|", text ? strlen(text) : 0, text ? text : "");
}

static void put_client_key(struct buf *key, const struct http_client_config *http) {
    const struct basic_auth_config *basic = http->basic_auth;
    const struct authorization_config *auth = http->authorization;
    const struct tls_config *tls = http->tls_config;
    if (basic)
        put_text(key, basic->username), put_text(key, basic->username_file),
            put_text(key, basic->password.text), put_text(key, basic->password_file);
    if (auth)
        put_text(key, auth->type), put_text(key, auth->credentials.text),
            put_text(key, auth->credentials_file);
    if (tls) {
        put_text(key, tls->ca), put_text(key, tls->ca_file), put_text(key, tls->cert),
            put_text(key, tls->cert_file), put_text(key, tls->key.text);
        put_text(key, tls->key_file), put_text(key, tls->server_name), put_text(key, tls->min_version),
            put_text(key, tls->max_version);
        buf_printf(key, "%d|", tls->insecure_skip_verify);
    }
    put_text(key, http->proxy_url), put_text(key, http->no_proxy);
    buf_printf(key, "%d%d%d|", http->follow_redirects, http->enable_http2, http->proxy_from_environment);
    for (size_t i = 0; i < http->http_headers.count; i++) {
        put_text(key, http->http_headers.items[i].name);
        for (size_t k = 0; k < http->http_headers.items[i].values.count; k++)
            put_text(key, http->http_headers.items[i].values.items[k]);
        for (size_t k = 0; k < http->http_headers.items[i].secrets.count; k++)
            put_text(key, http->http_headers.items[i].secrets.items[k]);
    }
}

/* every setting that a scrape looks at; a target with an equal key goes on as it is after a reload */
static void put_key(struct buf *key, const struct target *target) {
    const struct scrape_config *job = target->job;
    put_text(key, job->job_name);
    put_text(key, target->url);
    labels_write(target->discovered, key);
    buf_printf(key, "|%lld|%lld|%d%d%d%d%d|%llu|%llu|%llu|%llu|%llu|", (long long)job->scrape_interval_ms,
               (long long)job->scrape_timeout_ms, job->honor_labels, job->honor_timestamps,
               job->track_timestamps_staleness, job->enable_compression, job->extra_scrape_metrics,
               (unsigned long long)job->body_size_limit_bytes, (unsigned long long)job->sample_limit,
               (unsigned long long)job->label_limit, (unsigned long long)job->label_name_length_limit,
               (unsigned long long)job->label_value_length_limit);
    put_text(key, job->fallback_scrape_protocol);
    put_text(key, job->metric_name_validation_scheme);
    buf_printf(key, "%d%d%d|%llu|%.17g|", job->scrape_native_histograms,
               job->convert_classic_histograms_to_nhcb, job->always_scrape_classic_histograms,
               (unsigned long long)job->native_histogram_bucket_limit,
               job->native_histogram_min_bucket_factor);
    put_text(key, job->metric_name_escaping_scheme);
    for (size_t i = 0; i < job->scrape_protocols.count; i++) put_text(key, job->scrape_protocols.items[i]);
    put_client_key(key, &job->http);
}

static void set(struct label_builder *builder, const char *name, const char *value) {
    label_builder_set(builder, span_from(name), span_from(value));
}

static const char *duration_text(struct arena *arena, int64_t ms) {
    struct buf out;
    buf_init(&out, 100);
    duration_write(ms, &out);
    const char *text = arena_strndup(arena, buf_text(&out), out.len);
    buf_release(&out);
    return text ? text : "";
}

static int make_labels(struct target *target, const char *address, struct labels given, struct err *err) {
    const struct scrape_config *job = target->job;
    struct label_builder builder;
    label_builder_init(&builder, &target->arena, (struct labels){0});
    set(&builder, "job", job->job_name);
    set(&builder, "__scrape_interval__", duration_text(&target->arena, job->scrape_interval_ms));
    set(&builder, "__scrape_timeout__", duration_text(&target->arena, job->scrape_timeout_ms));
    set(&builder, "__metrics_path__", job->metrics_path);
    set(&builder, "__scheme__", job->scheme);
    for (size_t i = 0; i < job->params.count; i++) {
        const char *name = arena_printf(&target->arena, "__param_%s", job->params.items[i].name);
        if (name && job->params.items[i].values.count)
            set(&builder, name, job->params.items[i].values.items[0]);
    }
    for (uint32_t i = 0; i < given.count; i++)
        label_builder_set(&builder, given.items[i].name, given.items[i].value);
    set(&builder, "__address__", address);
    struct labels discovered;
    int rc = label_builder_finish(&builder, &discovered, err);
    if (!rc) rc = labels_copy(discovered, &target->arena, &target->discovered, err);
    if (rc) return rc;
    label_builder_init(&builder, &target->arena, target->discovered);
    for (uint32_t i = 0; i < target->discovered.count; i++)
        if (span_starts_with(target->discovered.items[i].name, SPAN("__")))
            label_builder_set(&builder, target->discovered.items[i].name, SPAN(""));
    if (!label_builder_get(&builder, SPAN("instance")).len)
        label_builder_set(&builder, SPAN("instance"), labels_get(target->discovered, SPAN("__address__")));
    return label_builder_finish(&builder, &target->labels, err);
}

int target_create(struct config *config, const struct scrape_config *job, const char *address,
                  struct labels labels, struct target **result, struct err *err) {
    struct target *target = mem_zalloc(sizeof *target);
    struct buf text;
    target->magic = TARGET_MAGIC;
    target->config = config_ref(config);
    target->job = job;
    arena_init(&target->arena, TARGET_ARENA_MAX, NULL);
    arena_init(&target->state.metadata_arena, TARGET_ARENA_MAX, NULL);
    mutex_init(&target->lock);
    target->state.last_scrape_ms = INT64_MIN;
    buf_init(&text, TEXT_MAX);
    int rc = make_labels(target, address, labels, err);
    if (!rc) {
        put_url(&text, target);
        target->url = arena_strndup(&target->arena, buf_text(&text), text.len);
        buf_reset(&text);
        labels_write(target->labels, &text);
        if (target->url) buf_puts(&text, target->url);
        target->hash = hash_bytes(text.data, text.len);
        buf_reset(&text);
        put_key(&text, target);
        target->key = span_of(arena_strndup(&target->arena, text.data, text.len), text.len);
        if (text.failed || !target->url || !target->key.ptr)
            rc = err_set(err, ERR_LIMIT, "target %s: labels or URL too large", address);
    }
    buf_release(&text);
    if (rc) {
        target_destroy(target);
        return rc;
    }
    *result = target;
    return 0;
}

void target_destroy(struct target *target) {
    if (!target) return;
    CHECK_OBJ(target, TARGET_MAGIC);
    ASSERT(target->batches == 0);
    cache_release(&target->cache);
    arena_release(&target->state.metadata_arena);
    arena_release(&target->arena);
    mutex_release(&target->lock);
    config_unref(target->config);
    target->magic = 0;
    mem_free(target);
}

int64_t target_offset_ms(const struct target *target, uint64_t seed) {
    return (int64_t)((target->hash ^ seed) % (uint64_t)target->job->scrape_interval_ms);
}
