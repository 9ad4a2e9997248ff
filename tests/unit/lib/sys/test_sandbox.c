/* From inside: what is given up is refused, what is needed works. In a child, since there is no way back. */
#include "lib/sys/sandbox.h"

#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "tests/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(claim)                                                                                         \
    if (!(claim)) {                                                                                          \
        fprintf(stderr, "not so: %s (errno %d)\n", #claim, errno);                                           \
        _exit(1);                                                                                            \
    }

static char folder[] = "/tmp/ferula-sandbox-XXXXXX";

static const char *in(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static bool can_write(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static void *from_a_thread(void *context) {
    *(bool *)context = can_write(in("outside/thread"));
    return NULL;
}

static void check_files(void) {
    CHECK(can_write(in("data/a")) && mkdir(in("data/sub"), 0700) == 0);
    CHECK(rename(in("data/a"), in("data/sub/a")) == 0 && link(in("data/sub/a"), in("data/b")) == 0);
    CHECK(truncate(in("data/b"), 0) == 0 && unlink(in("data/b")) == 0);
    CHECK(can_write(in("log")));
    CHECK(!can_write(in("outside/new")) && errno == EACCES);
    CHECK(!can_write(in("outside/old")) && errno == EACCES);
    CHECK(unlink(in("outside/old")) == -1 && errno == EACCES);
    CHECK(rename(in("data/sub/a"), in("outside/a")) == -1);
    int fd = open(in("outside/old"), O_RDONLY);
    CHECK(fd >= 0);
    close(fd);
    bool is_written = true;
    struct thread thread;
    thread_start(&thread, "child", from_a_thread, &is_written);
    thread_join(&thread);
    CHECK(!is_written);
}

static void check_calls(void) {
    char *const arguments[] = {"true", NULL};
    CHECK(execv("/bin/true", arguments) == -1 && (errno == EPERM || errno == EACCES));
    CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 && errno == EPERM);
    CHECK(chroot("/tmp") == -1 && errno == EPERM);
    CHECK(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == EAFNOSUPPORT);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    CHECK(fd >= 0 || errno == EAFNOSUPPORT);
    if (fd >= 0) close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    close(fd);
}

static void inside(void) {
    const char *const writable[] = {in("data"), in("log"), in("missing")};
    struct sandbox sandbox;
    struct err err = {0};
    int rc = sandbox_enter(writable, 3, &sandbox, &err);
    CHECK((rc == 0) == (sandbox.has_landlock && sandbox.has_seccomp));
    CHECK(rc == 0 || (rc == ERR_UNSUPPORTED && err.text[0]));
    CHECK(prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    if (sandbox.has_landlock) check_files();
    if (sandbox.has_seccomp) check_calls();
    _exit(0);
}

START_TEST(what_is_given_up_is_refused) {
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(mkdir(in("data"), 0700), 0);
    ck_assert_int_eq(mkdir(in("outside"), 0700), 0);
    ck_assert(can_write(in("log")) && can_write(in("outside/old")));
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) inside();
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
END_TEST

CHECK_MAIN("sandbox", what_is_given_up_is_refused)
