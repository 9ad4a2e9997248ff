#include "lib/sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LANDLOCK_VERSION_LEAST 2              /* the first that lets files move between folders */
#define LANDLOCK_TRUNCATE (UINT64_C(1) << 14) /* version 3; headers may be older than the kernel */
#define LANDLOCK_FILE_RIGHTS (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_TRUNCATE)

/* ---- files ---- */

static void allow_path(int ruleset, const char *path, uint64_t rights) {
    struct stat status;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &status) == 0) {
        if (!S_ISDIR(status.st_mode)) rights &= LANDLOCK_FILE_RIGHTS;
        struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
        (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
                      0); /* else: closed */
    }
    close(fd);
}

static bool restrict_files(const char *const *writable, size_t count) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < LANDLOCK_VERSION_LEAST) return false;
    uint64_t changes = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                       LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                       LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                       LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                       LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3) changes |= LANDLOCK_TRUNCATE;
    struct landlock_ruleset_attr attr = {.handled_access_fs = changes | LANDLOCK_ACCESS_FS_EXECUTE};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) return false;
    for (size_t i = 0; i < count; i++) allow_path(ruleset, writable[i], changes);
    bool is_done = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return is_done;
}

/* ---- system calls ---- */

static const uint32_t forbidden[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_quotactl,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_personality,
};
static const uint32_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK /* getaddrinfo asks the kernel */};

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
#define FORBIDDEN (sizeof forbidden / sizeof *forbidden)
#define FAMILIES (sizeof families / sizeof *families)
#define PROGRAM_MAX (2 * (FORBIDDEN + FAMILIES) + 16)
#define X32_BIT 0x40000000u

struct program {
    struct sock_filter steps[PROGRAM_MAX];
    unsigned short count;
};

static void add(struct program *program, struct sock_filter step) {
    program->steps[program->count++] = step;
}

static struct sock_filter load(uint32_t offset) {
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}

static struct sock_filter answer(uint32_t verdict) {
    return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict);
}

/* another architecture's numbers, or x32's, would mean other calls: refused altogether */
static void build(struct program *program) {
    uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
    add(program, load(offsetof(struct seccomp_data, arch)));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    add(program, answer(refused));
    add(program, load(offsetof(struct seccomp_data, nr)));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
    add(program, answer(refused));
    for (size_t i = 0; i < FORBIDDEN; i++) {
        add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, forbidden[i], 0, 1));
        add(program, answer(refused));
    }
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0));
    add(program, answer(SECCOMP_RET_ALLOW));
    add(program, load(offsetof(struct seccomp_data, args)));
    for (size_t i = 0; i < FAMILIES; i++) {
        add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, families[i], 0, 1));
        add(program, answer(SECCOMP_RET_ALLOW));
    }
    add(program, answer(SECCOMP_RET_ERRNO | EAFNOSUPPORT));
}

static bool restrict_calls(void) {
    struct program program = {.count = 0};
    build(&program);
    struct sock_fprog filter = {.len = program.count, .filter = program.steps};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}
#else
static bool restrict_calls(void) {
    return false;
}
#endif

int sandbox_enter(const char *const *writable, size_t count, struct sandbox *sandbox, struct err *err) {
    *sandbox = (struct sandbox){0};
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return err_set(err, ERR_UNSUPPORTED, "no new privileges: %s", strerror(errno));
    sandbox->has_landlock = restrict_files(writable, count);
    sandbox->has_seccomp = restrict_calls();
    if (sandbox->has_landlock && sandbox->has_seccomp) return 0;
    return err_set(err, ERR_UNSUPPORTED, "this kernel has no %s",
                   sandbox->has_seccomp    ? "Landlock of version 2"
                   : sandbox->has_landlock ? "seccomp filters"
                                           : "Landlock of version 2 and no seccomp filters");
}
