/* What the program says of its command line: every flag and subcommand, in each of the three texts. */
#include "cmd/help.h"

#include "cmd/flags.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <string.h>

/* as a manual page spells it */
static void escape(const char *name, char out[256]) {
    for (; *name; *out++ = *name++)
        if (*name == '-') *out++ = '\\';
    *out = 0;
}

static void check_flags(const char *text, const char *form, bool is_page) {
    for (size_t i = 0; i < flag_count(); i++) {
        struct flag_info flag = flag_info(i);
        char name[256], wanted[300];
        if (is_page)
            escape(flag.name, name);
        else
            (void)snprintf(name, sizeof name, "%s", flag.name);
        (void)snprintf(wanted, sizeof wanted, form, flag.is_switch ? is_page ? "[no\\-]" : "[no-]" : "",
                       name);
        ck_assert_msg((strstr(text, wanted) != NULL) == !flag.is_hidden, "%s", wanted);
    }
}

START_TEST(every_text_names_every_flag_that_is_shown) {
    struct buf text;
    buf_init(&text, 1 << 20);
    help_write(&text);
    check_flags(buf_text(&text), "--%s%s", false);
    buf_reset(&text);
    help_write_man(&text);
    check_flags(buf_text(&text), "\\-\\-%s%s", true);
    buf_reset(&text);
    help_write_completion(&text);
    for (size_t i = 0; i < flag_count(); i++) {
        struct flag_info flag = flag_info(i);
        char wanted[300];
        (void)snprintf(wanted, sizeof wanted, " --%s%s ", flag.name, flag.is_switch ? "" : "=");
        ck_assert_msg((strstr(buf_text(&text), wanted) != NULL) == !flag.is_hidden, "%s", wanted);
    }
    buf_release(&text);
}
END_TEST

START_TEST(every_text_names_every_command) {
    static void (*const texts[])(struct buf * out) = {help_write, help_write_man, help_write_completion};
    static const char *const commands[] = {
#define COMMAND(name, words, help) #name,
#include "cmd/commands.def"
#undef COMMAND
    };
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        texts[t](&text);
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
            char wanted[64];
            (void)snprintf(wanted, sizeof wanted,
                           t == 2 ? "    %s) actions="
                           : t    ? "ferula %s "
                                  : "server %s ",
                           commands[i]);
            ck_assert_msg(strstr(buf_text(&text), wanted) != NULL, "%s", wanted);
        }
        buf_release(&text);
    }
}
END_TEST

START_TEST(values_that_are_few_are_completed) {
    struct buf text;
    buf_init(&text, 1 << 20);
    help_write_completion(&text);
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "--log.level) words='debug info warn error '"));
    buf_release(&text);
}
END_TEST

CHECK_MAIN("help", every_text_names_every_flag_that_is_shown, every_text_names_every_command,
           values_that_are_few_are_completed)
