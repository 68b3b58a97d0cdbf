// The SQL console: Ctrl+Enter runs, a click on a column inserts its name, an error's place is selected, an unsent statement is kept.

const editor = document.querySelector("[data-editor]");
const form = editor?.form;
const key = "privyseal.sql";

function fit() {
  editor.rows = Math.min(Math.max(editor.value.split("\n").length + 1, 8), 28);
}

if (editor) {
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing) {
      // The next line starts where this one does.
      const before = editor.value.slice(0, editor.selectionStart);
      const indent = /[^\n]*$/.exec(before)[0].match(/^[ \t]*/)[0];
      if (indent) { event.preventDefault(); insert("\n" + indent); }
    }
  });
  editor.addEventListener("input", () => { fit(); keep(editor.value); });
  form.addEventListener("submit", () => keep(""));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (button) { editor.focus(); insert(button.dataset.insert); }
  });
  if (!editor.value.trim()) editor.value = kept();
  const offset = Number(editor.dataset.offset);
  if (Number.isInteger(offset) && editor.dataset.offset) {
    const word = /^\w+/.exec(editor.value.slice(offset))?.[0].length ?? 1;
    editor.focus();
    editor.setSelectionRange(offset, offset + word);
  }
  fit();
}

// Keeps the browser's own undo, which setting `value` would lose.
function insert(text) {
  if (!document.execCommand("insertText", false, text)) editor.setRangeText(text, editor.selectionStart, editor.selectionEnd, "end");
  fit();
}
function keep(text) { try { sessionStorage.setItem(key, text); } catch { /* not kept */ } }
function kept() { try { return sessionStorage.getItem(key) ?? ""; } catch { return ""; } }
