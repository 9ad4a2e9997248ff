#include "storage/wal/replay.h"

#include "lib/base/bits.h"
#include "storage/wal/frame.h"
#include "storage/wal/segment.h"
#include "storage/wal/window.h"

#include <inttypes.h>
#include <stdio.h>

struct segment {
    uint64_t number, size;
    enum segment_state state;
    struct segment_header header;
    uint64_t bound; /* sequences from here on are overruled by a later segment */
};

/* Bytes that are no record, until it is known what they were: a torn write, or damage. */
struct bad_bytes {
    bool is_open, is_lost; /* is_lost: the place of the next record is not known either */
    uint64_t begin,
        end; /* end: behind the last byte that is not zero, or behind a frame whose header was good */
};

struct replay {
    struct file_system *fs;
    const char *folder;
    wal_record_fn *each;
    void *context;
    struct wal_report *report;
    struct window window;
    VEC(struct segment) segments;
    uint64_t after;         /* records behind it are handed out */
    uint64_t last;          /* every sequence up to here was handed out, reported lost or is not wanted */
    uint64_t pending_bytes; /* bad bytes at the ends of segments, not yet told apart */
};

/* ---- what was lost ---- */

static void note_loss(struct wal_report *report, uint64_t segment, uint64_t from, uint64_t to) {
    report->lost_records += to - from + 1;
    struct wal_loss *before = report->loss_count ? &report->losses[report->loss_count - 1] : NULL;
    if (before && before->to_sequence + 1 == from && before->segment == segment)
        before->to_sequence = to;
    else if (report->loss_count < WAL_REPORT_LOSSES)
        report->losses[report->loss_count++] = (struct wal_loss){segment, from, to};
}

static void note_damage(struct wal_report *report, uint64_t bytes) {
    report->damaged_stretches++;
    report->damaged_bytes += bytes;
}

/* a record that was handed out made no sense */
static void note_lost(struct wal_report *report, struct wal_place place, uint64_t payload_bytes) {
    report->records--;
    report->payload_bytes -= payload_bytes;
    note_loss(report, place.segment, place.sequence, place.sequence);
    note_damage(report, payload_bytes);
}

/* The log goes on with sequence `next`. If something is missing before it, what was bad so far was damage. */
static void settle(struct replay *replay, uint64_t segment, uint64_t next) {
    bool has_gap = next > replay->last + 1;
    if (has_gap) {
        note_loss(replay->report, segment, replay->last + 1, next - 1);
        replay->last = next - 1;
    }
    if (!replay->pending_bytes) return;
    if (has_gap)
        note_damage(replay->report, replay->pending_bytes);
    else
        replay->report->cut_bytes += replay->pending_bytes;
    replay->pending_bytes = 0;
}

/* ---- one segment ---- */

static int hand_out(struct replay *replay, const struct segment *segment, const struct frame *frame,
                    const uint8_t *payload, struct err *err) {
    struct wal_report *report = replay->report;
    struct wal_place place = {segment->number, frame->sequence};
    int rc = replay->each(replay->context, frame->type, place, payload, frame->length, err);
    if (rc && rc != ERR_CORRUPT) return err_wrap(err, rc, "record %" PRIu64 " of the log", frame->sequence);
    replay->last = frame->sequence;
    report->records++;
    report->payload_bytes += frame->length;
    if (rc) note_lost(report, place, frame->length);
    return 0;
}

/* a record that is good in itself */
static int found(struct replay *replay, const struct segment *segment, const struct frame *frame,
                 const uint8_t *payload, struct bad_bytes *bad, uint64_t offset, struct err *err) {
    uint64_t sequence = frame->sequence;
    if (sequence >= segment->bound || sequence < segment->header.first_sequence) return 0; /* overruled */
    if (sequence <= replay->after) { /* nobody wants it, nor what was bad in front of it */
        *bad = (struct bad_bytes){0};
        replay->report->tail_end = offset + frame_size(frame->length);
        return 0;
    }
    if (sequence <= replay->last) return 0; /* a copy: as if it were not there */
    bool is_gap = bad->end == bad->begin && sequence == replay->last + 1; /* zeros, and nothing missing */
    if (bad->is_open && !is_gap) note_damage(replay->report, offset - bad->begin);
    *bad = (struct bad_bytes){0};
    settle(replay, segment->number, sequence);
    replay->report->tail_end = offset + frame_size(frame->length);
    return hand_out(replay, segment, frame, payload, err);
}

static void note_bad(struct bad_bytes *bad, uint64_t offset, uint64_t end) {
    if (!bad->is_open) *bad = (struct bad_bytes){.is_open = true, .begin = offset, .end = offset};
    if (end > bad->end && end > offset) bad->end = end;
}

/* Looks at one place: a record, bad bytes or empty room. *step is the way to the next place. */
static int look_at(struct replay *replay, const struct segment *segment, uint32_t seed, uint64_t offset,
                   struct bad_bytes *bad, uint64_t *step, struct err *err) {
    struct frame frame;
    const uint8_t *at;
    uint64_t left = replay->window.size - offset;
    int rc = window_at(&replay->window, offset, FRAME_HEADER, &at, err);
    if (rc) return rc;
    uint64_t word = load_u64(at);
    bool has_header = frame_read(at, seed, &frame) && frame.length <= left - FRAME_HEADER;
    if (has_header) {
        rc = window_at(&replay->window, offset, FRAME_HEADER + frame.length, &at, err);
        if (rc) return rc;
        *step = frame_size(frame.length);
        if (frame_payload_is_good(at + FRAME_HEADER, seed, &frame)) {
            bad->is_lost = false;
            return found(replay, segment, &frame, at + FRAME_HEADER, bad, offset, err);
        }
        if (!bad->is_lost) {
            note_bad(bad, offset, offset + *step);
            return 0;
        }
    }
    note_bad(bad, offset, word ? offset + FRAME_ALIGN : offset);
    bad->is_lost = true;
    *step = FRAME_ALIGN;
    return 0;
}

static int read_records(struct replay *replay, const struct segment *segment, struct err *err) {
    uint32_t seed = segment_seed(segment->header.id);
    uint64_t offset = SEGMENT_RECORDS, size = replay->window.size, step;
    struct bad_bytes bad = {0};
    while (offset < size && size - offset >= FRAME_HEADER) {
        int rc = look_at(replay, segment, seed, offset, &bad, &step, err);
        if (rc) return rc;
        offset += step;
    }
    if (offset < size) { /* too short for a record */
        const uint8_t *at;
        int rc = window_at(&replay->window, offset, size - offset, &at, err);
        if (rc) return rc;
        for (uint64_t i = 0; i < size - offset; i++)
            if (at[i]) note_bad(&bad, offset, offset + i + 1);
    }
    if (bad.end > size) bad.end = size;
    if (bad.is_open) replay->pending_bytes += bad.end - bad.begin; /* 0 for mere room */
    return 0;
}

static int open_segment(struct replay *replay, uint64_t number, struct file *file, struct err *err) {
    char path[SEGMENT_PATH_MAX];
    int rc = segment_path(replay->folder, number, path, err);
    return rc ? rc : file_open(replay->fs, path, FILE_READ, file, err);
}

static int replay_segment(struct replay *replay, const struct segment *segment, struct err *err) {
    struct wal_report *report = replay->report;
    if (segment->bound <= replay->after + 1) return 0;
    if (segment->state == SEGMENT_DAMAGED) note_damage(replay->report, segment->size);
    if (segment->state != SEGMENT_GOOD) return 0;
    uint64_t first = segment->header.first_sequence;
    settle(replay, segment->number, first < segment->bound ? first : segment->bound);
    report->tail_segment = segment->number;
    report->tail_end = SEGMENT_RECORDS;
    struct file file;
    int rc = open_segment(replay, segment->number, &file, err);
    if (rc) return rc;
    rc = window_open(&replay->window, &file, err);
    if (!rc) rc = read_records(replay, segment, err);
    file_close(&file);
    return rc;
}

/* ---- all segments ---- */

/* a file too short for a header: of zeros it was never begun, anything else was cut off */
static enum segment_state state_of_short(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (bytes[i]) return SEGMENT_DAMAGED;
    return SEGMENT_NEVER_BEGUN;
}

static int read_header(struct replay *replay, struct segment *segment, struct err *err) {
    uint8_t block[SEGMENT_RECORDS];
    struct file file;
    int copies_bad = 0, rc = open_segment(replay, segment->number, &file, err);
    if (rc) return rc;
    rc = file_size(&file, &segment->size, err);
    size_t there = segment->size < sizeof block ? (size_t)segment->size : sizeof block;
    if (!rc) rc = file_read(&file, block, there, 0, err);
    if (!rc && there < sizeof block) segment->state = state_of_short(block, there);
    if (!rc && there == sizeof block)
        rc = segment_header_read(block, &segment->state, &segment->header, &copies_bad, err);
    if (rc == ERR_UNSUPPORTED) err_wrap(err, rc, "segment \"%s\"", file.path);
    file_close(&file);
    if (rc) return rc;
    bool is_renamed = segment->state == SEGMENT_GOOD && segment->header.number != segment->number;
    if (is_renamed || segment->header.first_sequence > FRAME_MAX_SEQUENCE) segment->state = SEGMENT_DAMAGED;
    replay->report->damaged_headers += copies_bad != 0;
    replay->report->file_bytes += segment->size;
    replay->report->last_segment = segment->number;
    replay->report->segments++;
    return 0;
}

static int read_headers(struct replay *replay, struct err *err) {
    struct segment_numbers numbers = {0};
    int rc = segment_list(replay->fs, replay->folder, &numbers, err);
    for (size_t i = 0; !rc && i < numbers.list.count; i++) {
        struct segment *segment = vec_push(&replay->segments);
        *segment = (struct segment){.number = numbers.list.items[i]};
        rc = read_header(replay, segment, err);
    }
    vec_release(&numbers.list);
    return rc;
}

/* From the last to the first: a later segment overrules an earlier one. */
static void set_bounds(struct replay *replay) {
    uint64_t bound = FRAME_MAX_SEQUENCE, first = 1;
    for (size_t i = replay->segments.count; i-- > 0;) {
        struct segment *segment = &replay->segments.items[i];
        segment->bound = bound;
        if (segment->state != SEGMENT_GOOD) continue;
        if (segment->header.first_sequence >= bound) continue;
        first = bound = segment->header.first_sequence;
    }
    replay->last = replay->after ? replay->after : first ? first - 1 : 0;
}

int wal_replay(struct file_system *fs, const char *folder, uint64_t after, wal_record_fn *each, void *context,
               struct wal_report *report, struct err *err) {
    struct wal_report found_report = {0};
    struct replay replay = {.fs = fs,
                            .folder = folder,
                            .each = each,
                            .context = context,
                            .report = &found_report,
                            .after = after};
    window_init(&replay.window);
    int rc = read_headers(&replay, err);
    set_bounds(&replay);
    for (size_t i = 0; !rc && i < replay.segments.count; i++)
        rc = replay_segment(&replay, &replay.segments.items[i], err);
    found_report.cut_bytes += replay.pending_bytes; /* no record behind them */
    found_report.last_sequence = replay.last;
    vec_release(&replay.segments);
    window_release(&replay.window);
    if (!rc) *report = found_report;
    return rc;
}
