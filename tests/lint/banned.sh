#!/usr/bin/env bash
# banned.sh - functions that this code does without. The heap is lib/base/mem.c's; text is made by buf, span and snprintf.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

functions='malloc|calloc|realloc|free|strcpy|strcat|sprintf|vsprintf|atoi|atol|atof|strtok|gets|alloca|setjmp|longjmp|localtime'
# a call: not part of a longer name, not a member, not inside a comment's line
found=$(grep -rnE "(^|[^A-Za-z0-9_.>])($functions)[[:space:]]*\(" --include='*.c' --include='*.h' --include='*.cc' \
    lib storage promql web cmd 2>/dev/null | grep -v '^lib/base/mem\.c:' | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' |
    grep -v 'banned-ok:')
page=$(grep -rnE 'innerHTML|outerHTML|document\.write|eval\(' web/ui --include='*.js' --include='*.html' --include='*.ts' \
    --include='*.tsx' 2>/dev/null | grep -v node_modules)

[ -z "$found$page" ] && echo "no banned call" && exit 0
printf '%s\n' "$found" "$page" | grep -v '^$'
echo "banned calls found (a line that must have one says why: banned-ok: REASON)"
exit 1
