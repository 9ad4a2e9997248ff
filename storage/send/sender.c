#include "storage/send/sender.h"

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "storage/send/inside.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX_BYTES ((size_t)1 << 20)
#define FLUSH_DEADLINE_MS 60000

struct sender *sender_create(const struct sender_options *options, struct registry *registry) {
    struct sender *sender = mem_zalloc(sizeof *sender);
    sender->options = *options;
    sender->registry = registry;
    if (!sender->options.flush_deadline_ms) sender->options.flush_deadline_ms = FLUSH_DEADLINE_MS;
    sender->in_total =
        registry_counter(registry, "prometheus_remote_storage_samples_in_total",
                         "Samples in to remote storage, compare to samples out for queue managers.", NULL);
    return sender;
}

/* all that decides what a receiver gets */
static void write_text(const struct config *config, const struct remote_write_config *remote,
                       struct buf *out) {
    for (uint32_t i = 0; i < config->global.external_labels.count; i++) {
        struct label label = config->global.external_labels.items[i];
        text_write_quoted(label.name, out);
        text_write_quoted(label.value, out);
    }
    config_write_remote_write(remote, true, out);
}

/* its own, or one made of what it is */
static void name_of(const struct remote_write_config *remote, char name[TAIL_NAME_MAX + 1]) {
    struct buf text;
    if (remote->name && *remote->name) {
        snprintf(name, TAIL_NAME_MAX + 1, "%s", remote->name);
        return;
    }
    buf_init(&text, TEXT_MAX_BYTES);
    config_write_remote_write(remote, false, &text);
    snprintf(name, TAIL_NAME_MAX + 1, "%06llx",
             (unsigned long long)(hash_bytes(text.data, text.len) & 0xffffff));
    buf_release(&text);
}

/* the queue that is as wanted leaves the list of the old ones */
static struct queue *take_same(struct sender *sender, const char *name, const char *text) {
    for (size_t i = 0; i < sender->queues.count; i++) {
        struct queue *queue = sender->queues.items[i];
        if (!queue || strcmp(queue->name, name) != 0 || strcmp(queue->text, text) != 0) continue;
        sender->queues.items[i] = NULL;
        return queue;
    }
    return NULL;
}

static void end_queues(struct sender *sender, int64_t wait_ms) {
    int64_t at_ms = clock_monotonic_ms() + wait_ms;
    for (size_t i = 0; i < sender->queues.count; i++)
        if (sender->queues.items[i]) queue_stop(sender->queues.items[i], at_ms);
    for (size_t i = 0; i < sender->queues.count; i++)
        if (sender->queues.items[i]) queue_destroy(sender->queues.items[i]);
    sender->queues.count = 0;
}

int sender_apply(struct sender *sender, struct config *config, struct err *err) {
    size_t count = config->remote_write.count;
    struct queue **queues = mem_array(count + 1, sizeof *queues);
    char(*names)[TAIL_NAME_MAX + 1] = mem_array(count + 1, sizeof *names);
    const char **kept = mem_array(count + 1, sizeof *kept);
    struct buf *texts = mem_array(count + 1, sizeof *texts);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        const struct remote_write_config *remote = &config->remote_write.items[i];
        name_of(remote, names[i]);
        kept[i] = names[i];
        buf_init(&texts[i], TEXT_MAX_BYTES);
        write_text(config, remote, &texts[i]);
        queues[i] = take_same(sender, names[i], buf_text(&texts[i]));
    }
    end_queues(sender, sender->options.flush_deadline_ms / 6);
    tail_keep(sender->options.tsdb, kept, count);
    for (size_t i = 0; i < count; i++) {
        struct err own;
        if (!queues[i] && queue_create(sender, config, &config->remote_write.items[i], names[i],
                                       buf_text(&texts[i]), &queues[i], &own))
            rc = err_set(err, ERR_INVALID, "remote_write \"%s\": %s", names[i], own.text);
        if (queues[i]) *vec_push(&sender->queues) = queues[i];
        buf_release(&texts[i]);
    }
    mem_free(texts);
    mem_free(kept);
    mem_free(names);
    mem_free(queues);
    return rc;
}

void sender_stop(struct sender *sender) {
    if (sender) end_queues(sender, sender->options.flush_deadline_ms);
}

void sender_destroy(struct sender *sender) {
    if (!sender) return;
    sender_stop(sender);
    vec_release(&sender->queues);
    mem_free(sender);
}
