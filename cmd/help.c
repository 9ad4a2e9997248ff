#include "cmd/help.h"

#include "cmd/flags.h"
#include "lib/base/span.h"

static const struct {
    const char *name, *words, *help;
} commands[] = {
#define COMMAND(name, words, help) {#name, words, help},
#include "cmd/commands.def"
#undef COMMAND
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* "a b c" as "a|b|c" */
static void write_choice(const char *words, struct buf *out) {
    for (; *words; words++) buf_putc(out, *words == ' ' ? '|' : *words);
}

/* ---- --help ---- */

static void write_flag(const struct flag_info *flag, struct buf *out) {
    if (flag->is_switch)
        buf_printf(out, "      --[no-]%s", flag->name);
    else
        buf_printf(out, "      --%s=%s", flag->name, *flag->preset ? flag->preset : "VALUE");
    buf_printf(out, "\n          %s%s%s\n", flag->help, flag->is_repeated ? " ..." : "",
               flag->is_idle ? " Does nothing yet." : "");
}

void help_write(struct buf *out) {
    buf_puts(out, "usage: server [<flags>]\n          run the monitoring server\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        buf_printf(out, "       server %s ", commands[i].name);
        write_choice(commands[i].words, out);
        buf_printf(out, " ...\n          %s\n", commands[i].help);
    }
    buf_puts(out,
             "\nFlags:\n"
             "  -h, --help\n          Show this text.\n"
             "      --version\n          Show the version.\n"
             "      --help-man\n          Write the manual page.\n"
             "      --completion-script-bash\n          Write what bash needs to complete a command line.\n");
    for (size_t i = 0; i < flag_count(); i++) {
        struct flag_info flag = flag_info(i);
        if (!flag.is_hidden) write_flag(&flag, out);
    }
}

/* ---- the manual page ---- */

/* as it stands: no line is taken for a request, no minus for a hyphen */
static void write_roff(const char *text, struct buf *out) {
    if (*text == '.' || *text == '\'') buf_puts(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            buf_puts(out, "\\e");
        else if (*text == '-')
            buf_puts(out, "\\-");
        else
            buf_putc(out, *text);
    }
}

static void write_flag_section(const struct flag_info *flag, struct buf *out) {
    buf_puts(out, ".TP\n.B \"\\-\\-");
    if (flag->is_switch) buf_puts(out, "[no\\-]");
    write_roff(flag->name, out);
    if (!flag->is_switch) {
        buf_putc(out, '=');
        write_roff(*flag->preset ? flag->preset : "VALUE", out);
    }
    buf_puts(out, "\"\n");
    write_roff(flag->help, out);
    if (flag->is_idle) buf_puts(out, " Does nothing yet.");
    buf_putc(out, '\n');
}

static void write_command_section(size_t i, struct buf *out) {
    buf_printf(out, ".TP\n.B \"ferula %s ", commands[i].name);
    write_roff(commands[i].words, out);
    buf_puts(out, "\"\n");
    write_roff(commands[i].help, out);
    buf_puts(out, "; without arguments it tells its usage.\n");
}

static const char man_head[] =
    ".TH FERULA 1 \"\" \"ferula " FERULA_VERSION "\" \"User Commands\"\n"
    ".ad l\n"
    ".SH NAME\nferula \\- monitoring server, a drop\\-in for Prometheus\n"
    ".SH SYNOPSIS\n.B ferula\n[\\fIflags\\fR]\n.br\n.B ferula\n\\fIcommand\\fR [\\fIarguments\\fR]\n"
    ".SH DESCRIPTION\nReads a Prometheus configuration, scrapes its targets, keeps the samples in a "
    "database\n"
    "of its own, evaluates rules, and answers PromQL over the HTTP API of Prometheus.\n"
    "Flags are spelled \\-\\-name=value or \\-\\-name value; switches \\-\\-name and \\-\\-no\\-name.\n";

static const char man_tail[] =
    ".SH SIGNALS\n"
    ".TP\n.B SIGHUP\nReads the configuration again; one that is wrong is refused and the old one kept.\n"
    ".TP\n.B SIGTERM, SIGINT\nWrites a snapshot and ends; the second one ends at once.\n"
    ".SH EXIT STATUS\n0 after a clean end, 1 when it could not run, 2 when the configuration is wrong.\n"
    ".SH FILES\n"
    ".TP\n.I /etc/ferula/prometheus.yml\nThe configuration that the service reads.\n"
    ".TP\n.I /etc/default/ferula\nFurther flags of the service, in ARGS.\n"
    ".TP\n.I /var/lib/ferula\nThe samples of the service.\n"
    ".SH SEE ALSO\n.BR systemctl (1)\n";

void help_write_man(struct buf *out) {
    buf_puts(out, man_head);
    buf_puts(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) write_command_section(i, out);
    buf_puts(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < flag_count(); i++) {
        struct flag_info flag = flag_info(i);
        if (!flag.is_hidden) write_flag_section(&flag, out);
    }
    buf_puts(out, man_tail);
}

/* ---- completion ---- */

static void write_flag_words(struct buf *out) {
    buf_puts(out, "--help --version");
    for (size_t i = 0; i < flag_count(); i++) {
        struct flag_info flag = flag_info(i);
        if (flag.is_hidden) continue;
        buf_printf(out, " --%s%s", flag.name, flag.is_switch ? "" : "=");
        if (flag.is_switch) buf_printf(out, " --no-%s", flag.name);
    }
}

static void write_values(struct buf *out) {
    for (size_t i = 0; i < flag_count(); i++) {
        struct flag_info flag = flag_info(i);
        if (!flag.choices) continue;
        buf_printf(out, "        --%s) words='", flag.name);
        for (const char *const *choice = flag.choices; *choice; choice++) buf_printf(out, "%s ", *choice);
        buf_puts(out, "' ;;\n");
    }
}

/* bash takes '=' for a word of its own: "--flag" "=" "val" */
static const char completion_tail[] =
    "        *) mapfile -t COMPREPLY < <(compgen -f -- \"$word\") && return ;;\n"
    "        esac\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
    "    elif [ -n \"$actions\" ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$actions\" -- \"$word\")\n"
    "    elif [[ $word == -* ]] && [ -z \"$actions\" ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$word\")\n"
    "        if [[ ${COMPREPLY[0]-} == *= ]]; then compopt -o nospace 2>/dev/null; fi\n"
    "    elif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$word\")\n"
    "    else\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "    fi\n"
    "}\n"
    "complete -F _ferula ferula\n";

void help_write_completion(struct buf *out) {
    buf_puts(
        out,
        "# bash completion of ferula\n"
        "_ferula() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} actions='' words=''\n"
        "    local flags='");
    write_flag_words(out);
    buf_puts(out, " '\n    local commands='");
    for (size_t i = 0; i < COMMAND_COUNT; i++) buf_printf(out, "%s%s", i ? " " : "", commands[i].name);
    buf_puts(out, "'\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        buf_printf(out, "    %s) actions='%s' ;;\n", commands[i].name, commands[i].words);
    buf_puts(out, "    esac\n"
                  "    if [ \"$word\" = = ]; then word=''; else [ \"$before\" != = ] || "
                  "before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
                  "    if [ -z \"$actions\" ] && [ \"$COMP_CWORD\" -gt 1 ] && [[ $before == --* && $word != "
                  "-* ]]; then\n"
                  "        case $before in\n");
    write_values(out);
    buf_puts(out, completion_tail);
}
