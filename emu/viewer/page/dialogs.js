// The two dialogs: the summary of all calls, and the help on keys and filters.

const KEYS = [
  ["↑ ↓", "previous and next call; Page Up, Page Down, Home, End too"],
  ["Enter", "details of the call; Esc goes back to the list"],
  ["/", "search; n and N go to the next and the previous place"],
  ["f", "filter"],
  ["w", "jump to what woke this call; W to what it woke"],
  ["d", "the life of its descriptor, with the conversation on it"],
  ["[ ]", "previous and next call of the same thread"],
  ["e E", "next and previous failed call"],
  ["← →", "earlier and later in the lanes"],
  ["+ −", "zoom the lanes in and out (or the wheel); 0 shows the whole run"],
  ["z", "zoom to the call; t filters to the time shown"],
  ["s", "summary; ? this help"],
];
const EXAMPLES = [
  ["trace=%network,!close", "calls of a class, by name, by /regular expression/; ! takes away"],
  ["status=failed", "also successful, unfinished, or names: status=EAGAIN,EINTR"],
  ["fd=7", "on this number; object=5 on this open file, whatever its numbers"],
  ["thread=2", "the second thread, or a number as in the list: thread=1003"],
  ["pid=1001", "a process; pid=sh the processes while they run that program"],
  ["time=0.5..2s", "going on at that time; also duration=10ms.. and blocked=1s.."],
  ["path=/tmp/x", "on this path, or below path=/tmp/"],
  ["where=\"name == 'sendto' and ret < 0\"", "an expression over the members of a call"],
];

function opened(id, title, ...content) {
  const dialog = document.getElementById(id);
  dialog.tabIndex = -1;
  dialog.replaceChildren(make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×"), make("h2", { id: `${id}-title` }, title), ...content);
  if (!dialog.open) dialog.showModal();
  dialog.focus();
  return dialog;
}

function showHelp(words) {
  const keys = make("dl", { class: "keys" });
  for (const [key, meaning] of KEYS) keys.append(make("dt", {}, ...key.split(" ").flatMap((one) => [make("kbd", {}, one), " "])), make("dd", {}, meaning));
  const filters = make("dl", { class: "keys wide" });
  for (const [example, meaning] of EXAMPLES) filters.append(make("dt", {}, make("code", {}, example)), make("dd", {}, meaning));
  const members = make("dl", { class: "keys" });
  for (const [name, meaning] of Object.entries({ ...words.fields, ...Object.fromEntries(Object.entries(words.spaces).map(([name, meaning]) => [`${name}.NAME`, meaning])) })) members.append(make("dt", {}, make("code", {}, name)), make("dd", {}, meaning));
  const classes = make("p", { class: "more" }, `Classes: ${Object.keys(words.classes).map((name) => `%${name}`).join(" ")}`);
  opened("help", "Keys and filters", make("h3", {}, "Keys"), keys, make("h3", {}, "Filters (as for emu trace -e)"), filters, classes, make("details", {}, make("summary", {}, "Members for where=\"...\""), members));
}

const COLUMNS = ["calls", "errors", "total", "self", "waited", "p50", "p95", "max", "bytes"];

// The summary: by call, by thread, and the open files, each a table sorted by the column that is pressed.
function showSummary(trace, lives, actions) {
  const views = { "by call": () => table(trace.summary.call, "call", (name) => actions.filter(`trace=${name}`)), "by thread": () => table(trace.summary.thread, "thread", (name) => actions.filter(`thread=${name}`)), ...(trace.processes.length ? { "by process": () => table(trace.summary.process, "process", (name) => actions.filter(`pid=${Number.parseInt(name, 10)}`)), processes: () => family(trace, actions) } : {}), "open files": () => files(lives, trace.partial, actions) };
  const tabs = make("div", { class: "tabs", role: "tablist" }), body = make("div", { class: "tab-body", role: "tabpanel" });
  const choose = (name) => {
    for (const tab of tabs.children) tab.setAttribute("aria-selected", tab.textContent === name);
    body.replaceChildren(views[name]());
  };
  for (const name of Object.keys(views)) tabs.append(make("button", { type: "button", role: "tab", onclick: () => choose(name) }, name));
  opened("summary", "Summary", tabs, body);
  choose("by call");
}

function table(rows, first, press, sort = 3) {
  const head = make("tr", {}, make("th", { scope: "col" }, first));
  COLUMNS.forEach((name, at) => head.append(make("th", { scope: "col", "aria-sort": at === sort ? "descending" : null }, make("button", { type: "button", class: "sort", onclick: (event) => event.target.closest("table").replaceWith(table(rows, first, press, at)) }, name))));
  const most = Math.max(...rows.map((row) => row[sort + 1]), 1), body = make("tbody", {});
  for (const row of [...rows].sort((a, b) => b[sort + 1] - a[sort + 1])) {
    const line = make("tr", {}, make("td", {}, make("button", { type: "button", class: "link", onclick: () => { document.getElementById("summary").close(); press(row[0]); } }, plain(row[0]))));
    row.slice(1).forEach((value, at) => {
      const cell = make("td", { class: at === 1 && value ? "bad" : at === sort ? "sorted" : null }, !value ? "" : at >= 2 && at <= 7 ? span(value) : value.toLocaleString("en"));
      if (at === sort) cell.style.setProperty("--share", `${(100 * value) / most}%`);
      line.append(cell);
    });
    body.append(line);
  }
  return make("table", {}, make("thead", {}, head), body);
}

// The tree of the processes: who made whom, what each ran, how it ended.
function family(trace, actions) {
  const body = make("tbody", {});
  for (const process of trace.processes) {
    const name = make("button", { type: "button", class: "link", onclick: () => { document.getElementById("summary").close(); actions.filter(`pid=${process.pid}`); } }, plain(`${process.pid} ${process.name}`));
    const cell = make("td", {}, process.depth ? `${"\u00a0\u00a0".repeat(Math.min(process.depth, 9) - 1)}└ ` : "", name);
    const end = process.ending || "running at the end";
    body.append(make("tr", {}, cell, make("td", {}, plain(process.argv.join(" ").slice(0, 80))), make("td", {}, process.started === null ? "" : `${seconds(process.started)} s`),
      make("td", {}, span((process.ended ?? trace.end) - (process.started ?? 0))), make("td", {}, process.calls.toLocaleString("en")), make("td", { class: process.bad ? "bad" : null }, process.zombie ? `${end}; nobody waited for it` : end)));
  }
  return make("table", { class: "family" }, make("thead", {}, make("tr", {}, ...["process", "arguments", "started", "lived", "calls", "end"].map((name) => make("th", { scope: "col" }, name)))), body);
}

function files(lives, partial, actions) {
  const body = make("tbody", {}), most = 1000;
  for (const life of [...lives.values()].slice(0, most))
    body.append(make("tr", {}, make("td", {}, make("button", { type: "button", class: "link", onclick: () => { document.getElementById("summary").close(); actions.life(life.object); } }, plain(life.kind || `open file ${life.object}`))),
      make("td", {}, life.fds.join(", ")), make("td", {}, life.calls.length.toLocaleString("en")), make("td", { class: life.closed === null && !partial ? "open" : null }, life.closed !== null ? "closed" : partial ? "" : "open at the end")));
  if (!lives.size) return make("p", { class: "more" }, "This trace does not tell open files apart.");
  const more = lives.size > most ? make("caption", {}, `the first ${most} of ${lives.size.toLocaleString("en")}`) : "";
  return make("table", {}, more, make("thead", {}, make("tr", {}, ...["what", "numbers", "calls", "end"].map((name) => make("th", { scope: "col" }, name)))), body);
}
