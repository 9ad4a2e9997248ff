/* What a body says of its metrics: into the target's state, and from there into a batch. */
#include "lib/base/mem.h"
#include "lib/expose/protobuf.h"
#include "lib/scrape/body_inside.h"

#include <string.h>

#define METADATA_MAX_ENTRIES 10000

static struct metadata_entry *metadata_of(struct target_state *state, size_t *capacity, struct span metric) {
    /* the lines of a family stand together, so only the newest entry can be meant */
    struct metadata_entry *last = state->metadata_count ? &state->metadata[state->metadata_count - 1] : NULL;
    if (last && span_equal(last->metric, metric)) return last;
    if (state->metadata_count == METADATA_MAX_ENTRIES) return NULL;
    if (state->metadata_count == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 64;
        struct metadata_entry *entries = arena_array(&state->metadata_arena, grown, sizeof *entries);
        if (!entries) return NULL;
        if (*capacity) memcpy(entries, state->metadata, *capacity * sizeof *entries);
        state->metadata = entries;
        *capacity = grown;
    }
    struct metadata_entry *entry = &state->metadata[state->metadata_count];
    const char *name = arena_strndup(&state->metadata_arena, metric.ptr, metric.len);
    if (!name) return NULL;
    *entry = (struct metadata_entry){.metric = span_of(name, metric.len), .type = SPAN("unknown")};
    state->metadata_count++;
    return entry;
}

static void keep_text(struct target_state *state, struct span *place, struct span text) {
    const char *copy = arena_strndup(&state->metadata_arena, text.ptr, text.len);
    if (copy) *place = span_of(copy, text.len);
}

static void read_lines(struct target_state *state, enum expose_format format, struct span text) {
    struct expose_reader reader;
    struct expose_entry line;
    size_t capacity = 0;
    expose_reader_init(&reader, format, text);
    while (expose_next(&reader, &line, NULL) == 0 && line.kind != EXPOSE_END) {
        struct metadata_entry *entry =
            line.kind == EXPOSE_SERIES ? NULL : metadata_of(state, &capacity, line.metric);
        if (!entry) continue;
        if (line.kind == EXPOSE_TYPE)
            keep_text(state, &entry->type, span_is(line.text, "untyped") ? SPAN("unknown") : line.text);
        if (line.kind == EXPOSE_HELP &&
            !expose_help(line.text, format, &state->metadata_arena, &line.text, NULL))
            keep_text(state, &entry->help, line.text);
        if (line.kind == EXPOSE_UNIT) keep_text(state, &entry->unit, line.text);
    }
}

static void read_families(struct target_state *state, struct span text) {
    struct expose_families families;
    struct expose_family family;
    size_t capacity = 0;
    expose_families_init(&families, text);
    while (expose_family_next(&families, &family, NULL) == 1) {
        struct metadata_entry *entry = metadata_of(state, &capacity, family.name);
        if (!entry) continue;
        keep_text(state, &entry->type, span_from(expose_type_name(family.type)));
        keep_text(state, &entry->help, family.help);
        keep_text(state, &entry->unit, family.unit);
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
    struct target_state *state = &target->state;
    mutex_lock(&target->lock);
    arena_release(&state->metadata_arena);
    state->metadata = NULL;
    state->metadata_count = 0;
    if (format == EXPOSE_PROTOBUF)
        read_families(state, text);
    else
        read_lines(state, format, text);
    mutex_unlock(&target->lock);
}

void body_tell_metadata(struct target *target, struct append_batch *batch) {
    mutex_lock(&target->lock);
    for (size_t i = 0; i < target->state.metadata_count; i++) {
        const struct metadata_entry *entry = &target->state.metadata[i];
        struct metric_metadata item = {entry->metric, entry->type, entry->help, entry->unit};
        if (append_batch_add_metadata(batch, &item, NULL)) break;
    }
    mutex_unlock(&target->lock);
}
