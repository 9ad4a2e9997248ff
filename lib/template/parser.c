#include "lib/template/exec.h"
#include "lib/template/node.h"

#include "lib/template/literal.h"

#include <stdarg.h>
#include <stdio.h>

/*
 * Tokens to a tree. Recursive descent, its depth counted; the first error ends it.
 *
 * Variables are checked while parsing, as Go does: `vars` is the stack of what is declared, a control
 * structure forgets its own at its end.
 */

#define MAX_VARIABLES 1000
#define MAX_PARTS 100

struct parser {
    struct arena *arena;
    struct template *template;
    struct token *tokens;
    size_t at;
    struct span vars[MAX_VARIABLES];
    size_t var_count, var_base;            /* those of the part that is being parsed begin at var_base */
    struct template_part parts[MAX_PARTS]; /* the main one first */
    size_t part_count;
    int depth, ranges;
    struct buf *why;
    int rc;
};

static struct node *pipeline(struct parser *p, const char *context, enum token_kind end);
static struct node *action(struct parser *p);

/* the first error is the one that counts; always NULL */
static struct node *fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static struct node *fail(struct parser *p, const char *format, ...) {
    if (p->rc) return NULL;
    p->rc = ERR_INVALID;
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t last = p->at ? p->at - 1 : 0;
    buf_puts(p->why, "template: ");
    template_place(p->template, p->tokens[last].at, false, p->why);
    buf_printf(p->why, ": %s", text);
    return NULL;
}

static struct node *full(struct parser *p) {
    if (!p->rc) buf_puts(p->why, "the template needs too much memory");
    if (!p->rc) p->rc = ERR_LIMIT;
    return NULL;
}

static struct node *node_new(struct parser *p, enum node_kind kind, uint32_t at) {
    struct node *node = arena_zalloc(p->arena, sizeof *node);
    if (!node) return full(p);
    node->kind = kind;
    node->at = at;
    return node;
}

static bool node_add(struct parser *p, struct node *node, struct node *item) {
    if (!item) return false;
    if (node->count == node->capacity) {
        size_t capacity = node->capacity ? 2 * node->capacity : 4;
        struct node **items = arena_array(p->arena, capacity, sizeof *items);
        if (!items) return full(p);
        if (node->count) memcpy(items, node->items, node->count * sizeof *items);
        node->items = items;
        node->capacity = capacity;
    }
    node->items[node->count++] = item;
    return true;
}

/* ---- tokens ---- */

static const struct token *peek(const struct parser *p) {
    return &p->tokens[p->at];
}

static const struct token *next(struct parser *p) {
    const struct token *token = &p->tokens[p->at];
    if (token->kind != TOKEN_EOF && token->kind != TOKEN_ERROR) p->at++;
    return token;
}

static const struct token *peek_word(struct parser *p) {
    while (peek(p)->kind == TOKEN_SPACE) p->at++;
    return peek(p);
}

static const struct token *next_word(struct parser *p) {
    (void)peek_word(p);
    return next(p);
}

static void token_print(const struct token *token, struct buf *out) {
    if (token->kind == TOKEN_EOF) {
        buf_puts(out, "EOF");
    } else if (token->kind > TOKEN_KEYWORD_FIRST) {
        buf_printf(out, "<%.*s>", SPAN_ARG(token->text));
    } else {
        bool is_long = token->text.len > 10;
        text_write_quoted(span_of(token->text.ptr, is_long ? 10 : token->text.len), out);
        if (is_long) buf_puts(out, "...");
    }
}

static struct node *unexpected(struct parser *p, const struct token *token, const char *context) {
    struct buf text;
    if (token->kind == TOKEN_ERROR) {
        p->at = (size_t)(token - p->tokens) + 1;
        return fail(p, "%.*s", SPAN_ARG(token->text));
    }
    buf_init(&text, 200);
    token_print(token, &text);
    fail(p, "unexpected %s in %s", buf_text(&text), context);
    buf_release(&text);
    return NULL;
}

static bool expect(struct parser *p, enum token_kind kind, const char *context) {
    const struct token *token = next_word(p);
    if (token->kind == kind) return true;
    unexpected(p, token, context);
    return false;
}

/* ---- literals ---- */

static bool unquote(struct parser *p, const struct token *token, struct span *value) {
    int rc = literal_unquote(token->text, p->arena, value);
    if (rc == ERR_INVALID) fail(p, "invalid syntax");
    if (rc == ERR_LIMIT) full(p);
    return rc == 0;
}

static struct node *string_node(struct parser *p, const struct token *token) {
    struct node *node = node_new(p, NODE_STRING, token->at);
    if (!node || !unquote(p, token, &node->text)) return NULL;
    node->written = token->text;
    return node;
}

/* a character constant: its code */
static struct node *char_node(struct parser *p, const struct token *token) {
    struct span text;
    struct node *node = node_new(p, NODE_NUMBER, token->at);
    if (!node || !unquote(p, token, &text)) return NULL;
    unsigned char lead = text.len ? (unsigned char)text.ptr[0] : 0;
    size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.len != length) return fail(p, "malformed character constant: %.*s", SPAN_ARG(token->text));
    uint32_t code = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) code = code << 6 | ((unsigned char)text.ptr[i] & 63);
    node->written = token->text;
    node->integer = code;
    node->number = code;
    node->is_int = node->is_float = true;
    return node;
}

static struct node *number_node(struct parser *p, const struct token *token) {
    struct node *node = node_new(p, NODE_NUMBER, token->at);
    if (!node) return NULL;
    node->written = token->text;
    node->is_float = literal_number(token->text, &node->number, &node->integer, &node->is_int);
    return node->is_float ? node : fail(p, "bad number syntax: \"%.*s\"", SPAN_ARG(token->text));
}

/* ---- operands ---- */

static bool is_declared(const struct parser *p, struct span name) {
    for (size_t i = p->var_count; i-- > p->var_base;)
        if (span_equal(p->vars[i], name)) return true;
    return false;
}

static bool add_field(struct parser *p, struct node *node, struct span field) {
    struct span *fields = arena_array(p->arena, node->field_count + 1, sizeof *fields);
    if (!fields) return full(p);
    if (node->field_count) memcpy(fields, node->fields, node->field_count * sizeof *fields);
    fields[node->field_count] = field;
    node->fields = fields;
    node->field_count++;
    return true;
}

static struct span without_dot(const struct token *token) {
    return span_of(token->text.ptr + 1, token->text.len - 1);
}

static struct node *ident_node(struct parser *p, const struct token *token) {
    struct node *node = node_new(p, NODE_IDENT, token->at);
    if (!node) return NULL;
    node->text = token->text;
    node->function = template_function_find(token->text);
    if (!node->function) return fail(p, "function \"%.*s\" not defined", SPAN_ARG(token->text));
    return node;
}

static struct node *variable_node(struct parser *p, const struct token *token) {
    struct node *node = node_new(p, NODE_VARIABLE, token->at);
    if (!node) return NULL;
    node->text = token->text;
    if (!is_declared(p, token->text)) return fail(p, "undefined variable \"%.*s\"", SPAN_ARG(token->text));
    return node;
}

static struct node *bool_node(struct parser *p, const struct token *token) {
    struct node *node = node_new(p, NODE_BOOL, token->at);
    if (!node) return NULL;
    node->written = token->text;
    node->flag = span_is(token->text, "true");
    return node;
}

static struct node *field_node(struct parser *p, const struct token *token) {
    struct node *node = node_new(p, NODE_FIELD, token->at);
    return node && add_field(p, node, without_dot(token)) ? node : NULL;
}

/* NULL without an error when no operand stands here */
static struct node *term(struct parser *p) {
    const struct token *token = peek_word(p);
    switch (token->kind) {
    case TOKEN_IDENT: return ident_node(p, next(p));
    case TOKEN_DOT: return node_new(p, NODE_DOT, next(p)->at);
    case TOKEN_NIL: return node_new(p, NODE_NIL, next(p)->at);
    case TOKEN_VARIABLE: return variable_node(p, next(p));
    case TOKEN_FIELD: return field_node(p, next(p));
    case TOKEN_BOOL: return bool_node(p, next(p));
    case TOKEN_NUMBER: return number_node(p, next(p));
    case TOKEN_CHAR: return char_node(p, next(p));
    case TOKEN_STRING:
    case TOKEN_RAW: return string_node(p, next(p));
    case TOKEN_LPAREN: next(p); return pipeline(p, "parenthesized pipeline", TOKEN_RPAREN);
    default: return NULL;
    }
}

static bool is_literal(enum node_kind kind) {
    return kind == NODE_BOOL || kind == NODE_STRING || kind == NODE_NUMBER || kind == NODE_NIL ||
           kind == NODE_DOT;
}

static struct node *fail_after_term(struct parser *p, const struct node *node) {
    struct buf text;
    buf_init(&text, 200);
    node_print(node, &text);
    fail(p, "unexpected . after term %s%s%s", node->kind == NODE_STRING ? "" : "\"", buf_text(&text),
         node->kind == NODE_STRING ? "" : "\"");
    buf_release(&text);
    return NULL;
}

/* a term and the fields behind it */
static struct node *operand(struct parser *p) {
    struct node *node = term(p);
    if (!node || peek(p)->kind != TOKEN_FIELD) return node;
    if (is_literal(node->kind)) return fail_after_term(p, node);
    struct node *chain = node;
    uint32_t at = peek(p)->at;
    if (node->kind != NODE_FIELD && node->kind != NODE_VARIABLE) {
        chain = node_new(p, NODE_CHAIN, at);
        if (!chain) return NULL;
        chain->pipe = node;
    }
    chain->at = at;
    while (peek(p)->kind == TOKEN_FIELD)
        if (!add_field(p, chain, without_dot(next(p)))) return NULL;
    return chain;
}

static struct node *command(struct parser *p) {
    struct node *node = node_new(p, NODE_COMMAND, peek_word(p)->at);
    while (node) {
        (void)peek_word(p);
        struct node *word = operand(p);
        if (p->rc || (word && !node_add(p, node, word))) return NULL;
        const struct token *token = next(p);
        if (token->kind == TOKEN_SPACE) continue;
        if (token->kind == TOKEN_RIGHT || token->kind == TOKEN_RPAREN)
            p->at--;
        else if (token->kind != TOKEN_PIPE)
            return unexpected(p, token, "operand");
        break;
    }
    return node && !node->count ? fail(p, "empty command") : node;
}

static bool declare(struct parser *p, struct node *pipe, const struct token *token) {
    struct node *variable = node_new(p, NODE_VARIABLE, token->at);
    struct node **decls = arena_array(p->arena, pipe->decl_count + 1, sizeof *decls);
    if (!variable || !decls || p->var_count == MAX_VARIABLES) return full(p);
    if (pipe->decl_count) memcpy(decls, pipe->decls, pipe->decl_count * sizeof *decls);
    variable->text = token->text;
    decls[pipe->decl_count++] = variable;
    pipe->decls = decls;
    return true;
}

/* the variables in front of := or =; what is no declaration is left where it was */
static bool declarations(struct parser *p, struct node *pipe, const char *context) {
    bool is_range = strcmp(context, "range") == 0;
    while (peek_word(p)->kind == TOKEN_VARIABLE) {
        size_t start = p->at;
        const struct token *variable = next(p), *after = peek_word(p);
        bool is_end = after->kind == TOKEN_ASSIGN || after->kind == TOKEN_DECLARE;
        bool is_comma = after->kind == TOKEN_OTHER && span_is(after->text, ",");
        if (!is_end && !is_comma) {
            p->at = start;
            return true;
        }
        next(p);
        if (after->kind == TOKEN_ASSIGN && !is_declared(p, variable->text))
            return fail(p, "undefined variable \"%.*s\"", SPAN_ARG(variable->text));
        pipe->is_assign = after->kind == TOKEN_ASSIGN;
        if (!declare(p, pipe, variable)) return false;
        p->vars[p->var_count++] = variable->text;
        if (is_end) return true;
        if (!is_range || pipe->decl_count >= 2) return fail(p, "too many declarations in %s", context);
        enum token_kind kind = peek_word(p)->kind;
        if (kind != TOKEN_VARIABLE && kind != TOKEN_RIGHT && kind != TOKEN_RPAREN)
            return fail(p, "range can only initialize variables");
    }
    return true;
}

static struct node *check_pipeline(struct parser *p, struct node *pipe, const char *context) {
    if (!pipe->count) return fail(p, "missing value for %s", context);
    for (size_t i = 1; i < pipe->count; i++)
        if (is_literal(pipe->items[i]->items[0]->kind))
            return fail(p, "non executable command in pipeline stage %zu", i + 1);
    return pipe;
}

static bool starts_operand(enum token_kind kind) {
    return kind == TOKEN_BOOL || kind == TOKEN_CHAR || kind == TOKEN_DOT || kind == TOKEN_FIELD ||
           kind == TOKEN_IDENT || kind == TOKEN_NUMBER || kind == TOKEN_NIL || kind == TOKEN_RAW ||
           kind == TOKEN_STRING || kind == TOKEN_VARIABLE || kind == TOKEN_LPAREN;
}

static struct node *pipeline(struct parser *p, const char *context, enum token_kind end) {
    struct node *pipe = node_new(p, NODE_PIPE, peek_word(p)->at);
    if (++p->depth > TEMPLATE_MAX_DEPTH) return fail(p, "the template is nested too deeply");
    if (!pipe || !declarations(p, pipe, context)) return NULL;
    for (;;) {
        const struct token *token = peek_word(p);
        if (token->kind == end) break;
        if (!starts_operand(token->kind)) return unexpected(p, next(p), context);
        if (!node_add(p, pipe, command(p))) return NULL;
    }
    next(p);
    p->depth--;
    return check_pipeline(p, pipe, context);
}

/* ---- actions ---- */

/* text or an action; {{end}} and {{else}} are nodes, too */
static struct node *text_or_action(struct parser *p) {
    const struct token *token = next_word(p);
    if (token->kind == TOKEN_LEFT) return action(p);
    if (token->kind != TOKEN_TEXT) return unexpected(p, token, "input");
    struct node *node = node_new(p, NODE_TEXT, token->at);
    if (node) node->text = token->text;
    return node;
}

/* up to {{end}} or {{else}}, which is *last */
static struct node *item_list(struct parser *p, enum node_kind *last) {
    struct node *list = node_new(p, NODE_LIST, peek_word(p)->at);
    if (++p->depth > TEMPLATE_MAX_DEPTH) return fail(p, "the template is nested too deeply");
    while (list && peek_word(p)->kind != TOKEN_EOF) {
        struct node *node = text_or_action(p);
        if (!node) return NULL;
        if (node->kind == NODE_END || node->kind == NODE_ELSE) {
            *last = node->kind;
            p->depth--;
            return list;
        }
        if (!node_add(p, list, node)) return NULL;
    }
    return list ? fail(p, "unexpected EOF") : NULL;
}

static struct node *control(struct parser *p, enum node_kind kind, const char *context, uint32_t at);

/* what follows {{else}}: a list, or the one control structure of {{else if}} and {{else with}} */
static bool else_part(struct parser *p, struct node *node) {
    enum token_kind kind = peek_word(p)->kind;
    bool is_if = node->kind == NODE_IF && kind == TOKEN_IF,
         is_with = node->kind == NODE_WITH && kind == TOKEN_WITH;
    if (is_if || is_with) {
        node->otherwise = node_new(p, NODE_LIST, peek(p)->at);
        uint32_t at = next(p)->at;
        return node->otherwise &&
               node_add(p, node->otherwise,
                        is_if ? control(p, NODE_IF, "if", at) : control(p, NODE_WITH, "with", at));
    }
    enum node_kind last = NODE_END;
    if (!expect(p, TOKEN_RIGHT, "else")) return false;
    node->otherwise = item_list(p, &last);
    if (node->otherwise && last != NODE_END) return fail(p, "expected end; found {{else}}");
    return node->otherwise != NULL;
}

static struct node *control(struct parser *p, enum node_kind kind, const char *context, uint32_t at) {
    struct node *node = node_new(p, kind, at);
    size_t vars = p->var_count;
    enum node_kind last = NODE_END;
    if (!node) return NULL;
    if (++p->depth > TEMPLATE_MAX_DEPTH) return fail(p, "the template is nested too deeply");
    node->pipe = pipeline(p, context, TOKEN_RIGHT);
    if (!node->pipe) return NULL;
    p->ranges += kind == NODE_RANGE;
    node->body = item_list(p, &last);
    p->ranges -= kind == NODE_RANGE;
    if (!node->body || (last == NODE_ELSE && !else_part(p, node))) return NULL;
    p->var_count = vars;
    p->depth--;
    return node;
}

static struct node *jump(struct parser *p, enum node_kind kind, const char *name, uint32_t at) {
    char context[20];
    snprintf(context, sizeof context, "{{%s}}", name);
    if (!expect(p, TOKEN_RIGHT, context)) return NULL;
    if (!p->ranges) return fail(p, "{{%s}} outside {{range}}", name);
    return node_new(p, kind, at);
}

static bool add_part(struct parser *p, struct span name, struct node *body) {
    for (size_t i = 0; i < p->part_count; i++) {
        if (!span_equal(p->parts[i].name, name)) continue;
        if (p->parts[i].body->count && body->count)
            return fail(p, "template: multiple definition of template \"%.*s\"", SPAN_ARG(name));
        if (body->count) p->parts[i].body = body;
        return true;
    }
    if (p->part_count == MAX_PARTS) return full(p);
    p->parts[p->part_count++] = (struct template_part){name, body};
    return true;
}

/* a list with variables of its own, up to {{end}} */
static bool part_body(struct parser *p, struct span name, const char *context) {
    enum node_kind last = NODE_END;
    size_t base = p->var_base, count = p->var_count;
    int ranges = p->ranges;
    if (count == MAX_VARIABLES) return full(p);
    p->var_base = count;
    p->vars[p->var_count++] = SPAN("$");
    p->ranges = 0;
    struct node *body = item_list(p, &last);
    p->var_base = base;
    p->var_count = count;
    p->ranges = ranges;
    if (!body) return false;
    if (last != NODE_END) return fail(p, "unexpected {{else}} in %s", context);
    return add_part(p, name, body);
}

static bool part_name(struct parser *p, const char *context, uint32_t *at, struct span *name) {
    const struct token *token = next_word(p);
    *at = token->at;
    if (token->kind == TOKEN_STRING || token->kind == TOKEN_RAW) return unquote(p, token, name);
    unexpected(p, token, context);
    return false;
}

static struct node *block(struct parser *p) {
    struct node *node = node_new(p, NODE_CALL_TEMPLATE, 0);
    if (!node || !part_name(p, "block clause", &node->at, &node->text)) return NULL;
    node->pipe = pipeline(p, "block clause", TOKEN_RIGHT);
    return node->pipe && part_body(p, node->text, "block clause") ? node : NULL;
}

static struct node *call_template(struct parser *p) {
    struct node *node = node_new(p, NODE_CALL_TEMPLATE, 0);
    if (!node || !part_name(p, "template clause", &node->at, &node->text)) return NULL;
    if (peek_word(p)->kind == TOKEN_RIGHT) {
        next(p);
        return node;
    }
    node->pipe = pipeline(p, "template clause", TOKEN_RIGHT);
    return node->pipe ? node : NULL;
}

static struct node *action(struct parser *p) {
    const struct token *token = peek_word(p);
    switch (token->kind) {
    case TOKEN_BLOCK: next(p); return block(p);
    case TOKEN_BREAK: return jump(p, NODE_BREAK, "break", next(p)->at);
    case TOKEN_CONTINUE: return jump(p, NODE_CONTINUE, "continue", next(p)->at);
    case TOKEN_ELSE: return node_new(p, NODE_ELSE, next(p)->at);
    case TOKEN_END: next(p); return expect(p, TOKEN_RIGHT, "end") ? node_new(p, NODE_END, token->at) : NULL;
    case TOKEN_IF: return control(p, NODE_IF, "if", next(p)->at);
    case TOKEN_RANGE: return control(p, NODE_RANGE, "range", next(p)->at);
    case TOKEN_TEMPLATE: next(p); return call_template(p);
    case TOKEN_WITH: return control(p, NODE_WITH, "with", next(p)->at);
    default: break;
    }
    struct node *node = node_new(p, NODE_ACTION, token->at);
    if (!node) return NULL;
    node->pipe = pipeline(p, "command", TOKEN_RIGHT);
    return node->pipe ? node : NULL;
}

/* {{define "x"}} stands only at the top */
static bool definition(struct parser *p) {
    struct span name;
    uint32_t at;
    return part_name(p, "define clause", &at, &name) && expect(p, TOKEN_RIGHT, "define clause") &&
           part_body(p, name, "define clause");
}

static void parse(struct parser *p, struct node *main) {
    while (!p->rc && peek_word(p)->kind != TOKEN_EOF) {
        size_t start = p->at;
        if (next(p)->kind == TOKEN_LEFT && next_word(p)->kind == TOKEN_DEFINE) {
            definition(p);
            continue;
        }
        p->at = start;
        struct node *node = text_or_action(p);
        if (node && (node->kind == NODE_END || node->kind == NODE_ELSE))
            fail(p, "unexpected %s", node->kind == NODE_END ? "{{end}}" : "{{else}}");
        else if (node)
            node_add(p, main, node);
    }
}

/* the tree is in the arena, the rest in the scratch arena */
static int parse_into(struct template *t, struct arena *arena, struct arena *scratch, struct buf *why) {
    struct parser *p = arena_zalloc(scratch, sizeof *p);
    if (!p) return ERR_LIMIT;
    *p = (struct parser){.arena = arena, .template = t, .why = why, .vars = {SPAN("$")}, .var_count = 1};
    struct node *main = node_new(p, NODE_LIST, 0);
    if (!main || template_lex(t->text, scratch, &p->tokens)) full(p);
    if (p->rc) return p->rc;
    p->parts[p->part_count++] = (struct template_part){t->name, main};
    parse(p, main);
    if (p->rc) return p->rc;
    t->parts = arena_array(arena, p->part_count, sizeof *t->parts);
    if (!t->parts) full(p);
    if (p->rc) return p->rc;
    memcpy(t->parts, p->parts, p->part_count * sizeof *t->parts);
    t->part_count = p->part_count;
    return 0;
}

int template_parse(const char *name, struct span text, struct arena *arena, const struct template **result,
                   struct buf *why) {
    struct template *t = arena_zalloc(arena, sizeof *t);
    char *name_copy = arena_strndup(arena, name, strlen(name));
    char *text_copy = text.len <= TEMPLATE_MAX_TEXT ? arena_strndup(arena, text.ptr, text.len) : NULL;
    buf_printf(why, "error parsing template %s: ", name);
    if (!t || !name_copy || !text_copy) {
        buf_puts(why, "the template is too large");
        return ERR_LIMIT;
    }
    struct arena scratch;
    arena_init(&scratch, TEMPLATE_MAX_MEMORY, NULL);
    t->name = span_from(name_copy);
    t->text = span_of(text_copy, text.len);
    int rc = parse_into(t, arena, &scratch, why);
    arena_release(&scratch);
    if (rc) return rc;
    buf_reset(why);
    *result = t;
    return 0;
}
