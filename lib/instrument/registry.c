#include "lib/instrument/family.h"

#include "lib/base/assert.h"
#include "lib/base/vec.h"

#include <string.h>

#define LABELS_TEXT_MAX ((size_t)4096)

struct collector {
    void (*collect)(void *context);
    void *context;
};

struct registry {
    pthread_mutex_t lock;          /* guards the lists, held while writing */
    VEC(struct family *) families; /* sorted by name */
    VEC(struct collector) collectors;
};

struct registry *registry_create(void) {
    struct registry *registry = mem_zalloc(sizeof *registry);
    pthread_mutexattr_t recursive; /* a collect function may ask for a child */
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&registry->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    return registry;
}

void registry_destroy(struct registry *registry) {
    if (!registry) return;
    for (size_t i = 0; i < registry->families.count; i++) family_destroy(registry->families.items[i]);
    vec_release(&registry->families);
    vec_release(&registry->collectors);
    pthread_mutex_destroy(&registry->lock);
    mem_free(registry);
}

static void write_label_value(struct buf *out, const char *value) {
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            buf_printf(out, "\\%c", *value);
        else if (*value == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *value);
    }
}

static char *labels_text(instrument_labels labels) {
    struct buf text;
    buf_init(&text, LABELS_TEXT_MAX);
    for (; labels && labels[0]; labels += 2) {
        if (text.len) buf_putc(&text, ',');
        buf_puts(&text, labels[0]);
        buf_puts(&text, "=\"");
        write_label_value(&text, labels[1]);
        buf_putc(&text, '"');
    }
    ASSERT(!text.failed);
    char *copy = mem_strdup(buf_text(&text));
    buf_release(&text);
    return copy;
}

static struct family *find_family(struct registry *registry, const char *name, const char *help,
                                  enum metric_type type) {
    size_t place = 0;
    for (; place < registry->families.count; place++) {
        struct family *family = registry->families.items[place];
        int order = strcmp(family->name, name);
        if (order == 0) {
            ASSERT(family->type == type);
            return family;
        }
        if (order > 0) break;
    }
    struct family *family = mem_zalloc(sizeof *family);
    family->name = mem_strdup(name);
    family->help = mem_strdup(help);
    family->type = type;
    *vec_push(&registry->families) = family;
    struct family **items = registry->families.items;
    memmove(items + place + 1, items + place, (registry->families.count - 1 - place) * sizeof *items);
    items[place] = family;
    return family;
}

/* Takes ownership of labels. New children go to the end, so that expositions keep their order. */
static struct child *find_child(struct family *family, char *labels) {
    struct child **place = &family->children;
    for (; *place; place = &(*place)->next)
        if (strcmp((*place)->labels, labels) == 0) {
            mem_free(labels);
            return *place;
        }
    struct child *child = mem_zalloc(sizeof *child);
    child->labels = labels;
    if (family->type == METRIC_HISTOGRAM) {
        child->histogram.bounds = family->bounds;
        child->histogram.bound_count = family->bound_count;
        child->histogram.buckets = mem_array(family->bound_count + 1, sizeof *child->histogram.buckets);
    } else if (family->type == METRIC_SUMMARY) {
        pthread_mutex_init(&child->summary.lock, NULL);
    }
    *place = child;
    return child;
}

static struct child *child_of(struct registry *registry, const char *name, const char *help,
                              enum metric_type type, instrument_labels labels, const double *bounds,
                              size_t bound_count) {
    pthread_mutex_lock(&registry->lock);
    struct family *family = find_family(registry, name, help, type);
    if (bound_count && !family->bounds) {
        family->bounds = mem_array(bound_count, sizeof *bounds);
        memcpy(family->bounds, bounds, bound_count * sizeof *bounds);
        family->bound_count = bound_count;
    }
    struct child *child = find_child(family, labels_text(labels));
    pthread_mutex_unlock(&registry->lock);
    return child;
}

struct counter *registry_counter(struct registry *registry, const char *name, const char *help,
                                 instrument_labels labels) {
    return &child_of(registry, name, help, METRIC_COUNTER, labels, NULL, 0)->counter;
}

struct gauge *registry_gauge(struct registry *registry, const char *name, const char *help,
                             instrument_labels labels) {
    return &child_of(registry, name, help, METRIC_GAUGE, labels, NULL, 0)->gauge;
}

struct histogram *registry_histogram(struct registry *registry, const char *name, const char *help,
                                     instrument_labels labels, const double *bounds, size_t bound_count) {
    return &child_of(registry, name, help, METRIC_HISTOGRAM, labels, bounds, bound_count)->histogram;
}

struct summary *registry_summary(struct registry *registry, const char *name, const char *help,
                                 instrument_labels labels) {
    return &child_of(registry, name, help, METRIC_SUMMARY, labels, NULL, 0)->summary;
}

void registry_on_collect(struct registry *registry, void (*collect)(void *context), void *context) {
    pthread_mutex_lock(&registry->lock);
    *vec_push(&registry->collectors) = (struct collector){collect, context};
    pthread_mutex_unlock(&registry->lock);
}

void registry_forget(struct registry *registry, void *context) {
    pthread_mutex_lock(&registry->lock);
    size_t kept = 0;
    for (size_t i = 0; i < registry->collectors.count; i++)
        if (registry->collectors.items[i].context != context)
            registry->collectors.items[kept++] = registry->collectors.items[i];
    registry->collectors.count = kept;
    pthread_mutex_unlock(&registry->lock);
}

void registry_remove(struct registry *registry, instrument_labels labels) {
    char *text = labels_text(labels);
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < registry->families.count; i++) family_remove(registry->families.items[i], text);
    pthread_mutex_unlock(&registry->lock);
    mem_free(text);
}

void registry_write(struct registry *registry, struct buf *out) {
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < registry->collectors.count; i++)
        registry->collectors.items[i].collect(registry->collectors.items[i].context);
    for (size_t i = 0; i < registry->families.count; i++)
        if (registry->families.items[i]->children) family_write(registry->families.items[i], out);
    pthread_mutex_unlock(&registry->lock);
}
