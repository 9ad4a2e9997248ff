/* The file door: the real table in a folder of its own, and what is made of failures, over disks that fail.
 */
#include "lib/sys/file.h"

#include "tests/check_main.h"
#include "tests/support/crash_fs.h"
#include "tests/support/faulty_fs.h"
#include "tests/support/memory_fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char folder[64], path[128], other[128];

static void make_place(void) {
    snprintf(folder, sizeof folder, "/tmp/test_file_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/one", folder);
    snprintf(other, sizeof other, "%s/two", folder);
}

static void remove_place(void) {
    (void)unlink(path);
    (void)unlink(other);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void count_name(const char *name, void *context) {
    (void)name;
    ++*(int *)context;
}

static void check_content(struct file_system *fs, const char *name, const char *wanted) {
    struct buf buf;
    struct err err = {0};
    buf_init(&buf, 1000);
    int rc = file_read_all(fs, name, &buf, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_str_eq(buf_text(&buf), wanted);
    buf_release(&buf);
}

START_TEST(a_file_gives_back_what_was_written) {
    struct file_system *fs = file_system_real();
    struct file file, again;
    char data[16];
    uint64_t size;
    size_t got;
    int names = 0;
    make_place();
    ck_assert_int_eq(file_open(fs, path, FILE_READ, &file, NULL), ERR_NOT_FOUND);
    ck_assert_int_eq(file_open(fs, path, FILE_WRITE, &file, NULL), 0);
    ck_assert_int_eq(file_open(fs, path, FILE_CREATE, &again, NULL), ERR_EXISTS);
    ck_assert_int_eq(file_write(&file, "hello world", 11, 5, NULL), 0);
    ck_assert_int_eq(file_sync(&file, NULL), 0);
    ck_assert_int_eq(file_read(&file, data, 5, 11, NULL), 0);
    ck_assert_int_eq(memcmp(data, "world", 5), 0);
    ck_assert_int_eq(file_read(&file, data, 6, 11, NULL), ERR_CORRUPT);
    ck_assert_int_eq(file_read_some(&file, data, 6, 16, &got, NULL), 0);
    ck_assert_uint_eq(got, 0);
    ck_assert_int_eq(file_allocate(&file, 8192, NULL), 0);
    ck_assert_int_eq(file_size(&file, &size, NULL), 0);
    ck_assert_uint_eq(size, 8192);
    ck_assert_int_eq(file_truncate(&file, 16, NULL), 0);
    ck_assert_int_eq(file_lock(&file, NULL), 0);
    ck_assert_int_eq(file_open(fs, path, FILE_READ, &again, NULL), 0);
    ck_assert_int_eq(file_lock(&again, NULL), ERR_BUSY);
    file_close(&again);
    file_close(&file);
    file_close(&file);
    ck_assert(!file_is_open(&file));
    ck_assert_int_eq(file_rename(fs, path, other, NULL), 0);
    ck_assert_int_eq(folder_list(fs, folder, count_name, &names, NULL), 0);
    ck_assert_int_eq(names, 1);
    ck_assert_int_eq(folder_sync(fs, folder, NULL), 0);
    ck_assert_int_eq(file_remove(fs, other, NULL), 0);
    ck_assert_int_eq(file_remove(fs, other, NULL), ERR_NOT_FOUND);
    remove_place();
}
END_TEST

START_TEST(folders_are_made_with_their_parents) {
    struct file_system *fs = file_system_real();
    char deep[128], middle[128];
    make_place();
    snprintf(middle, sizeof middle, "%s/a", folder);
    snprintf(deep, sizeof deep, "%s/a/b", folder);
    ck_assert_int_eq(folder_make(fs, deep, NULL), 0);
    ck_assert_int_eq(folder_make(fs, deep, NULL), 0);
    ck_assert_int_eq(rmdir(deep) | rmdir(middle), 0);
    ck_assert_int_eq(folder_sync(fs, deep, NULL), ERR_NOT_FOUND);
    remove_place();
}
END_TEST

START_TEST(the_names_of_made_folders_are_on_the_disk) {
    struct crash_fs *disk = crash_fs_create();
    ck_assert_int_eq(folder_make(crash_fs_base(disk), "/a/b/c", NULL), 0);
    struct crash_fs *after = crash_fs_image(disk, crash_fs_point(disk), CRASH_NONE, 0);
    struct file file;
    ck_assert_int_eq(file_open(crash_fs_base(after), "/a/b/c/one", FILE_WRITE, &file, NULL), 0);
    file_close(&file);
    crash_fs_destroy(after);
    crash_fs_destroy(disk);
}
END_TEST

START_TEST(a_file_larger_than_allowed_is_not_read) {
    struct buf buf;
    make_place();
    ck_assert_int_eq(file_write_atomic(file_system_real(), path, "0123456789", 10, NULL), 0);
    buf_init(&buf, 5);
    ck_assert_int_eq(file_read_all(file_system_real(), path, &buf, NULL), ERR_LIMIT);
    buf_release(&buf);
    remove_place();
}
END_TEST

START_TEST(a_full_disk_has_its_own_code_and_the_text_names_the_file) {
    struct memory_fs *memory = memory_fs_create();
    struct file file;
    struct err err;
    memory_fs_limit(memory, 4);
    ck_assert_int_eq(file_open(memory_fs_base(memory), "d/x", FILE_WRITE, &file, NULL), 0);
    ck_assert_int_eq(file_write(&file, "12345", 5, 0, &err), ERR_NO_SPACE);
    ck_assert_str_eq(err.text, "write \"d/x\": No space left on device");
    ck_assert_int_eq(file_allocate(&file, 100, &err), ERR_NO_SPACE);
    file_close(&file);
    memory_fs_destroy(memory);
}
END_TEST

START_TEST(interrupted_calls_and_short_writes_are_continued) {
    struct memory_fs *memory = memory_fs_create();
    struct faulty_fs faulty;
    struct file file;
    char data[10];
    faulty_fs_init(&faulty, memory_fs_base(memory));
    faulty.error = EINTR;
    faulty.write_most = 3;
    faulty.fail_at = 1; /* open */
    ck_assert_int_eq(file_open(&faulty.base, "d/x", FILE_WRITE, &file, NULL), 0);
    for (uint64_t i = 1; i <= 3; i++) {
        faulty.calls = 0;
        faulty.fail_at = i;
        ck_assert_int_eq(file_write(&file, "0123456789", 10, 0, NULL), 0);
    }
    faulty.calls = 0;
    faulty.fail_at = 1;
    ck_assert_int_eq(file_read(&file, data, 10, 0, NULL), 0);
    ck_assert_int_eq(memcmp(data, "0123456789", 10), 0);
    ck_assert_uint_eq(faulty.failures, 5);
    file_close(&file);
    memory_fs_destroy(memory);
}
END_TEST

/* old or new at every failure, and after every power cut; new when it said so */
START_TEST(an_atomic_write_leaves_the_old_or_the_new) {
    for (int crash = CRASH_KEEP_ALL; crash <= CRASH_KEEP_SOME; crash++) {
        bool struck = true;
        for (uint64_t fail_at = 1; struck; fail_at++) {
            struct memory_fs *memory = memory_fs_create();
            struct faulty_fs faulty;
            struct buf buf;
            buf_init(&buf, 100);
            memory_fs_put(memory, "d/x", "old", 3);
            faulty_fs_init(&faulty, memory_fs_base(memory));
            faulty.fail_at = fail_at;
            faulty.tear = true;
            int rc = file_write_atomic(&faulty.base, "d/x", "brand new", 9, NULL);
            struck = faulty.failures > 0;
            ck_assert_int_eq(rc, struck ? ERR_IO : 0);
            memory_fs_crash(memory, (enum memory_crash)crash, fail_at);
            ck_assert_int_eq(file_read_all(memory_fs_base(memory), "d/x", &buf, NULL), 0);
            bool is_new = strcmp(buf_text(&buf), "brand new") == 0;
            ck_assert(is_new || (struck && strcmp(buf_text(&buf), "old") == 0));
            buf_release(&buf);
            memory_fs_destroy(memory);
        }
    }
}
END_TEST

START_TEST(a_disk_tells_its_size_and_its_room) {
    struct file_space space = {0};
    ck_assert_int_eq(folder_space(file_system_real(), "/tmp", &space, NULL), 0);
    ck_assert_uint_gt(space.total, 1 << 20);
    ck_assert_uint_le(space.available, space.total);
    ck_assert_int_eq(folder_space(file_system_real(), "/tmp/no such folder", &space, NULL), ERR_NOT_FOUND);
    struct memory_fs *memory = memory_fs_create();
    memory_fs_limit(memory, 1000);
    memory_fs_put(memory, "d/x", "old", 3);
    ck_assert_int_eq(folder_space(memory_fs_base(memory), "d", &space, NULL), 0);
    ck_assert_uint_eq(space.total, 1000);
    ck_assert_uint_eq(space.available, 997);
    memory_fs_destroy(memory);
}
END_TEST

START_TEST(an_atomic_write_works_on_a_real_disk) {
    struct file_system *fs = file_system_real();
    make_place();
    ck_assert_int_eq(file_write_atomic(fs, path, "a longer first text", 19, NULL), 0);
    ck_assert_int_eq(file_write_atomic(fs, path, "short", 5, NULL), 0);
    check_content(fs, path, "short");
    remove_place();
}
END_TEST

CHECK_MAIN("file", a_file_gives_back_what_was_written, folders_are_made_with_their_parents,
           the_names_of_made_folders_are_on_the_disk, a_file_larger_than_allowed_is_not_read,
           a_full_disk_has_its_own_code_and_the_text_names_the_file,
           interrupted_calls_and_short_writes_are_continued, an_atomic_write_leaves_the_old_or_the_new,
           a_disk_tells_its_size_and_its_room, an_atomic_write_works_on_a_real_disk)
