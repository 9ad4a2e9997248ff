/* Records being put together for one write: frames one behind the other, sealed when they are written. */
#include "storage/wal/wal.h"

#include "lib/base/assert.h"
#include "storage/wal/frame.h"

#define NO_FRAME SIZE_MAX

_Static_assert(WAL_MAX_PAYLOAD == FRAME_MAX_PAYLOAD, "what may be asked for can be framed");

void wal_group_init(struct wal_group *group) {
    *group = (struct wal_group){.frame = NO_FRAME};
    buf_init(&group->bytes, WAL_MAX_GROUP);
}

void wal_group_release(struct wal_group *group) {
    buf_release(&group->bytes);
}

void wal_group_reset(struct wal_group *group) {
    wal_group_cut(group, 0, 0);
}

void wal_group_cut(struct wal_group *group, size_t bytes, uint32_t record_count) {
    ASSERT(bytes <= group->bytes.len && record_count <= group->record_count);
    group->bytes.len = bytes;
    group->bytes.failed = false;
    group->record_count = record_count;
    group->frame = NO_FRAME;
    group->is_awaited = false;
}

struct buf *wal_group_begin(struct wal_group *group, int type) {
    ASSERT(group->frame == NO_FRAME && type > 0 && type <= UINT8_MAX);
    group->frame = group->bytes.len;
    if (buf_reserve(&group->bytes, FRAME_HEADER)) {
        frame_put_draft((uint8_t *)group->bytes.data + group->frame, 0, (uint8_t)type);
        group->bytes.len += FRAME_HEADER;
    }
    return &group->bytes;
}

int wal_group_end(struct wal_group *group, struct err *err) {
    ASSERT(group->frame != NO_FRAME);
    static const uint8_t zeros[FRAME_ALIGN];
    struct buf *bytes = &group->bytes;
    size_t frame = group->frame, length = bytes->failed ? 0 : bytes->len - frame - FRAME_HEADER;
    bool is_good = !bytes->failed && length <= WAL_MAX_PAYLOAD &&
                   buf_append(bytes, zeros, frame_size((uint32_t)length) - FRAME_HEADER - length);
    if (!is_good) {
        wal_group_cut(group, frame, group->record_count);
        return err_set(err, ERR_LIMIT,
                       "a record or group of records of the log is larger than %zu or %zu bytes",
                       WAL_MAX_PAYLOAD, WAL_MAX_GROUP);
    }
    frame_draft_resize((uint8_t *)bytes->data + frame, (uint32_t)length);
    group->frame = NO_FRAME;
    group->record_count++;
    return 0;
}
