#include "lib/template/node.h"

/*
 * A template's text as tokens: text between actions, and what is inside of {{ }}.
 *
 * "{{- " and " -}}" take away the white space of the text beside them; comments leave nothing.
 */

struct lexer {
    struct span text;
    size_t at;
    struct arena *arena;
    struct token *tokens;
    size_t count, capacity;
    int parens;
    bool is_full; /* the arena is */
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || (c & 0x80);
}

static char peek(const struct lexer *l, size_t ahead) {
    return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : '\0';
}

static bool looks_at(const struct lexer *l, const char *word) {
    return span_starts_with(span_of(l->text.ptr + l->at, l->text.len - l->at), span_from(word));
}

static void add(struct lexer *l, enum token_kind kind, size_t start, struct span text) {
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        struct token *tokens = arena_array(l->arena, capacity, sizeof *tokens);
        if (!tokens) {
            l->is_full = true;
            return;
        }
        if (l->count) memcpy(tokens, l->tokens, l->count * sizeof *tokens);
        l->tokens = tokens;
        l->capacity = capacity;
    }
    l->tokens[l->count++] = (struct token){kind, (uint32_t)start, text};
}

/* from start to here */
static void emit(struct lexer *l, enum token_kind kind, size_t start) {
    add(l, kind, start, span_of(l->text.ptr + start, l->at - start));
}

/* always false: the lexing ends */
static bool fail(struct lexer *l, size_t start, const char *why) {
    add(l, TOKEN_ERROR, start, span_from(why));
    return false;
}

static bool fail_char(struct lexer *l, size_t start, const char *what) {
    unsigned char c = (unsigned char)peek(l, 0);
    char *why = c < 0x80 ? arena_printf(l->arena, "%s U+%04X '%c'", what, c, c)
                         : arena_printf(l->arena, "%s \\x%02x", what, c);
    return fail(l, start, why ? why : what);
}

/* at " -}}" or "}}"; *trims tells which */
static bool at_right(const struct lexer *l, bool *trims) {
    *trims = is_space(peek(l, 0)) && peek(l, 1) == '-' && peek(l, 2) == '}' && peek(l, 3) == '}';
    return *trims || (peek(l, 0) == '}' && peek(l, 1) == '}');
}

static bool at_terminator(const struct lexer *l) {
    char c = peek(l, 0);
    return l->at >= l->text.len || is_space(c) || strchr(".,|:)(", c) || looks_at(l, "}}");
}

static void skip_space(struct lexer *l) {
    while (l->at < l->text.len && is_space(l->text.ptr[l->at])) l->at++;
}

/* behind the action: the text's white space goes when the action ended in -}} */
static void take_right(struct lexer *l, bool trims, bool is_comment) {
    size_t start = l->at;
    l->at += trims ? 4 : 2;
    if (!is_comment) add(l, TOKEN_RIGHT, start, SPAN("}}"));
    if (trims) skip_space(l);
}

static bool take_comment(struct lexer *l) {
    const char *end = memmem(l->text.ptr + l->at + 2, l->text.len - l->at - 2, "*/", 2);
    bool trims;
    size_t start = l->at;
    if (!end) return fail(l, start, "unclosed comment");
    l->at = (size_t)(end - l->text.ptr) + 2;
    if (!at_right(l, &trims)) return fail(l, start, "comment ends before closing delimiter");
    take_right(l, trims, true);
    return true;
}

static bool take_quoted(struct lexer *l, char quote, enum token_kind kind, const char *why) {
    size_t start = l->at++;
    for (;; l->at++) {
        if (l->at >= l->text.len || l->text.ptr[l->at] == '\n') return fail(l, start, why);
        if (l->text.ptr[l->at] == quote) break;
        if (l->text.ptr[l->at] == '\\') {
            l->at++;
            if (l->at >= l->text.len || l->text.ptr[l->at] == '\n') return fail(l, start, why);
        }
    }
    l->at++;
    emit(l, kind, start);
    return true;
}

static bool take_raw(struct lexer *l) {
    size_t start = l->at;
    size_t end = span_find_byte(l->text, '`', l->at + 1);
    if (end >= l->text.len) return fail(l, start, "unterminated raw quoted string");
    l->at = end + 1;
    emit(l, TOKEN_RAW, start);
    return true;
}

static bool take_number(struct lexer *l) {
    size_t start = l->at;
    if (peek(l, 0) == '+' || peek(l, 0) == '-') l->at++;
    bool is_hex = peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X');
    for (;; l->at++) {
        char c = peek(l, 0), before = l->at > start ? l->text.ptr[l->at - 1] : '\0';
        bool is_sign = (c == '+' || c == '-') && !is_hex && (before == 'e' || before == 'E');
        if (l->at >= l->text.len || !(is_word(c) || c == '.' || is_sign)) break;
    }
    emit(l, TOKEN_NUMBER, start);
    return true;
}

static enum token_kind word_kind(struct span word) {
    static const char *const keywords[] = {"block", "break", "continue", "define",   "else", "end",
                                           "if",    "nil",   "range",    "template", "with"};
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (span_is(word, keywords[i])) return (enum token_kind)(TOKEN_BLOCK + i);
    return span_is(word, "true") || span_is(word, "false") ? TOKEN_BOOL : TOKEN_IDENT;
}

/* a word, .field or $variable that begins here */
static bool take_word(struct lexer *l, enum token_kind kind) {
    size_t start = l->at;
    if (kind != TOKEN_IDENT) l->at++;
    while (l->at < l->text.len && is_word(l->text.ptr[l->at])) l->at++;
    if (!at_terminator(l)) return fail_char(l, start, "bad character");
    struct span word = span_of(l->text.ptr + start, l->at - start);
    if (kind == TOKEN_FIELD && word.len == 1) kind = TOKEN_DOT;
    add(l, kind == TOKEN_IDENT ? word_kind(word) : kind, start, word);
    return true;
}

static bool take_paren(struct lexer *l, bool opens) {
    l->parens += opens ? 1 : -1;
    if (l->parens < 0) return fail_char(l, l->at, "unexpected right paren");
    size_t start = l->at++;
    emit(l, opens ? TOKEN_LPAREN : TOKEN_RPAREN, start);
    return true;
}

static bool take_declare(struct lexer *l) {
    size_t start = l->at;
    if (peek(l, 1) != '=') return fail(l, start, "expected :=");
    l->at += 2;
    emit(l, TOKEN_DECLARE, start);
    return true;
}

static bool take_one(struct lexer *l, enum token_kind kind) {
    size_t start = l->at++;
    emit(l, kind, start);
    return true;
}

static bool take_spaces(struct lexer *l) {
    size_t start = l->at;
    bool trims;
    while (l->at < l->text.len && is_space(l->text.ptr[l->at]) && !(at_right(l, &trims) && trims)) l->at++;
    if (l->at > start) emit(l, TOKEN_SPACE, start);
    return true;
}

static bool take_inside(struct lexer *l) {
    char c = peek(l, 0);
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n': return take_spaces(l);
    case '=': return take_one(l, TOKEN_ASSIGN);
    case ':': return take_declare(l);
    case '|': return take_one(l, TOKEN_PIPE);
    case '"': return take_quoted(l, '"', TOKEN_STRING, "unterminated quoted string");
    case '\'': return take_quoted(l, '\'', TOKEN_CHAR, "unterminated character constant");
    case '`': return take_raw(l);
    case '$': return take_word(l, TOKEN_VARIABLE);
    case '(': return take_paren(l, true);
    case ')': return take_paren(l, false);
    case '.': return is_digit(peek(l, 1)) ? take_number(l) : take_word(l, TOKEN_FIELD);
    case '+':
    case '-': return take_number(l);
    default: break;
    }
    if (is_digit(c)) return take_number(l);
    if (is_word(c)) return take_word(l, TOKEN_IDENT);
    if (c > ' ' && c < 0x7f) return take_one(l, TOKEN_OTHER);
    return fail_char(l, l->at, "unrecognized character in action:");
}

/* from {{ to }} */
static bool take_action(struct lexer *l) {
    size_t start = l->at;
    bool trims;
    l->at += 2;
    if (peek(l, 0) == '-' && is_space(peek(l, 1))) l->at += 2;
    if (looks_at(l, "/*")) return take_comment(l);
    add(l, TOKEN_LEFT, start, SPAN("{{"));
    l->parens = 0;
    while (!l->is_full) {
        if (at_right(l, &trims)) {
            if (l->parens) return fail(l, l->at, "unclosed left paren");
            take_right(l, trims, false);
            return true;
        }
        if (l->at >= l->text.len) return fail(l, start, "unclosed action");
        if (!take_inside(l)) return false;
    }
    return false;
}

static void take_text(struct lexer *l, size_t end) {
    size_t start = l->at, until = end;
    bool trims = end + 3 < l->text.len && l->text.ptr[end + 2] == '-' && is_space(l->text.ptr[end + 3]);
    while (trims && until > start && is_space(l->text.ptr[until - 1])) until--;
    if (until > start) add(l, TOKEN_TEXT, start, span_of(l->text.ptr + start, until - start));
    l->at = end;
}

int template_lex(struct span text, struct arena *arena, struct token **tokens) {
    struct lexer l = {.text = text, .arena = arena};
    bool goes_on = true;
    while (goes_on && !l.is_full && l.at < text.len) {
        const char *left = memmem(text.ptr + l.at, text.len - l.at, "{{", 2);
        take_text(&l, left ? (size_t)(left - text.ptr) : text.len);
        if (left) goes_on = take_action(&l);
    }
    if (goes_on) add(&l, TOKEN_EOF, text.len, SPAN("EOF"));
    *tokens = l.tokens;
    return l.is_full ? ERR_LIMIT : 0;
}
