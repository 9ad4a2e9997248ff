#include "storage/head/chunks.h"

#include "lib/base/bits.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "tests/check_main.h"
#include "tests/support/faulty_fs.h"
#include "tests/support/memory_fs.h"

#include <errno.h>
#include <string.h>

#define CHUNKS 3000

static struct chunk_info info_of(uint64_t i) {
    return (struct chunk_info){.number = i + 1,
                               .mint = (int64_t)i * 1000,
                               .maxt = (int64_t)i * 1000 + 60000,
                               .encoding = CHUNK_XOR,
                               .count = (uint8_t)(i % 120 + 1),
                               .len = (uint32_t)(i * 37 % CHUNK_MAX_BYTES + 1)};
}

static void bytes_of(uint64_t i, uint8_t bytes[CHUNK_MAX_BYTES]) {
    for (size_t k = 0; k < CHUNK_MAX_BYTES; k++) bytes[k] = (uint8_t)(i * 131 + k * 7);
}

static struct chunk_ref add(struct chunk_store *store, uint64_t i) {
    struct chunk_info info = info_of(i);
    uint8_t bytes[CHUNK_MAX_BYTES];
    bytes_of(i, bytes);
    return chunk_store_add(store, &info, bytes);
}

static void check(struct chunk_store *store, uint64_t i, struct chunk_ref ref) {
    struct chunk_info info = info_of(i);
    uint8_t bytes[CHUNK_MAX_BYTES];
    struct chunk_copy copy = {0};
    struct err err;
    bytes_of(i, bytes);
    int rc = chunk_store_read(store, ref, info.number, &copy, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_uint_eq(copy.encoding, info.encoding);
    ck_assert_uint_eq(copy.count, info.count);
    ck_assert_uint_eq(copy.len, info.len);
    ck_assert_mem_eq(copy.bytes, bytes, info.len);
    chunk_copy_release(&copy);
    ck_assert_int_eq(ref.maxt, info.maxt);
    ck_assert_int_le(chunk_ref_mint(ref), info.mint);
    ck_assert_int_gt(chunk_ref_mint(ref), info.mint - 2000);
}

static struct chunk_store store;

static void open_in(struct file_system *fs, const char *folder) {
    struct err err;
    ck_assert_int_eq(chunk_store_init(&store, fs, folder, &err), 0);
}

START_TEST(chunks_come_back_from_buffer_file_and_heap) {
    struct memory_fs *disk = memory_fs_create();
    for (int pass = 0; pass < 2; pass++) {
        static struct chunk_ref refs[CHUNKS];
        open_in(memory_fs_base(disk), pass ? NULL : "/chunks_head");
        for (uint64_t i = 0; i < CHUNKS; i++) {
            refs[i] = add(&store, i);
            check(&store, i, refs[i]);
            if (i % 50 == 0) chunk_store_flush(&store);
            check(&store, i / 2, refs[i / 2]);
        }
        ck_assert_uint_eq(store.heap_chunks, pass ? CHUNKS : 0);
        for (uint64_t i = 0; i < CHUNKS; i++) check(&store, i, refs[i]);
        for (uint64_t i = 0; i < CHUNKS; i++) chunk_store_drop(&store, refs[i]);
        ck_assert_uint_eq(store.heap_bytes, 0);
        chunk_store_release(&store);
    }
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(damage_is_an_error_that_names_the_place) {
    struct memory_fs *disk = memory_fs_create();
    open_in(memory_fs_base(disk), "/chunks_head");
    struct chunk_ref refs[700];
    for (uint64_t i = 0; i < 700; i++) refs[i] = add(&store, i);
    chunk_store_flush(&store);
    size_t len;
    uint8_t *bytes = memory_fs_bytes(disk, "/chunks_head/000001", &len);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_gt(len, 256 << 10);
    struct chunk_copy copy = {0};
    struct err err;
    for (size_t at = 8; at < 8 + 17; at++) { /* each byte of the first record, which holds one byte */
        bytes[at] ^= 1;
        windows_forget(&store.windows); /* what was read before stays good */
        ck_assert_int_eq(chunk_store_read(&store, refs[0], 1, &copy, &err), ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.text, "000001"));
        ck_assert_ptr_nonnull(strstr(err.text, "offset 8"));
        bytes[at] ^= 1;
        check(&store, 0, refs[0]);
    }
    ck_assert_int_eq(chunk_store_read(&store, refs[0], 2, &copy, &err), ERR_CORRUPT); /* another series' */
    chunk_copy_release(&copy);
    chunk_store_release(&store);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_disk_that_refuses_costs_memory_but_no_chunk) {
    struct memory_fs *disk = memory_fs_create();
    struct faulty_fs faulty;
    faulty_fs_init(&faulty, memory_fs_base(disk));
    open_in(&faulty.base, "/chunks_head");
    faulty.kinds = FAULTY_WRITE;
    faulty.fail_at = 3;
    faulty.persistent = true;
    faulty.error = ENOSPC;
    faulty.tear = true;
    enum { MANY = 20000 };
    struct chunk_ref *refs = mem_array(MANY, sizeof *refs);
    for (uint64_t i = 0; i < MANY; i++) {
        refs[i] = add(&store, i);
        if (i % 100 == 0) chunk_store_flush(&store);
    }
    ck_assert_uint_gt(store.heap_chunks, 0);
    for (uint64_t i = 0; i < MANY; i++) check(&store, i, refs[i]);
    faulty.fail_at = 0;
    chunk_store_flush(&store);
    ck_assert_uint_eq(store.pending.len, 0);
    struct chunk_ref later = add(&store, MANY);
    for (uint64_t i = 0; i < MANY; i++) check(&store, i, refs[i]);
    check(&store, MANY, later);
    for (uint64_t i = 0; i < MANY; i++) chunk_store_drop(&store, refs[i]);
    ck_assert_uint_eq(store.heap_chunks, 0);
    chunk_store_release(&store);
    mem_free(refs);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(full_files_are_followed_by_others) {
    struct memory_fs *disk = memory_fs_create();
    static struct chunk_ref refs[CHUNKS];
    open_in(memory_fs_base(disk), "/chunks_head");
    store.file_max_bytes = 100000;
    for (uint64_t i = 0; i < CHUNKS; i++) {
        refs[i] = add(&store, i);
        check(&store, i, refs[i]);
    }
    ck_assert_uint_gt(store.number, 10);
    ck_assert_uint_eq(store.heap_chunks, 0);
    for (uint64_t i = 0; i < CHUNKS; i++) check(&store, i, refs[i]);
    size_t len;
    ck_assert_ptr_nonnull(memory_fs_bytes(disk, "/chunks_head/000011", &len));
    ck_assert_uint_le(len, 100000);
    chunk_store_release(&store);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_later_run_reads_what_it_restores_and_removes_the_rest) {
    struct memory_fs *disk = memory_fs_create();
    static struct chunk_ref refs[CHUNKS];
    size_t len;
    open_in(memory_fs_base(disk), "/chunks_head");
    store.file_max_bytes = 100000;
    for (uint64_t i = 0; i < CHUNKS; i++) refs[i] = add(&store, i);
    ck_assert(chunk_store_flush_all(&store));
    ck_assert_int_eq(chunk_store_sync(&store, NULL), 0);
    memory_fs_put(disk, "/chunks_head/readme", "x", 1);
    uint32_t last = store.number;
    chunk_store_release(&store);
    open_in(memory_fs_base(disk), "/chunks_head");
    for (uint64_t i = CHUNKS / 2; i < CHUNKS; i++) {
        ck_assert(chunk_store_restore(&store, refs[i]));
        check(&store, i, refs[i]);
    }
    chunk_store_remove_before(&store, INT64_MIN);
    for (uint64_t i = CHUNKS / 2; i < CHUNKS; i++) check(&store, i, refs[i]);
    ck_assert(!chunk_store_restore(&store, refs[0]));
    ck_assert_ptr_null(memory_fs_bytes(disk, "/chunks_head/000001", &len));
    ck_assert_ptr_nonnull(memory_fs_bytes(disk, "/chunks_head/readme", &len));
    struct chunk_ref next = add(&store, 7);
    ck_assert_uint_eq(store.number, last + 1);
    check(&store, 7, next);
    chunk_store_remove_before(&store, INT64_MAX); /* but not the one being written */
    check(&store, 7, next);
    ck_assert(!chunk_store_restore(&store, refs[CHUNKS - 1]));
    chunk_store_release(&store);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_file_that_could_not_be_synced_is_never_leaned_on) {
    struct memory_fs *disk = memory_fs_create();
    struct faulty_fs faulty;
    faulty_fs_init(&faulty, memory_fs_base(disk));
    open_in(&faulty.base, "/chunks_head");
    add(&store, 1);
    ck_assert(chunk_store_flush_all(&store));
    faulty.kinds = FAULTY_SYNC;
    faulty.fail_at = 1;
    faulty.persistent = true;
    faulty.error = EIO;
    ck_assert_int_eq(chunk_store_sync(&store, NULL), ERR_IO);
    faulty.fail_at = 0;
    ck_assert_int_eq(chunk_store_sync(&store, NULL), ERR_IO);
    chunk_store_release(&store);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(times_at_the_ends_are_covered) {
    open_in(file_system_real(), NULL);
    struct chunk_info info = {
        .number = 1, .mint = INT64_MIN, .maxt = INT64_MAX, .encoding = 1, .count = 1, .len = 1};
    uint8_t byte = 0;
    struct chunk_ref ref = chunk_store_add(&store, &info, &byte);
    ck_assert_int_eq(chunk_ref_mint(ref), INT64_MIN);
    chunk_store_drop(&store, ref);
    info.maxt = INT64_MIN + 5;
    ref = chunk_store_add(&store, &info, &byte);
    ck_assert_int_eq(chunk_ref_mint(ref), INT64_MIN);
    chunk_store_drop(&store, ref);
    chunk_store_release(&store);
}
END_TEST

CHECK_MAIN("chunks", full_files_are_followed_by_others, chunks_come_back_from_buffer_file_and_heap,
           damage_is_an_error_that_names_the_place, a_disk_that_refuses_costs_memory_but_no_chunk,
           a_later_run_reads_what_it_restores_and_removes_the_rest,
           a_file_that_could_not_be_synced_is_never_leaned_on, times_at_the_ends_are_covered)
