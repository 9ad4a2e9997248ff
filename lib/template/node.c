#include "lib/template/node.h"

static void print_items(const struct node *node, const char *between, struct buf *out) {
    for (size_t i = 0; i < node->count; i++) {
        const struct node *item = node->items[i];
        bool has_paren = item->kind == NODE_PIPE;
        if (i) buf_puts(out, between);
        if (has_paren) buf_putc(out, '(');
        node_print(item, out);
        if (has_paren) buf_putc(out, ')');
    }
}

static void print_fields(const struct node *node, struct buf *out) {
    for (size_t i = 0; i < node->field_count; i++) buf_printf(out, ".%.*s", SPAN_ARG(node->fields[i]));
}

static void print_pipe(const struct node *node, struct buf *out) {
    for (size_t i = 0; i < node->decl_count; i++) {
        if (i) buf_puts(out, ", ");
        node_print(node->decls[i], out);
    }
    if (node->decl_count) buf_puts(out, node->is_assign ? " = " : " := ");
    print_items(node, " | ", out);
}

static void print_chain(const struct node *node, struct buf *out) {
    bool has_paren = node->pipe->kind == NODE_PIPE;
    if (has_paren) buf_putc(out, '(');
    node_print(node->pipe, out);
    if (has_paren) buf_putc(out, ')');
    print_fields(node, out);
}

static void print_call(const struct node *node, struct buf *out) {
    buf_puts(out, "{{template ");
    text_write_quoted(node->text, out);
    if (node->pipe) {
        buf_putc(out, ' ');
        node_print(node->pipe, out);
    }
    buf_puts(out, "}}");
}

void node_print(const struct node *node, struct buf *out) {
    switch (node->kind) {
    case NODE_PIPE: print_pipe(node, out); break;
    case NODE_COMMAND: print_items(node, " ", out); break;
    case NODE_CHAIN: print_chain(node, out); break;
    case NODE_CALL_TEMPLATE: print_call(node, out); break;
    case NODE_FIELD: print_fields(node, out); break;
    case NODE_VARIABLE:
        buf_span(out, node->text);
        print_fields(node, out);
        break;
    case NODE_DOT: buf_putc(out, '.'); break;
    case NODE_NIL: buf_puts(out, "nil"); break;
    case NODE_IDENT: buf_span(out, node->text); break;
    case NODE_BOOL:
    case NODE_NUMBER:
    case NODE_STRING: buf_span(out, node->written); break;
    case NODE_ELSE: buf_puts(out, "{{else}}"); break;
    case NODE_END: buf_puts(out, "{{end}}"); break;
    default: /* never named alone: their pipe is */
        if (node->pipe) node_print(node->pipe, out);
    }
}

void template_place(const struct template *template, uint32_t at, bool with_column, struct buf *out) {
    size_t line = 1, start = 0;
    for (size_t i = 0; i < at; i++) {
        if (template->text.ptr[i] != '\n') continue;
        line++;
        start = i + 1;
    }
    buf_printf(out, "%.*s:%zu", SPAN_ARG(template->name), line);
    if (with_column) buf_printf(out, ":%zu", at - start);
}

const struct template_part *template_find(const struct template *template, struct span name) {
    for (size_t i = 0; i < template->part_count; i++)
        if (span_equal(template->parts[i].name, name)) return &template->parts[i];
    return NULL;
}
