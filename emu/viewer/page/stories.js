// What connects calls: who woke whom, the life of a descriptor, the conversation on a connection.

class Stories {
  constructor(trace, root, actions) {
    this.trace = trace;
    this.root = root;
    this.actions = actions;
    this.lives = new Map();
    this.into = new Map();
    this.from = new Map();
    this.edges = [];
    this.origins = new Map();
  }

  async load() {
    const told = JSON.parse(await unpacked("stories"), revived);
    const rowOf = (sequence) => this.trace.rowOf.get(sequence);
    told.edges.source.forEach((sequence, at) => {
      const source = rowOf(sequence), target = rowOf(told.edges.target[at]), kind = told.edges.kinds[told.edges.kind[at]];
      if (source === undefined || target === undefined) return;
      const woke = Boolean(told.edges.woke[at]) && this.trace.blocked[target] > 0;
      this.edges.push([source, target, kind]);
      if (!this.into.has(target)) this.into.set(target, []);
      if (!this.from.has(source)) this.from.set(source, []);
      this.into.get(target)[woke ? "unshift" : "push"]([source, kind, woke]);
      this.from.get(source).push([target, kind, woke]);
    });
    told.origins.call.forEach((sequence, at) => this.origins.set(rowOf(sequence), told.origins.texts[told.origins.text[at]]));
    for (const life of told.lives) this.lives.set(life.object, { ...life, calls: life.calls.map(rowOf).filter((row) => row !== undefined) });
    this.conversations = told.conversations;
  }

  wakers(i) { return this.into.get(i) ?? []; }
  woken(i) { return this.from.get(i) ?? []; }

  // The open file descriptions that a call is about, each with what it was then.
  objects(i) {
    const found = new Map();
    const [texts, numbers] = this.trace.fdsOf(i);
    for (const [name, number] of Object.entries(numbers)) {
      if (number !== null && typeof number === "object") for (const [fd, one] of Object.entries(number)) found.set(one, `${fd} ${texts[name]?.[fd] ?? ""}`);
      else if (number !== null) found.set(number, texts[name] ?? "");
    }
    return [...found].filter(([number]) => this.lives.has(number));
  }

  // The life of an open file description, in the detail pane.
  show(object, back) {
    const life = this.lives.get(object), trace = this.trace;
    const head = make("h2", {}, plain(life.kind || "descriptor"), make("span", { class: "number" }, `open file ${object}`));
    const step = (event, missing) => (event === undefined ? missing : this.link(event));
    const rows = [
      ["numbers", life.fds.join(", ")],
      ["opened", step(trace.rowOf.get(life.opened), life.opened === null ? "before the trace began" : "not in this page")],
      ["closed", step(trace.rowOf.get(life.closed), life.closed !== null || trace.partial ? "not in this page" : "never: open until the end"), life.closed === null && !trace.partial ? "open" : ""],
      ["calls", life.calls.length.toLocaleString("en")],
    ];
    const facts = make("dl", { class: "facts" });
    for (const [name, value, kind] of rows) facts.append(make("dt", {}, name), make("dd", { class: kind || null }, value));
    const buttons = make("div", { class: "links row-links" },
      back >= 0 ? make("button", { type: "button", class: "link", onclick: () => this.actions.choose(back) }, `← back to ${this.actions.brief(back)}`) : "",
      make("button", { type: "button", class: "link", onclick: () => this.actions.filter(`object=${object}`) }, "only its calls in the list"));
    this.root.replaceChildren(head, buttons, facts, ...this.talk(object), this.calls(life));
    this.root.scrollTop = 0;
    this.root.dataset.life = object;
  }

  link(event) {
    return make("button", { type: "button", class: "link", onclick: () => this.actions.choose(event) }, this.actions.brief(event));
  }

  calls(life) {
    const most = 400, list = make("ol", { class: "calls" });
    for (const i of life.calls.slice(0, most)) {
      const what = Object.values(this.trace.fdsOf(i)[0]).find((text) => typeof text === "string") ?? "";
      const text = `${this.trace.nameOf(i)}(${this.trace.callText(i).replace(`<${what}>`, "")})`;
      list.append(make("li", { class: this.trace.errorOf(i) ? "failed" : null }, make("button", { type: "button", class: "call", onclick: () => this.actions.choose(i) },
        make("span", { class: "c-time" }, seconds(this.trace.time[i])), make("span", { class: "text" }, plain(text.slice(0, 200))), make("span", { class: "c-result" }, this.trace.unfinished(i) ? "…" : plain(short(this.trace, i))))));
    }
    const more = life.calls.length > most ? make("p", { class: "more" }, `and ${(life.calls.length - most).toLocaleString("en")} more: show them in the list`) : "";
    return make("section", {}, make("h3", {}, "Its calls"), list, more);
  }

  talk(object) {
    const messages = this.conversations[object];
    if (!messages?.length) return [];
    const list = make("ol", { class: "talk", "aria-label": "Conversation" });
    for (const message of messages) list.append(this.message(message));
    return [make("section", {}, make("h3", {}, "Conversation"), list)];
  }

  message({ sequence, time, incoming, kind, summary, detail, data, truncated }) {
    const row = this.trace.rowOf.get(sequence);
    const head = make("div", { class: "message-head" },
      make("span", { class: "direction" }, incoming ? "← received" : "→ sent"), make("span", { class: "kind" }, kind),
      make("span", { class: "c-time" }, `${seconds(time)} s`),
      row === undefined ? "" : make("button", { type: "button", class: "link", title: "Go to the call", onclick: () => this.actions.choose(row) }, `#${sequence}`));
    const item = make("li", { class: `${incoming ? "in" : "out"} ${["end", "error"].includes(kind) ? kind : "said"}` }, head, make("p", { class: "summary" }, plain(summary)));
    if (truncated) item.append(make("p", { class: "more" }, "The trace holds only a part of these bytes."));
    if (detail) item.append(make("details", {}, make("summary", {}, "decoded"), make("pre", { class: "source" }, detail.split(/\r?\n/).map(plain).join("\n"))));
    if (data) {
      const box = make("details", {}, make("summary", {}, `bytes (${data.length.toLocaleString("en")})`));
      box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(dump(data)); });
      item.append(box);
    }
    return item;
  }
}

// Payload as offsets, hexadecimal and text.
function dump(data) {
  const pre = make("pre", { class: "hex", tabindex: "0" });
  const wide = document.getElementById("detail").clientWidth > 560 ? 16 : 8;
  for (const [at, hex, text] of hexdump(data, wide)) pre.append(make("span", { class: "at" }, at), `  ${hex} `, make("span", { class: "text" }, text), "\n");
  return pre;
}
