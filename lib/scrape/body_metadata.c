/* What a body says of its metrics: into the target's state, and from there into a batch. */
#include "lib/base/mem.h"
#include "lib/expose/protobuf.h"
#include "lib/scrape/body_inside.h"

#include <string.h>

#define METADATA_MAX_ENTRIES 10000
#define GATHERED_MAX ((size_t)16 << 20)

/* until all of it is there */
struct gathered {
    struct arena arena;
    struct metadata_entry *entries;
    size_t count, capacity;
};

static struct metadata_entry *entry_of(struct gathered *gathered, struct span metric) {
    /* the lines of a family stand together, so only the newest entry can be meant */
    struct metadata_entry *last = gathered->count ? &gathered->entries[gathered->count - 1] : NULL;
    if (last && span_equal(last->metric, metric)) return last;
    if (gathered->count == METADATA_MAX_ENTRIES) return NULL;
    if (gathered->count == gathered->capacity) {
        size_t grown = gathered->capacity ? gathered->capacity * 2 : 64;
        struct metadata_entry *entries = arena_array(&gathered->arena, grown, sizeof *entries);
        if (!entries) return NULL;
        if (gathered->count) memcpy(entries, gathered->entries, gathered->count * sizeof *entries);
        gathered->entries = entries;
        gathered->capacity = grown;
    }
    struct metadata_entry *entry = &gathered->entries[gathered->count++];
    *entry = (struct metadata_entry){.metric = metric, .type = SPAN("unknown")};
    return entry;
}

static void read_lines(struct gathered *gathered, enum expose_format format, struct span text) {
    struct expose_reader reader;
    struct expose_entry line;
    expose_reader_init(&reader, format, text);
    while (expose_next(&reader, &line, NULL) == 0 && line.kind != EXPOSE_END) {
        struct metadata_entry *entry = line.kind == EXPOSE_SERIES ? NULL : entry_of(gathered, line.metric);
        if (!entry) continue;
        if (line.kind == EXPOSE_TYPE)
            entry->type = span_is(line.text, "untyped") ? SPAN("unknown") : line.text;
        if (line.kind == EXPOSE_HELP && !expose_help(line.text, format, &gathered->arena, &line.text, NULL))
            entry->help = line.text;
        if (line.kind == EXPOSE_UNIT) entry->unit = line.text;
    }
}

static void read_families(struct gathered *gathered, struct span text) {
    struct expose_families families;
    struct expose_family family;
    expose_families_init(&families, text);
    while (expose_family_next(&families, &family, NULL) == 1) {
        struct metadata_entry *entry = entry_of(gathered, family.name);
        if (!entry) continue;
        entry->type = span_from(expose_type_name(family.type));
        entry->help = family.help;
        entry->unit = family.unit;
    }
}

/* a metric of that name belongs to the family */
static bool is_of_family(struct span metric, struct span family) {
    return family.len && span_starts_with(metric, family) &&
           (metric.len == family.len || metric.ptr[family.len] == '_');
}

int body_say_type(struct body *body, struct labels *exposed, struct err *err) {
    const struct body_said *said = &body->said;
    struct span metric = labels_get(*exposed, SPAN(LABEL_NAME));
    struct label_builder builder;
    label_builder_init(&builder, &body->arena, *exposed);
    if (said->type != EXPOSE_UNKNOWN && is_of_family(metric, said->type_family))
        label_builder_set(&builder, SPAN("__type__"), span_from(expose_type_name(said->type)));
    if (said->unit.len && is_of_family(metric, said->unit_family))
        label_builder_set(&builder, SPAN("__unit__"), said->unit);
    return label_builder_finish(&builder, exposed, err);
}

void body_read_metadata(struct target *target, enum expose_format format, struct span text) {
    struct gathered gathered = {0};
    arena_init(&gathered.arena, GATHERED_MAX, NULL);
    if (format == EXPOSE_PROTOBUF)
        read_families(&gathered, text);
    else
        read_lines(&gathered, format, text);
    struct metadata *metadata = metadata_share(gathered.entries, gathered.count);
    arena_release(&gathered.arena);
    mutex_lock(&target->lock);
    struct metadata *before = target->state.metadata;
    target->state.metadata = metadata;
    mutex_unlock(&target->lock);
    metadata_unref(before);
}

void body_tell_metadata(struct target *target, struct append_batch *batch) {
    mutex_lock(&target->lock);
    const struct metadata *metadata = target->state.metadata;
    for (size_t i = 0; i < metadata->count; i++) {
        const struct metadata_entry *entry = &metadata->entries[i];
        struct metric_metadata item = {entry->metric, entry->type, entry->help, entry->unit};
        if (append_batch_add_metadata(batch, &item, NULL)) break;
    }
    mutex_unlock(&target->lock);
}
