// editor.tsx - the expression field: CodeMirror with PromQL's grammar, completion from the server, and linting.
//
// It lives in a shadow root, where CodeMirror uses constructable style sheets: the page's policy forbids inline styles.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion, type CompletionContext } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, highlightSpecialChars, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { newCompleteStrategy, PromQLExtension } from "@prometheus-io/codemirror-promql";
import { useEffect, useRef } from "preact/hooks";

import { completionClient, NAMES_MAX, switchedOff } from "./client.ts";

const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier], color: "var(--code-keyword)", fontWeight: "600" },
  { tag: [tags.function(tags.variableName), tags.standard(tags.variableName)], color: "var(--code-function)" },
  { tag: tags.labelName, color: "var(--code-label)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: [tags.number, tags.constant(tags.variableName)], color: "var(--code-number)" },
  { tag: tags.operator, color: "var(--code-keyword)" },
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
]);

const LOOK = EditorView.theme({
  "&": { color: "var(--text)", fontSize: "14px" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--mono)", padding: "9px 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 12px" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-placeholder": { color: "var(--quiet)" },
  ".cm-scroller": { lineHeight: "1.5", maxHeight: "40vh", overflow: "auto" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": { background: "var(--selection)" },
  ".cm-matchingBracket": { background: "var(--selection) !important", color: "inherit" },
  ".cm-tooltip": { background: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "var(--shadow)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "13px", maxHeight: "300px", maxWidth: "min(700px, 90vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 10px", lineHeight: "1.5" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionDetail": { color: "var(--quiet)", fontStyle: "normal", float: "right", marginLeft: "2em" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionIcon": { display: "none" },
  ".cm-tooltip.cm-completionInfo": { padding: "8px 12px", maxWidth: "360px", fontFamily: "var(--sans)", fontSize: "13px", lineHeight: "1.45" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", fontSize: "13px", padding: "6px 10px" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
});

const DATA = new Set(["constant", "text"]); // types of what comes from the data: names and values
const strategy = newCompleteStrategy({ remote: completionClient, maxMetricsMetadata: NAMES_MAX });

/** An answer that was cut is asked again with every letter; others are narrowed here. What is switched off is not offered. */
const searching = {
  async promQL(context: CompletionContext) {
    const [result, off] = await Promise.all([strategy.promQL(context), switchedOff()]);
    if (!result) return null;
    const options = result.options.filter(({ label, type }) => DATA.has(type ?? "") || !off.has(label));
    return { ...result, options, validFor: result.options.length >= NAMES_MAX ? undefined : result.validFor };
  },
};

/** Chromium itself would type over a selection with inline styles, which the page's policy forbids, loudly. */
const typingOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    const text = event.data;
    if (event.inputType !== "insertText" || text === null || empty || event.isComposing) return false;
    event.preventDefault();
    const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: "input.type", scrollIntoView: true });
    if (!view.state.facet(EditorView.inputHandler).some((handle) => handle(view, from, to, text, insert))) view.dispatch(insert());
    return true;
  },
});

function extensions(onRun: () => void, onChange: (text: string) => void) {
  const promql = new PromQLExtension().setComplete({ completeStrategy: searching });
  return [
    highlightSpecialChars(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(),
    autocompletion({ maxRenderedOptions: 100, icons: false }), EditorView.lineWrapping,
    syntaxHighlighting(COLOURS), LOOK, typingOver, promql.asExtension(),
    placeholder("Expression (Enter runs it, Shift+Enter begins a line, Ctrl+Space completes)"),
    EditorView.contentAttributes.of({ "aria-label": "Expression", spellcheck: "false", autocapitalize: "off" }),
    Prec.highest(keymap.of([
      { key: "Enter", run: (view) => { if (acceptCompletion(view)) return true; onRun(); return true; } },
      { key: "Mod-Enter", run: () => { onRun(); return true; } },
      { key: "Shift-Enter", run: insertNewlineAndIndent },
      { key: "Tab", run: acceptCompletion },
      { key: "Ctrl-Space", run: startCompletion },
    ])),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
    EditorView.updateListener.of((update) => { if (update.docChanged) onChange(update.state.doc.toString()); }),
  ];
}

/** A text that somebody else than the typist put there; a new object each time, so that the same text can be put again. */
export interface Given { text: string }

export function Editor({ given, onChange, onRun, focus }: { given: Given; onChange: (text: string) => void; onRun: () => void; focus?: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const calls = useRef({ onChange, onRun });
  calls.current = { onChange, onRun };
  useEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: "open" });
    const state = EditorState.create({ doc: given.text, extensions: extensions(() => calls.current.onRun(), (next) => calls.current.onChange(next)) });
    view.current = new EditorView({ state, parent: root, root });
    if (focus) view.current.focus();
    return () => view.current?.destroy();
  }, []);
  useEffect(() => {
    const editor = view.current;
    const { text } = given;
    if (editor && editor.state.doc.toString() !== text)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text }, selection: { anchor: text.length } });
  }, [given]);
  return <div class="editor" ref={host} />;
}
