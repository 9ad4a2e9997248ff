#include "lib/template/exec.h"

#include <stdarg.h>
#include <stdio.h>

/*
 * Walks the tree. A function returns 0, negative after an error (the text is in `why`), or how a list ended
 * early.
 */

enum { WALK_BREAK = 1, WALK_CONTINUE = 2 };

static const struct value missing = {.kind = VALUE_MISSING};

static int eval_pipeline(struct exec *x, struct value dot, const struct node *pipe, struct value *result);
static int walk(struct exec *x, struct value dot, const struct node *node);

static int fail(struct exec *x, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct exec *x, const char *format, ...) {
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_puts(&x->why, "template: ");
    if (x->at) {
        template_place(x->template, x->at->at, true, &x->why);
        buf_puts(&x->why, ": executing ");
        text_write_quoted(x->part->name, &x->why);
        buf_puts(&x->why, " at <");
        node_print(x->at, &x->why);
        buf_puts(&x->why, ">: ");
    } else {
        buf_printf(&x->why, "%.*s: ", SPAN_ARG(x->part->name));
    }
    buf_puts(&x->why, text);
    return ERR_EXECUTION;
}

static int step(struct exec *x) {
    return ++x->steps > TEMPLATE_MAX_STEPS
               ? fail(x, "the template takes more than %d steps", TEMPLATE_MAX_STEPS)
               : 0;
}

/* a node in words, for the middle of an error text */
static const char *node_text(struct exec *x, const struct node *node) {
    struct buf text;
    buf_init(&text, 500);
    node_print(node, &text);
    char *copy = arena_strndup(&x->arena, text.data ? text.data : "", text.len);
    buf_release(&text);
    return copy ? copy : "";
}

int exec_text(struct exec *x, struct buf *made, struct value *result, struct err *err) {
    char *copy = made->failed ? NULL : arena_strndup(&x->arena, made->data ? made->data : "", made->len);
    *result = value_string(span_of(copy, made->len));
    buf_release(made);
    return copy ? 0 : err_set(err, ERR_LIMIT, "the text is larger than %zu bytes", TEMPLATE_MAX_OUTPUT);
}

/* ---- variables ---- */

static int push(struct exec *x, struct span name, struct value value) {
    if (x->variable_count == x->variable_capacity) {
        size_t capacity = x->variable_capacity ? 2 * x->variable_capacity : 16;
        struct variable *grown = arena_array(&x->arena, capacity, sizeof *grown);
        if (!grown || capacity > EXEC_MAX_VARIABLES) return fail(x, "too many variables");
        if (x->variable_count) memcpy(grown, x->variables, x->variable_count * sizeof *grown);
        x->variables = grown;
        x->variable_capacity = capacity;
    }
    x->variables[x->variable_count++] = (struct variable){name, value};
    return 0;
}

/* NULL after failing: it was declared in a branch that was not taken */
static struct variable *find(struct exec *x, struct span name) {
    for (size_t i = x->variable_count; i-- > 0;)
        if (span_equal(x->variables[i].name, name)) return &x->variables[i];
    fail(x, "undefined variable: %.*s", SPAN_ARG(name));
    return NULL;
}

/* ---- fields ---- */

static struct value labels_value(struct labels labels) {
    return (struct value){.kind = VALUE_LABELS, .labels = labels};
}

/* a field of a struct; false when there is none of that name */
static bool struct_field(const struct value *of, struct span name, struct value *result) {
    if (of->kind == VALUE_SAMPLE) {
        if (span_is(name, "Labels"))
            *result = labels_value(of->sample->labels);
        else if (span_is(name, "Value"))
            *result = value_float(of->sample->value);
        else
            return false;
        return true;
    }
    if (of->kind != VALUE_ROOT) return false;
    if (span_is(name, "Labels"))
        *result = labels_value(of->root->labels);
    else if (span_is(name, "ExternalLabels"))
        *result = labels_value(of->root->external_labels);
    else if (span_is(name, "ExternalURL"))
        *result = value_string(of->root->external_url);
    else if (span_is(name, "Value"))
        *result = value_float(of->root->value.value);
    else
        return false;
    return true;
}

static struct value map_field(const struct value *of, struct span name) {
    if (of->kind == VALUE_LABELS)
        return labels_has(of->labels, name) ? value_string(labels_get(of->labels, name)) : missing;
    for (size_t i = 0; i < of->list->count; i++) {
        char key[24];
        snprintf(key, sizeof key, "arg%zu", i);
        if (span_is(name, key)) return of->list->items[i];
    }
    return missing;
}

static int eval_arg(struct exec *x, struct value dot, char wanted, const struct node *node,
                    struct value *result);

static int method(struct exec *x, struct value dot, struct value receiver, struct span name,
                  const struct node *words, struct value final, struct value *result) {
    struct value args[8];
    size_t count = 0;
    struct err err;
    for (size_t i = 1; words && i < words->count && count < 7; i++)
        if (eval_arg(x, dot, 'a', words->items[i], &args[count++])) return ERR_EXECUTION;
    if (final.kind != VALUE_MISSING) args[count++] = final;
    int rc = time_method(&receiver, name, args, count, &x->arena, result, &err);
    if (rc == ERR_NOT_FOUND)
        return fail(x, "can't evaluate field %.*s in type %s", SPAN_ARG(name), value_type(&receiver));
    return rc ? fail(x, "%s", err.text) : 0;
}

/* words: the command's, when its further words would be arguments */
static int eval_field(struct exec *x, struct value dot, struct span name, const struct node *node,
                      const struct node *words, struct value final, struct value receiver,
                      struct value *result) {
    bool has_args = (words && words->count > 1) || final.kind != VALUE_MISSING;
    x->at = node;
    switch (receiver.kind) {
    case VALUE_MISSING: *result = missing; return 0;
    case VALUE_NIL: return fail(x, "nil pointer evaluating interface {}.%.*s", SPAN_ARG(name));
    case VALUE_TIME:
    case VALUE_DURATION: return method(x, dot, receiver, name, words, final, result);
    case VALUE_LABELS:
    case VALUE_MAP:
        if (has_args) return fail(x, "%.*s is not a method but has arguments", SPAN_ARG(name));
        *result = map_field(&receiver, name);
        return 0;
    default: break;
    }
    if (!struct_field(&receiver, name, result))
        return fail(x, "can't evaluate field %.*s in type %s", SPAN_ARG(name), value_type(&receiver));
    return has_args ? fail(x, "%.*s has arguments but cannot be invoked as function", SPAN_ARG(name)) : 0;
}

static int eval_fields(struct exec *x, struct value dot, struct value receiver, const struct node *node,
                       const struct node *words, struct value final, struct value *result) {
    for (size_t i = 0; i < node->field_count; i++) {
        bool is_last = i + 1 == node->field_count;
        if (eval_field(x, dot, node->fields[i], node, is_last ? words : NULL, is_last ? final : missing,
                       receiver, &receiver))
            return ERR_EXECUTION;
    }
    *result = receiver;
    return 0;
}

static int eval_variable(struct exec *x, struct value dot, const struct node *node, const struct node *words,
                         struct value final, struct value *result) {
    struct variable *variable = find(x, node->text);
    return variable ? eval_fields(x, dot, variable->value, node, words, final, result) : ERR_EXECUTION;
}

/* ---- functions ---- */

static const char *type_of_letter(char wanted) {
    switch (wanted) {
    case 's': return "string";
    case 'q': return "template.queryResult";
    case 'S': return "*template.sample";
    default: return "interface {}";
    }
}

/* the value must be of the type; a sample may be nil */
static int check_type(struct exec *x, char wanted, struct value *value) {
    if (wanted == 'a') {
        if (value->kind == VALUE_MISSING) value->kind = VALUE_NIL;
        return 0;
    }
    bool fits = (wanted == 's' && value->kind == VALUE_STRING) ||
                (wanted == 'q' && value->kind == VALUE_LIST) ||
                (wanted == 'S' && value->kind == VALUE_SAMPLE);
    if (fits) return 0;
    if (value->kind == VALUE_MISSING) return fail(x, "invalid value; expected %s", type_of_letter(wanted));
    return fail(x, "wrong type for value; expected %s; got %s", type_of_letter(wanted), value_type(value));
}

static struct value literal(const struct node *node) {
    switch (node->kind) {
    case NODE_BOOL: return value_bool(node->flag);
    case NODE_STRING: return value_string(node->text.ptr ? node->text : SPAN(""));
    case NODE_NUMBER: {
        bool has_point = false, is_char = node->written.ptr[0] == '\'';
        bool is_hex = node->written.len > 1 && (node->written.ptr[1] | 0x20) == 'x';
        for (size_t i = 0; i < node->written.len; i++)
            has_point |= strchr(".eE", node->written.ptr[i]) != NULL;
        bool is_float = !node->is_int || (has_point && !is_char && !is_hex);
        return is_float ? value_float(node->number) : value_int(node->integer);
    }
    default: return (struct value){.kind = VALUE_NIL};
    }
}

static int eval_function(struct exec *x, struct value dot, const struct node *node, const struct node *named,
                         const struct node *words, struct value final, struct value *result);

static int eval_arg(struct exec *x, struct value dot, char wanted, const struct node *node,
                    struct value *result) {
    int rc = 0;
    x->at = node;
    switch (node->kind) {
    case NODE_DOT: *result = dot; break;
    case NODE_FIELD: rc = eval_fields(x, dot, dot, node, NULL, missing, result); break;
    case NODE_VARIABLE: rc = eval_variable(x, dot, node, NULL, missing, result); break;
    case NODE_PIPE: rc = eval_pipeline(x, dot, node, result); break;
    case NODE_IDENT: rc = eval_function(x, dot, node, node, NULL, missing, result); break;
    case NODE_CHAIN: {
        struct value inner;
        rc = eval_arg(x, dot, 'a', node->pipe, &inner);
        if (!rc) rc = eval_fields(x, dot, inner, node, NULL, missing, result);
        break;
    }
    case NODE_NIL:
        if (wanted != 'a' && wanted != 'S') return fail(x, "cannot assign nil to %s", type_of_letter(wanted));
        *result = literal(node);
        return 0;
    default:
        *result = literal(node);
        if (wanted != 'a' && !(wanted == 's' && node->kind == NODE_STRING))
            return wanted == 's' ? fail(x, "expected string; found %s", node_text(x, node))
                                 : fail(x, "can't handle %s for arg of type %s", node_text(x, node),
                                        type_of_letter(wanted));
        return 0;
    }
    if (!rc && wanted == 'a' && result->kind == VALUE_MISSING)
        return 0; /* kept apart from nil by not, and ... */
    return rc ? rc : check_type(x, wanted, result);
}

/* and, or: the first argument that decides */
static int eval_shortcut(struct exec *x, struct value dot, const struct node *named, const struct node *words,
                         struct value final, struct value *result) {
    bool is_or = span_is(named->text, "or");
    size_t given = words ? words->count - 1 : 0;
    if (!given && final.kind == VALUE_MISSING)
        return fail(x, "wrong number of args for %.*s: want at least 1 got 0", SPAN_ARG(named->text));
    for (size_t i = 1; i <= given; i++) {
        if (eval_arg(x, dot, 'a', words->items[i], result)) return ERR_EXECUTION;
        if (value_is_true(result) == is_or) return 0;
    }
    if (final.kind != VALUE_MISSING) *result = final;
    return 0;
}

static int check_count(struct exec *x, const struct node *named, size_t count) {
    const char *signature = named->function->signature;
    size_t fixed = strlen(signature);
    bool is_variadic = fixed && signature[fixed - 1] == '*';
    if (is_variadic) fixed -= 2;
    if (is_variadic ? count >= fixed : count == fixed) return 0;
    return fail(x, "wrong number of args for %.*s: want %s%zu got %zu", SPAN_ARG(named->text),
                is_variadic ? "at least " : "", fixed, count);
}

static char letter_of(const char *signature, size_t i) {
    size_t fixed = strlen(signature);
    bool is_variadic = fixed && signature[fixed - 1] == '*';
    if (is_variadic && i + 2 >= fixed) return signature[fixed - 2];
    return signature[i];
}

static int eval_function(struct exec *x, struct value dot, const struct node *node, const struct node *named,
                         const struct node *words, struct value final, struct value *result) {
    struct err err = {0};
    size_t given = words ? words->count - 1 : 0, count = given + (final.kind != VALUE_MISSING);
    x->at = node;
    if (step(x)) return ERR_LIMIT;
    if (!named->function->run) return eval_shortcut(x, dot, named, words, final, result);
    if (check_count(x, named, count)) return ERR_EXECUTION;
    struct value *args = arena_array(&x->arena, count + 1, sizeof *args);
    if (!args) return fail(x, "the template needs more than %zu bytes", TEMPLATE_MAX_MEMORY);
    for (size_t i = 0; i < given; i++)
        if (eval_arg(x, dot, letter_of(named->function->signature, i), words->items[i + 1], &args[i]))
            return ERR_EXECUTION;
    if (count > given) {
        args[given] = final;
        if (check_type(x, letter_of(named->function->signature, given), &args[given])) return ERR_EXECUTION;
    }
    x->at = node;
    *result = missing;
    int rc = named->function->run(x, args, count, result, &err);
    x->at = node;
    return rc ? fail(x, "error calling %.*s: %s", SPAN_ARG(named->text), err.text) : 0;
}

/* ---- pipelines ---- */

static int no_arguments(struct exec *x, const struct node *words, struct value final) {
    if (words->count <= 1 && final.kind == VALUE_MISSING) return 0;
    return fail(x, "can't give argument to non-function %s", node_text(x, words->items[0]));
}

static int eval_command(struct exec *x, struct value dot, const struct node *words, struct value final,
                        struct value *result) {
    const struct node *first = words->items[0];
    x->at = first;
    switch (first->kind) {
    case NODE_FIELD: return eval_fields(x, dot, dot, first, words, final, result);
    case NODE_IDENT: return eval_function(x, dot, words, first, words, final, result);
    case NODE_CHAIN: {
        struct value inner;
        int rc = eval_arg(x, dot, 'a', first->pipe, &inner);
        return rc ? rc : eval_fields(x, dot, inner, first, words, final, result);
    }
    case NODE_VARIABLE:
        if (first->field_count) return eval_variable(x, dot, first, words, final, result);
        break;
    case NODE_NIL: return fail(x, "nil is not a command");
    default: break;
    }
    if (no_arguments(x, words, final)) return ERR_EXECUTION;
    switch (first->kind) {
    case NODE_PIPE: return eval_pipeline(x, dot, first, result);
    case NODE_VARIABLE: return eval_variable(x, dot, first, NULL, missing, result);
    case NODE_DOT: *result = dot; return 0;
    default: *result = literal(first); return 0;
    }
}

static int eval_pipeline(struct exec *x, struct value dot, const struct node *pipe, struct value *result) {
    struct value value = missing;
    x->at = pipe;
    if (step(x)) return ERR_LIMIT;
    for (size_t i = 0; i < pipe->count; i++)
        if (eval_command(x, dot, pipe->items[i], value, &value)) return ERR_EXECUTION;
    for (size_t i = 0; i < pipe->decl_count; i++) {
        if (!pipe->is_assign) {
            if (push(x, pipe->decls[i]->text, value)) return ERR_EXECUTION;
        } else {
            struct variable *variable = find(x, pipe->decls[i]->text);
            if (!variable) return ERR_EXECUTION;
            variable->value = value;
        }
    }
    *result = value;
    return 0;
}

/* ---- control ---- */

static int walk_list(struct exec *x, struct value dot, const struct node *list) {
    int rc = 0;
    for (size_t i = 0; list && i < list->count && !rc; i++) rc = walk(x, dot, list->items[i]);
    return rc;
}

static int walk_condition(struct exec *x, struct value dot, const struct node *node) {
    size_t mark = x->variable_count;
    struct value value;
    if (eval_pipeline(x, dot, node->pipe, &value)) return ERR_EXECUTION;
    bool is_true = value_is_true(&value);
    bool moves = is_true && node->kind == NODE_WITH;
    int rc = walk_list(x, moves ? value : dot, is_true ? node->body : node->otherwise);
    x->variable_count = mark;
    return rc;
}

/* item i of what is ranged over: its key and its value */
static void range_item(const struct value *over, size_t i, struct value *key, struct value *value) {
    *key = value_int((int64_t)i);
    if (over->kind == VALUE_INT) {
        *value = *key;
    } else if (over->kind == VALUE_LABELS) {
        *key = value_string(over->labels.items[i].name);
        *value = value_string(over->labels.items[i].value);
    } else {
        *value = over->list->items[i];
    }
}

static int walk_item(struct exec *x, const struct node *node, size_t mark, const struct value *over,
                     size_t i) {
    struct value key, value;
    range_item(over, i, &key, &value);
    size_t decls = node->pipe->decl_count;
    struct span names[2] = {{0}};
    for (size_t k = 0; k < decls && k < 2; k++) names[k] = node->pipe->decls[k]->text;
    for (size_t k = 0; k < decls && k < 2; k++) {
        struct value item = decls == 2 && k == 0 ? key : value;
        struct variable *variable = find(x, names[k]);
        if (!variable) return ERR_EXECUTION;
        variable->value = item;
    }
    if (step(x)) return ERR_LIMIT;
    int rc = walk_list(x, value, node->body);
    x->variable_count = mark;
    return rc == WALK_CONTINUE ? 0 : rc;
}

static int walk_range(struct exec *x, struct value dot, const struct node *node) {
    size_t before = x->variable_count, count = 0;
    struct value over;
    if (eval_pipeline(x, dot, node->pipe, &over)) return ERR_EXECUTION;
    x->at = node->pipe;
    switch (over.kind) {
    case VALUE_MISSING: break;
    case VALUE_LIST: count = over.list->count; break;
    case VALUE_LABELS: count = over.labels.count; break;
    case VALUE_INT: count = over.integer > 0 ? (size_t)over.integer : 0; break;
    case VALUE_MAP:
        over.kind = VALUE_LIST;
        count = over.list->count;
        break;
    default: {
        struct buf text;
        buf_init(&text, 400);
        value_print(&over, &text);
        int rc = fail(x, "range can't iterate over %s", buf_text(&text));
        buf_release(&text);
        return rc;
    }
    }
    size_t mark = x->variable_count;
    int rc = count ? 0 : walk_list(x, dot, node->otherwise);
    for (size_t i = 0; i < count && !rc; i++) rc = walk_item(x, node, mark, &over, i);
    x->variable_count = before;
    return rc == WALK_BREAK && count ? 0 : rc;
}

static int walk_call(struct exec *x, struct value dot, const struct node *node) {
    const struct template_part *part = template_find(x->template, node->text), *before = x->part;
    struct value argument = missing;
    x->at = node;
    if (!part) return fail(x, "template \"%.*s\" not defined", SPAN_ARG(node->text));
    if (x->calls == EXEC_MAX_CALLS) return fail(x, "exceeded maximum template depth (%d)", EXEC_MAX_CALLS);
    if (node->pipe && eval_pipeline(x, dot, node->pipe, &argument)) return ERR_EXECUTION;
    size_t mark = x->variable_count;
    if (push(x, SPAN("$"), argument)) return ERR_EXECUTION;
    x->calls++;
    x->part = part;
    int rc = walk_list(x, argument, part->body);
    x->calls--;
    if (rc >= 0) x->part = before;
    x->variable_count = mark;
    return rc < 0 ? rc : 0;
}

static int walk_action(struct exec *x, struct value dot, const struct node *node) {
    struct value value;
    if (eval_pipeline(x, dot, node->pipe, &value)) return ERR_EXECUTION;
    if (!node->pipe->decl_count) value_print(&value, x->out);
    return 0;
}

static int walk(struct exec *x, struct value dot, const struct node *node) {
    x->at = node;
    if (x->out->failed) return fail(x, "the output is larger than %zu bytes", TEMPLATE_MAX_OUTPUT);
    if (step(x)) return ERR_LIMIT;
    switch (node->kind) {
    case NODE_TEXT: buf_span(x->out, node->text); return 0;
    case NODE_ACTION: return walk_action(x, dot, node);
    case NODE_IF:
    case NODE_WITH: return walk_condition(x, dot, node);
    case NODE_RANGE: return walk_range(x, dot, node);
    case NODE_CALL_TEMPLATE: return walk_call(x, dot, node);
    case NODE_BREAK: return WALK_BREAK;
    case NODE_CONTINUE: return WALK_CONTINUE;
    default: return walk_list(x, dot, node);
    }
}

int template_execute(const struct template *template, const struct template_env *env, struct buf *out) {
    struct exec x = {.template = template, .part = &template->parts[0], .env = env};
    struct value root = {.kind = VALUE_ROOT, .root = env};
    struct buf made;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    buf_init(&x.why, 4096);
    arena_init(&x.arena, TEMPLATE_MAX_MEMORY, NULL);
    x.out = &made;
    int rc = push(&x, SPAN("$"), root);
    if (!rc) rc = walk_list(&x, root, template->parts[0].body);
    if (!rc && made.failed) rc = fail(&x, "the output is larger than %zu bytes", TEMPLATE_MAX_OUTPUT);
    if (rc) buf_printf(out, "error executing template %.*s: ", SPAN_ARG(template->name));
    buf_span(out, rc ? buf_view(&x.why) : buf_view(&made));
    buf_release(&made);
    buf_release(&x.why);
    arena_release(&x.arena);
    return rc;
}
