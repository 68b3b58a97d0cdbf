// The SQL console: Ctrl+Enter runs, Escape or the button gives up, names complete while one types, a click inserts one, parameters get
// fields, an error's place is selected, an unsent statement is kept.

const editor = document.querySelector("[data-editor]");
const form = editor?.form;
const key = "privyseal.sql";

function fit() {
  editor.rows = Math.min(Math.max(editor.value.split("\n").length + 1, 8), 28);
  // Long lines take several.
  while (editor.rows < 28 && editor.scrollHeight > editor.clientHeight) editor.rows += 1;
}

if (editor) {
  editor.addEventListener("keydown", (event) => {
    if (complete(event)) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(document.querySelector("[data-run]"));
    } else if (event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing) {
      // The next line starts where this one does.
      const before = editor.value.slice(0, editor.selectionStart);
      const indent = /[^\n]*$/.exec(before)[0].match(/^[ \t]*/)[0];
      if (indent) { event.preventDefault(); insert("\n" + indent); }
    }
  });
  editor.addEventListener("input", (event) => { fit(); keep(editor.value); parameters(); if (event.isTrusted) suggest(false); });
  editor.addEventListener("blur", close);
  editor.addEventListener("click", close);
  editor.addEventListener("scroll", close);
  window.addEventListener("resize", () => { if (!list.hidden) place(); });
  form.addEventListener("submit", () => keep(""));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (button) { editor.focus(); insert(button.dataset.insert); close(); }
  });
  if (!editor.value.trim()) { editor.value = kept(); parameters(); }
  const offset = Number(editor.dataset.offset);
  if (Number.isInteger(offset) && editor.dataset.offset) {
    const word = /^\w+/.exec(editor.value.slice(offset))?.[0].length ?? 1;
    editor.focus();
    editor.setSelectionRange(offset, offset + word);
  }
  fit();
  running();
  filter();
}

// Keeps the browser's own undo, which setting `value` would lose.
function insert(text) {
  if (!document.execCommand("insertText", false, text)) editor.setRangeText(text, editor.selectionStart, editor.selectionEnd, "end");
  fit();
}
function keep(text) { try { sessionStorage.setItem(key, text); } catch { /* not kept */ } }
function kept() { try { return sessionStorage.getItem(key) ?? ""; } catch { return ""; } }

// Running ------------------------------------------------------------------------------------------------------------

// Giving up breaks the connection off, and the server ends a statement whose connection is gone.
function running() {
  const [run, cancel] = [form.querySelector("[data-run]"), form.querySelector("[data-cancel]")];
  const busy = (is) => { run.setAttribute("aria-busy", is); cancel.hidden = !is; };
  form.addEventListener("submit", () => busy(true));
  cancel.addEventListener("click", () => { window.stop(); busy(false); keep(editor.value); editor.focus(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !cancel.hidden && !event.defaultPrevented) { event.preventDefault(); cancel.click(); }
  });
  // A page that comes back out of the browser's memory runs nothing.
  window.addEventListener("pageshow", () => busy(false));
}

// Parameters ---------------------------------------------------------------------------------------------------------

// Texts, names and remarks without what stands in them, at their length.
function bare(text) {
  return text.replace(/'(?:[^']|'')*'?|"(?:[^"]|"")*"?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, (found) => found.replace(/[^\n]/g, " "));
}

const former = new Map();

function parameters() {
  const box = form.querySelector("[data-fields]");
  const wanted = [...new Set([...bare(editor.value).matchAll(/\$([A-Za-z_]\w*)/g)].map((found) => found[1]))];
  for (const field of box.querySelectorAll("[data-field]")) {
    if (!wanted.includes(field.dataset.field)) { former.set(field.dataset.field, field); field.remove(); }
  }
  for (const name of wanted) {
    if (box.querySelector(`[data-field="${name}"]`)) continue;
    box.append(former.get(name) ?? fresh(name));
  }
  box.hidden = !box.children.length;
}

function fresh(name) {
  const field = form.querySelector("[data-field-form]").content.firstElementChild.cloneNode(true);
  field.dataset.field = name;
  field.querySelector("code").textContent = "$" + name;
  field.querySelector("input").name = "p." + name;
  const kind = field.querySelector("select");
  kind.name = "k." + name;
  kind.setAttribute("aria-label", "Type of $" + name);
  return field;
}

// Completion ---------------------------------------------------------------------------------------------------------

const list = document.getElementById("completions");
const words = ("SELECT FROM WHERE GROUP BY ORDER BY HAVING LIMIT OFFSET JOIN LEFT JOIN CROSS JOIN ON USING WITH AS DISTINCT AND OR NOT IN " +
  "EXISTS BETWEEN LIKE ILIKE IS NULL IS NOT NULL CASE WHEN THEN ELSE END UNION ALL INTERSECT EXCEPT ASC DESC NULLS LAST OVER PARTITION BY " +
  "FILTER INTERVAL CAST count( sum( avg( min( max( median( coalesce( date_trunc( date_part( round( lower( upper( length( substr( " +
  "replace( now( row_number( rank( lag( lead( string_agg( array_agg( percentile_cont(")
  .match(/(?:GROUP BY|ORDER BY|LEFT JOIN|CROSS JOIN|IS NOT NULL|IS NULL|UNION ALL|NULLS LAST|PARTITION BY|\S+)/g);
let schema, span, chosen = -1;

function read() {
  if (schema) return schema;
  schema = { tables: new Map(), functions: [] };
  for (const table of document.querySelectorAll("[data-table]")) {
    const columns = [...table.querySelectorAll("[data-column]")].map((column) => ({ name: column.dataset.column, kind: column.dataset.kind }));
    schema.tables.set(table.dataset.table, columns);
  }
  schema.functions = [...document.querySelectorAll("[data-function]")].map((found) => found.dataset.function);
  return schema;
}

// The tables of the statement by the names that they have in it.
function sources(text) {
  const found = new Map();
  for (const [, table, alias] of text.matchAll(/\b(?:from|join)\s+([a-z_]\w*)(?:\s+(?:as\s+)?([a-z_]\w*))?/gi)) {
    const columns = read().tables.get(table.toLowerCase());
    if (!columns) continue;
    found.set(table.toLowerCase(), columns);
    if (alias && !/^(where|on|join|left|right|cross|inner|full|group|order|limit|using|having|union|as)$/i.test(alias)) found.set(alias.toLowerCase(), columns);
  }
  return found;
}

// What can stand at the cursor, the likeliest first.
function candidates(forced) {
  const at = editor.selectionStart;
  if (at !== editor.selectionEnd) return [];
  const text = bare(editor.value), before = text.slice(0, at);
  const typed = /(?:([A-Za-z_]\w*)\.)?([A-Za-z_]\w*)?$/.exec(before);
  const [owner, part] = [typed[1]?.toLowerCase(), (typed[2] ?? "").toLowerCase()];
  // Within a text or a remark the bare text has nothing but blanks.
  if (before.length && before.at(-1) !== editor.value[at - 1]) return [];
  if (!part && !owner && !forced) return [];
  if (/\$\w*$/.test(before)) return [];
  span = [at - part.length, at];
  const named = sources(text);
  const columns = (list, rank) => list.map(({ name, kind }) => ({ name, kind, rank }));
  let all;
  if (owner) {
    all = columns(named.get(owner) ?? read().tables.get(owner) ?? [], 0);
  } else {
    const wantsTable = /\b(from|join)\s+\w*$/i.test(before);
    const tables = [...read().tables.keys()].map((name) => ({ name, kind: "table", rank: wantsTable ? 0 : 3 }));
    if (wantsTable) {
      all = tables;
    } else {
      all = [...new Set(named.values())].flatMap((list) => columns(list, 0));
      all.push(...[...named.keys()].filter((name) => !read().tables.has(name)).map((name) => ({ name, kind: "alias", rank: 1 })));
      all.push(...read().functions.map((name) => ({ name: name + "(", kind: "function", rank: 2 })), ...tables);
      all.push(...words.map((name) => ({ name, kind: name.endsWith("(") ? "function" : "keyword", rank: 4 })));
    }
  }
  const fits = (name) => {
    const lower = name.toLowerCase();
    if (lower.startsWith(part)) return 0;
    return part.length > 1 && lower.includes("_" + part) ? 1 : -1;
  };
  const seen = new Set();
  return all.map((one) => ({ ...one, fit: fits(one.name) }))
    .filter((one) => one.fit >= 0 && one.name.toLowerCase() !== part)
    .sort((a, b) => a.fit - b.fit || a.rank - b.rank || (a.rank === 0 ? 0 : a.name.localeCompare(b.name)))
    .filter((one) => !seen.has(one.name) && seen.add(one.name))
    .slice(0, 40);
}

function suggest(forced) {
  const found = candidates(forced);
  if (!found.length) return close();
  list.replaceChildren(...found.map(({ name, kind }, index) => {
    const option = document.createElement("li");
    const [label, note] = [document.createElement("code"), document.createElement("span")];
    [label.textContent, note.textContent] = [name, kind];
    option.append(label, " ", note);
    option.id = "completion-" + index;
    option.role = "option";
    option.dataset.name = name;
    option.addEventListener("mousedown", (event) => { event.preventDefault(); choose(index); accept(); });
    return option;
  }));
  list.hidden = false;
  place();
  choose(0);
  document.querySelector("[data-completions-status]").textContent = found.length === 1 ? "1 name fits" : found.length + " names fit";
}

function choose(index) {
  chosen = index;
  [...list.children].forEach((option, at) => option.setAttribute("aria-selected", at === index));
  const option = list.children[index];
  option.scrollIntoView({ block: "nearest" });
  editor.setAttribute("aria-controls", "completions");
  editor.setAttribute("aria-activedescendant", option.id);
}

function accept() {
  const name = list.children[chosen].dataset.name;
  close();
  editor.focus();
  editor.setSelectionRange(span[0], span[1]);
  insert(name);
  keep(editor.value);
  close();
}

function close() {
  if (list.hidden) return;
  list.hidden = true;
  list.replaceChildren();
  list.parentElement.replaceChildren(list);
  editor.removeAttribute("aria-activedescendant");
  editor.removeAttribute("aria-controls");
  document.querySelector("[data-completions-status]").textContent = "";
}

// Whether a key was for the list.
function complete(event) {
  if (event.isComposing) return false;
  if (event.key === " " && event.ctrlKey) { event.preventDefault(); suggest(true); return true; }
  if (list.hidden) return false;
  const count = list.children.length, plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
  if (plain && event.key in steps) {
    const step = steps[event.key];
    choose(Math.abs(step) === 1 ? (chosen + step + count) % count : Math.min(Math.max(chosen + step, 0), count - 1));
  } else if (plain && (event.key === "Enter" || event.key === "Tab")) {
    accept();
  } else if (event.key === "Escape") {
    close();
  } else {
    if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) close();
    return false;
  }
  event.preventDefault();
  event.stopPropagation();
  return true;
}

// Puts the list below the cursor: it hangs in an unseen twin of the editor, behind the same text.
function place() {
  const twin = document.querySelector("[data-twin]");
  list.removeAttribute("data-end");
  twin.replaceChildren(editor.value.slice(0, span[0]), list);
  list.toggleAttribute("data-end", list.offsetLeft + list.offsetWidth > twin.clientWidth);
}

// The filter of the side ---------------------------------------------------------------------------------------------

function filter() {
  const box = document.querySelector("[data-filter-box]"), field = document.querySelector("[data-filter]");
  const none = document.querySelector("[data-filter-none]");
  box.hidden = false;
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    let any = false;
    for (const part of document.querySelectorAll("[data-part]")) {
      let some = false;
      for (const item of part.querySelectorAll("[data-item]")) {
        const columns = [...item.querySelectorAll("[data-column]")];
        const named = (item.dataset.table ?? item.dataset.function ?? "").includes(wanted);
        const found = !wanted || item.textContent.toLowerCase().includes(wanted);
        item.hidden = !found;
        some ||= found;
        // Within a table that only holds a match, only what matches.
        const hits = columns.map((column) => column.textContent.toLowerCase().includes(wanted));
        columns.forEach((column, at) => { column.hidden = Boolean(wanted) && !named && hits.includes(true) && !hits[at]; });
      }
      part.hidden = !some;
      any ||= some;
      const fold = part.querySelector(":scope > details");
      if (fold && wanted && some) fold.open = true;
    }
    none.hidden = any;
  });
}
