/*
 * promql_test_parse.c - a file of the promqltest language into commands.
 *
 * Lines are trimmed; a line starting with # counts as blank; a blank line ends the block of a load or an
 * eval. Both the `expect` lines and the older eval_fail, eval_ordered, eval_warn, eval_info forms are read.
 */
#include "cmd/promql_test.h"

#include "lib/model/duration.h"

struct reader {
    struct span text; /* what is not read yet */
    size_t line;      /* of the line last read, from 1 */
    struct arena *arena;
    struct test_command **tail;
};

static struct span next_line(struct reader *reader) {
    size_t end = span_find_byte(reader->text, '\n', 0);
    struct span line = span_of(reader->text.ptr, end);
    size_t used = end < reader->text.len ? end + 1 : end;
    reader->text = span_of(reader->text.ptr + used, reader->text.len - used);
    reader->line++;
    while (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    line = span_trim(line);
    return line.len > 0 && line.ptr[0] == '#' ? span_of(line.ptr, 0) : line;
}

/* the next line of the block, or false at its end */
static bool block_line(struct reader *reader, struct span *line) {
    if (reader->text.len == 0) return false;
    *line = next_line(reader);
    return line->len > 0;
}

/* the next word of *rest, which is moved behind it and the spaces */
static struct span take_word(struct span *rest) {
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != ' ' && rest->ptr[end] != '\t') end++;
    struct span word = span_of(rest->ptr, end);
    *rest = span_trim(span_of(rest->ptr + end, rest->len - end));
    return word;
}

static bool word_is(struct span word, const char *text) {
    return word.len == strlen(text) && strncasecmp(word.ptr, text, word.len) == 0;
}

static int take_duration(struct span *rest, int64_t *ms, struct err *err) {
    struct span word = take_word(rest);
    bool is_negative = word.len > 1 && word.ptr[0] == '-';
    if (is_negative) word = span_of(word.ptr + 1, word.len - 1);
    int rc = duration_parse(word, ms, err);
    if (rc == 0 && is_negative) *ms = -*ms;
    return rc;
}

static int take_keyword(struct span *rest, const char *keyword, struct err *err) {
    struct span word = take_word(rest);
    if (word_is(word, keyword)) return 0;
    return err_set(err, ERR_INVALID, "expected \"%s\", not \"%.*s\"", keyword, SPAN_ARG(word));
}

/* from <a> to <b> step <s> */
static int take_range(struct span *rest, int64_t *from_ms, int64_t *to_ms, int64_t *step_ms,
                      struct err *err) {
    int rc = take_keyword(rest, "from", err);
    if (rc == 0) rc = take_duration(rest, from_ms, err);
    if (rc == 0) rc = take_keyword(rest, "to", err);
    if (rc == 0) rc = take_duration(rest, to_ms, err);
    if (rc == 0) rc = take_keyword(rest, "step", err);
    if (rc == 0) rc = take_duration(rest, step_ms, err);
    if (rc == 0 && (*step_ms <= 0 || *to_ms < *from_ms)) rc = err_set(err, ERR_INVALID, "empty range");
    return rc;
}

static int add_expect(struct reader *reader, struct test_eval *eval, struct test_expect expect,
                      struct err *err) {
    struct test_expect *copy = arena_alloc(reader->arena, sizeof *copy);
    if (!copy) return arena_limit(reader->arena, "test file", err);
    *copy = expect;
    copy->next = eval->expects;
    eval->expects = copy;
    return 0;
}

static struct test_expect *find_expect(struct test_eval *eval, enum test_expect_kind kind) {
    struct test_expect *expect = eval->expects;
    while (expect && expect->kind != kind) expect = expect->next;
    return expect;
}

/* expect fail|warn|info [msg: text | regex: text] */
static int read_expect_message(struct reader *reader, struct test_eval *eval, enum test_expect_kind kind,
                               struct span rest, struct err *err) {
    struct test_expect expect = {.kind = kind};
    struct span msg = SPAN("msg:"), regex = SPAN("regex:");
    if (rest.len > 0) {
        expect.is_regex = span_starts_with(rest, regex);
        size_t prefix = expect.is_regex ? regex.len : msg.len;
        if (!expect.is_regex && !span_starts_with(rest, msg))
            return err_set(err, ERR_INVALID, "expected msg: or regex:, not \"%.*s\"", SPAN_ARG(rest));
        expect.text = span_trim(span_of(rest.ptr + prefix, rest.len - prefix));
        expect.has_text = true;
    }
    return add_expect(reader, eval, expect, err);
}

static int read_expect(struct reader *reader, struct test_eval *eval, struct span rest, struct err *err) {
    struct span what = take_word(&rest);
    if (word_is(what, "fail")) return read_expect_message(reader, eval, TEST_EXPECT_FAIL, rest, err);
    if (word_is(what, "warn")) return read_expect_message(reader, eval, TEST_EXPECT_WARN, rest, err);
    if (word_is(what, "info")) return read_expect_message(reader, eval, TEST_EXPECT_INFO, rest, err);
    if (word_is(what, "ordered"))
        eval->is_ordered = true;
    else if (word_is(what, "no_warn"))
        eval->no_warn = true;
    else if (word_is(what, "no_info"))
        eval->no_info = true;
    else if (word_is(what, "string")) {
        eval->has_string = true;
        return promql_test_unquote(&rest, reader->arena, &eval->string, err);
    } else if (word_is(what, "range")) {
        eval->has_matrix = true;
        int rc = take_keyword(&rest, "vector", err);
        if (rc) return rc;
        return take_range(&rest, &eval->matrix_from_ms, &eval->matrix_to_ms, &eval->matrix_step_ms, err);
    } else {
        return err_set(err, ERR_INVALID, "unknown expectation \"%.*s\"", SPAN_ARG(what));
    }
    return 0;
}

/* expected_fail_message and expected_fail_regexp, the older way to say what eval_fail must say */
static int read_fail_text(struct test_eval *eval, bool is_regex, struct span text, struct err *err) {
    struct test_expect *fail = find_expect(eval, TEST_EXPECT_FAIL);
    if (!fail) return err_set(err, ERR_INVALID, "expected_fail_... without eval_fail");
    fail->has_text = true;
    fail->is_regex = is_regex;
    fail->text = text;
    return 0;
}

static int add_series(struct reader *reader, struct span line, struct test_series ***tail, struct err *err) {
    struct test_series *series = arena_zalloc(reader->arena, sizeof *series);
    if (!series) return arena_limit(reader->arena, "test file", err);
    int rc = promql_test_series(line, reader->arena, series, err);
    if (rc) return rc;
    series->line = reader->line;
    **tail = series;
    *tail = &series->next;
    return 0;
}

/* one line under an eval */
static int read_eval_line(struct reader *reader, struct test_command *command, struct test_series ***tail,
                          struct span line, struct err *err) {
    struct span rest = line;
    struct span word = take_word(&rest);
    if (word_is(word, "expect")) return read_expect(reader, &command->eval, rest, err);
    if (word_is(word, "expected_fail_message")) return read_fail_text(&command->eval, false, rest, err);
    if (word_is(word, "expected_fail_regexp")) return read_fail_text(&command->eval, true, rest, err);
    if (promql_test_number(line, &command->eval.scalar)) {
        command->eval.has_scalar = true;
        return 0;
    }
    return add_series(reader, line, tail, err);
}

/* the times and the expression behind `eval` */
static int read_eval_head(struct test_eval *eval, struct span rest, struct err *err) {
    struct span mode = take_word(&rest);
    int rc = 0;
    if (word_is(mode, "instant")) {
        rc = take_keyword(&rest, "at", err);
        if (rc == 0) rc = take_duration(&rest, &eval->from_ms, err);
        eval->to_ms = eval->from_ms;
    } else if (word_is(mode, "range")) {
        eval->is_range = true;
        rc = take_range(&rest, &eval->from_ms, &eval->to_ms, &eval->step_ms, err);
    } else {
        rc = err_set(err, ERR_INVALID, "expected instant or range, not \"%.*s\"", SPAN_ARG(mode));
    }
    eval->expression = rest;
    return rc;
}

/* eval, eval_fail, eval_warn, eval_info, eval_ordered */
static int read_eval_form(struct reader *reader, struct test_eval *eval, struct span word, struct err *err) {
    if (word_is(word, "eval")) return 0;
    if (word_is(word, "eval_ordered"))
        eval->is_ordered = true;
    else if (word_is(word, "eval_fail"))
        return add_expect(reader, eval, (struct test_expect){.kind = TEST_EXPECT_FAIL}, err);
    else if (word_is(word, "eval_warn"))
        return add_expect(reader, eval, (struct test_expect){.kind = TEST_EXPECT_WARN}, err);
    else if (word_is(word, "eval_info"))
        return add_expect(reader, eval, (struct test_expect){.kind = TEST_EXPECT_INFO}, err);
    else
        return err_set(err, ERR_INVALID, "unknown command \"%.*s\"", SPAN_ARG(word));
    return 0;
}

static int read_eval(struct reader *reader, struct test_command *command, struct span word, struct span rest,
                     struct err *err) {
    struct test_series **tail = &command->series;
    struct span line;
    int rc = read_eval_form(reader, &command->eval, word, err);
    if (rc == 0) rc = read_eval_head(&command->eval, rest, err);
    while (rc == 0 && block_line(reader, &line)) rc = read_eval_line(reader, command, &tail, line, err);
    return rc;
}

static int read_load(struct reader *reader, struct test_command *command, struct span rest, struct err *err) {
    struct test_series **tail = &command->series;
    struct span line;
    int rc = take_duration(&rest, &command->step_ms, err);
    while (rc == 0 && block_line(reader, &line)) rc = add_series(reader, line, &tail, err);
    return rc;
}

static int read_command(struct reader *reader, struct span line, struct err *err) {
    struct span rest = line;
    struct span word = take_word(&rest);
    struct test_command *command = arena_zalloc(reader->arena, sizeof *command);
    if (!command) return arena_limit(reader->arena, "test file", err);
    command->line = reader->line;
    *reader->tail = command;
    reader->tail = &command->next;
    command->kind = TEST_CLEAR;
    if (word_is(word, "clear")) return 0;
    command->with_nhcb = word_is(word, "load_with_nhcb");
    command->kind = command->with_nhcb || word_is(word, "load") ? TEST_LOAD : TEST_EVAL;
    if (command->kind == TEST_LOAD) return read_load(reader, command, rest, err);
    return read_eval(reader, command, word, rest, err);
}

int promql_test_parse(struct span text, struct arena *arena, struct test_command **commands,
                      struct err *err) {
    struct test_command *first = NULL;
    struct reader reader = {.text = text, .arena = arena, .tail = &first};
    while (reader.text.len > 0) {
        struct span line = next_line(&reader);
        int rc = line.len > 0 ? read_command(&reader, line, err) : 0;
        if (rc) return err_wrap(err, rc, "line %zu", reader.line);
    }
    *commands = first;
    return 0;
}
