// The page: asks /api/v1/query and shows the answer as a table. Text enters the page as textContent only.
"use strict";

const MAX_ROWS = 10000;
const byId = (id) => document.getElementById(id);

function show(element, visible) {
  element.hidden = !visible;
}

function seriesText(metric) {
  const pairs = Object.entries(metric).filter(([name]) => name !== "__name__");
  const labels = pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ");
  return (metric.__name__ || "") + (labels || !metric.__name__ ? `{${labels}}` : "");
}

function pointText([time, value]) {
  return `${value} @${time}`;
}

// [series, value] rows of any result type
function rowsOf(data) {
  switch (data.resultType) {
    case "vector": return data.result.map((row) => [seriesText(row.metric), row.value[1]]);
    case "matrix": return data.result.map((row) => [seriesText(row.metric), row.values.map(pointText).join("\n")]);
    default: return [[data.resultType, data.result[1]]];
  }
}

function showRows(rows) {
  const body = byId("result").tBodies[0];
  body.replaceChildren();
  for (const row of rows.slice(0, MAX_ROWS)) {
    const line = body.insertRow();
    for (const text of row) line.insertCell().textContent = text;
  }
  show(byId("result"), rows.length > 0);
}

function showWarnings(texts) {
  byId("warnings").replaceChildren(...texts.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  show(byId("warnings"), texts.length > 0);
}

function showError(text) {
  byId("error").textContent = text;
  show(byId("error"), text !== "");
}

function clear(note) {
  byId("note").textContent = note;
  showError("");
  showWarnings([]);
  showRows([]);
}

async function ask(expression, time) {
  const form = new URLSearchParams({ query: expression });
  if (time) form.set("time", String(new Date(time).getTime() / 1000));
  const answer = await fetch("api/v1/query", { method: "POST", body: form });
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return { status: "error", errorType: `HTTP ${answer.status}`, error: text };
  }
}

function showAnswer(answer, milliseconds) {
  clear("");
  showWarnings([...(answer.warnings || []), ...(answer.infos || [])]);
  if (answer.status !== "success") {
    showError(`${answer.errorType}: ${answer.error}`);
    return;
  }
  const rows = rowsOf(answer.data);
  const cut = rows.length > MAX_ROWS ? `, the first ${MAX_ROWS} shown` : "";
  byId("note").textContent = `${rows.length} rows${cut}, ${milliseconds} ms`;
  showRows(rows);
}

async function execute(event) {
  event.preventDefault();
  const expression = byId("expression").value.trim();
  const time = byId("time").value;
  if (!expression) return;
  const begin = performance.now();
  byId("execute").disabled = true;
  clear("asking ...");
  history.replaceState(null, "", `?${new URLSearchParams({ "g0.expr": expression })}`);
  try {
    showAnswer(await ask(expression, time), Math.round(performance.now() - begin));
  } catch (error) {
    clear("");
    showError(`no answer: ${error.message}`);
  }
  byId("execute").disabled = false;
}

byId("ask").addEventListener("submit", execute);
byId("expression").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) execute(event);
});
const given = new URLSearchParams(location.search).get("g0.expr");
if (given) {
  byId("expression").value = given;
  byId("ask").requestSubmit();
}
