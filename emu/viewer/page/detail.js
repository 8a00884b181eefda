// The detail pane: one event with everything that is known of it, and what it is connected with.

const REGISTERS = ["rdi", "rsi", "rdx", "r10", "r8", "r9"];

const MEANINGS = { network: "sockets", memory: "memory", signal: "signals", process: "processes, threads", file: "files by path", desc: "descriptors", clock: "clocks", other: "futex and others" };

class Detail {
  constructor(trace, root, actions) {
    this.trace = trace;
    this.root = root;
    this.actions = actions;
    this.asked = 0;
    this.nothing();
  }

  nothing() {
    const item = (words, attributes) => make("li", attributes, make("i", { "aria-hidden": "true" }), make("span", {}, words));
    const classes = CATEGORIES.map((name, at) => item(MEANINGS[name], { "data-category": at }));
    this.root.replaceChildren(
      make("p", { class: "hint" }, "Choose a call in the list or in the lanes to see its arguments, its payload and where it was made."),
      make("ul", { class: "legend", "aria-label": "Colours" }, ...classes, item("waiting", { class: "waiting" }), item("failed", { class: "failing" })),
      make("p", { class: "hint" }, "Press ", make("kbd", {}, "?"), " for the keys and the words of filters."));
  }

  async show(i) {
    if (i < 0) return this.nothing();
    const asked = ++this.asked;
    const details = await this.trace.detailsOf(i);
    if (asked !== this.asked) return; // another was chosen meanwhile
    const parts = this.trace.isCall(i) ? this.call(i, details) : this.event(i, details);
    this.root.replaceChildren(...parts.filter(Boolean));
    this.root.scrollTop = 0;
    this.root.dataset.event = i;
  }

  section(title, ...children) {
    return make("section", {}, make("h3", {}, title), ...children);
  }

  facts(rows) {
    const list = make("dl", { class: "facts" });
    for (const [name, value, kind] of rows) if (value !== null && value !== undefined && value !== "") list.append(make("dt", {}, name), make("dd", { class: kind }, value));
    return list;
  }

  event(i, details) {
    const rows = Object.entries(details).filter(([name]) => name !== "event").map(([name, value]) => [name, plain(typeof value === "object" ? written(value) : value)]);
    return [make("h2", {}, plain(this.trace.nameOf(i).slice(0, 80).replaceAll("_", " "))), make("p", { class: "when" }, `at ${seconds(this.trace.time[i])} s`), this.facts(rows), this.source(i, details)];
  }

  call(i, details) {
    const trace = this.trace, error = trace.errorOf(i);
    const title = make("h2", {}, make("b", { "data-category": trace.category[trace.name[i]] }, trace.nameOf(i)), make("span", { class: "number" }, `#${trace.sequence[i]}`));
    const ending = trace.unfinished(i) ? "still going on when the trace ended" : trace.neverReturns(i) ? "does not return" : plain(trace.resultText(i));
    return [
      title,
      this.facts([
        ["result", ending, error ? "bad" : "good"],
        ["thread", plain(`${trace.tid[i]} of process ${trace.pid[i]} ${trace.program(trace.pid[i], trace.time[i])}`.trim())],
        ["began", `${seconds(trace.time[i], 9)} s`],
        ["took", this.took(i)],
        ["ended by", this.actions.origin(i) && plain(this.actions.origin(i))],
      ]),
      this.links(i),
      this.arguments(i, details),
      ...this.payloads(i, details),
      this.source(i, details),
      this.stack(details),
      this.registers(i, details),
      this.rest(details),
    ];
  }

  took(i) {
    const { duration, blocked } = this.trace;
    const bar = make("span", { class: "meter", "aria-hidden": "true" }, make("i", {}));
    bar.firstChild.style.width = `${duration[i] ? (100 * (duration[i] - blocked[i])) / duration[i] : 0}%`;
    const words = blocked[i] ? `${span(duration[i])}, of which ${span(blocked[i])} waiting` : span(duration[i]);
    return make("span", {}, words, blocked[i] ? bar : "");
  }

  // What woke this call, what it woke, and the descriptors it is about.
  links(i) {
    const items = [];
    const to = (text, event, kind) => make("button", { type: "button", class: "link", onclick: () => this.actions.choose(event) }, make("span", { class: "arrow", "aria-hidden": "true" }, kind), text);
    const before = this.actions.wakers(i);
    for (const [event, kind, woke] of before.slice(0, 8)) items.push(to(`${woke ? "woken by" : "after"} ${this.actions.brief(event)} (${kind})`, event, "↖"));
    if (before.length > 8) items.push(make("span", { class: "more" }, `and ${before.length - 8} more`));
    const woken = this.actions.woken(i);
    for (const [event, kind, woke] of woken.slice(0, 12)) items.push(to(`${woke ? "wakes" : "before"} ${this.actions.brief(event)} (${kind})`, event, "↘"));
    if (woken.length > 12) items.push(make("span", { class: "more" }, `and ${woken.length - 12} more`));
    for (const [object, text] of this.actions.objects(i))
      items.push(make("button", { type: "button", class: "link", onclick: () => this.actions.life(object) }, make("span", { class: "arrow", "aria-hidden": "true" }, "⟷"), `life of ${plain(text)}`));
    return items.length ? make("div", { class: "links" }, ...items) : null;
  }

  arguments(i, details) {
    const { names, texts } = this.trace.argumentsOf(i);
    if (!names.length) return null;
    const rows = names.map((name, at) => {
      const value = details.args?.[name];
      const deep = value !== null && typeof value === "object" && !("bytes" in value && "size" in value) && written(value).length > 40;
      return [name, make("div", {}, make("code", {}, plain(texts[at] ?? "") || "not used"), deep ? this.tree(value) : "")];
    });
    return this.section("Arguments", this.facts(rows));
  }

  tree(value) {
    return make("details", { class: "tree" }, make("summary", {}, "by member"), make("pre", {}, written(value, 2)));
  }

  // The buffers among the arguments, those inside structures included.
  payloads(i, details) {
    const found = [], known = this.trace.words.bytes, name = this.trace.nameOf(i);
    const bytes = Object.hasOwn(known, name) ? known[name] : [];
    const visit = (name, value, depth) => {
      if (depth > 6 || found.length >= 16) return;
      if (typeof value === "string") { if (this.isData(bytes, name, value)) found.push([name, value, value.length]); }
      else if (Array.isArray(value)) value.forEach((item, at) => visit(`${name}[${at}]`, item, depth + 1));
      else if (value !== null && typeof value === "object") {
        if (typeof value.bytes === "string" && "size" in value) found.push([name, value.bytes, Number(value.size)]);
        else for (const [member, item] of Object.entries(value)) visit(`${name}.${member}`, item, depth + 1);
      }
    };
    for (const [name, value] of Object.entries(details.args ?? {})) visit(name, value, 0);
    return found.map(([name, data, size]) => this.dump(`Payload ${name}`, data, size));
  }

  // Whether text stands for bytes: by the declared type of its argument, or by its member's name.
  isData(bytes, name, value) {
    const [argument, ...members] = name.split(/[.[]/);
    return value.length > 0 && (members.length ? this.trace.words.byte_members.includes(members.at(-1)) : bytes.includes(argument));
  }

  dump(title, data, size) {
    const more = size > data.length ? `${data.length} of ${count(size, "byte")} are in the trace` : count(size, "byte");
    return this.section(title, make("p", { class: "more" }, more), dump(data));
  }

  source(i, details) {
    const place = this.trace.placeOf(i);
    if (!place) return null;
    const words = [place.function, place.file ? `${place.file}:${place.line}` : "", place.pc].filter(Boolean).map((word) => plain(word)).join("  ·  ");
    return this.section("Place", make("p", { class: "place" }, words), this.excerpt(place.file, place.line));
  }

  excerpt(file, line) {
    const lines = Object.hasOwn(this.trace.files, file) ? this.trace.files[file] : null;
    if (!lines) return null;
    const pre = make("pre", { class: "source", tabindex: "0" });
    for (let at = line - 4; at <= line + 4; at++) {
      if (!Object.hasOwn(lines, at)) continue;
      pre.append(make("span", { class: at === line ? "here" : "", "aria-current": at === line ? "true" : null }, make("span", { class: "at" }, String(at).padStart(4)), `  ${plain(lines[at].replaceAll("\t", "    "))}\n`));
    }
    return pre;
  }

  stack(details) {
    if (!Array.isArray(details.stack) || !details.stack.length) return null;
    const list = make("ol", { class: "stack" });
    details.stack.forEach((frame, at) => {
      const where = frame.file ? `${frame.file}:${frame.line}` : typeof frame.pc === "number" ? `0x${frame.pc.toString(16)}` : "";
      const excerpt = at && frame.file ? this.excerpt(frame.file, frame.line) : null;
      const words = [make("b", {}, plain(frame.function || "?")), make("span", { class: "where" }, plain(where))];
      list.append(make("li", {}, excerpt ? make("details", {}, make("summary", {}, ...words), excerpt) : make("div", {}, ...words)));
    });
    return this.section("Stack, innermost first", list);
  }

  registers(i, details) {
    if (!details.registers) return null;
    const table = make("dl", { class: "registers" });
    details.registers.forEach((value, at) => table.append(make("div", {}, make("dt", {}, REGISTERS[at]), make("dd", {}, value.padStart(16, "0")))));
    table.append(make("div", {}, make("dt", {}, "rax"), make("dd", {}, this.trace.number[i].toString(16).padStart(16, "0"))));
    return this.section("Registers at entry", table);
  }

  // What a newer emu has written and this page does not know.
  rest(details) {
    const rows = Object.entries(details).filter(([name]) => !["args", "registers", "stack"].includes(name)).map(([name, value]) => [name, plain(written(value))]);
    return rows.length ? this.section("More", this.facts(rows)) : null;
  }
}
