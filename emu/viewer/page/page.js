// Puts the parts together: one selection, one filter, one search, the keyboard.

class Page {
  constructor(trace) {
    this.trace = trace;
    this.selected = -1;
    this.asked = 0;
    this.hits = null;
    const choose = (event) => this.choose(event), filter = (words) => this.filter(words);
    this.bar = document.getElementById("filter");
    this.searching = document.getElementById("search");
    this.state = document.getElementById("filter-state");
    this.rows = document.getElementById("rows");
    this.pane = document.getElementById("detail");
    this.actions = { choose, filter, brief: (i) => this.brief(i), life: (object) => this.stories.show(object, this.selected), wakers: (i) => this.stories.wakers(i), woken: (i) => this.stories.woken(i), origin: (i) => this.stories.origins.get(i), objects: (i) => this.stories.objects(i) };
    this.list = new List(trace, this.rows, choose);
    this.lanes = new Lanes(trace, choose, (words) => filter(this.bar.value.trim() === words ? "" : words));
    this.stories = new Stories(trace, this.pane, this.actions);
    this.detail = new Detail(trace, this.pane, this.actions);
    this.introduce();
    this.listen();
    this.ready = this.stories.load().then(() => {
      this.lanes.edges = this.stories.edges;
      this.lanes.repaint();
      if (this.selected >= 0) return this.detail.show(this.selected);
    });
    addEventListener("hashchange", () => this.follow());
    this.refresh();
    this.follow();
  }

  // `page.html#77` opens at the call with this number.
  follow() {
    const row = this.trace.rowOf.get(Number(/^#(\d+)$/.exec(location.hash)?.[1] ?? NaN));
    if (row !== undefined) this.choose(row);
  }

  introduce() {
    const { header, threads, calls, failed, end } = this.trace;
    const argv = Array.isArray(header.argv) ? header.argv.map(String) : [];
    const program = document.getElementById("program");
    program.textContent = plain([String(header.program ?? this.trace.source).split("/").pop(), ...argv.slice(1)].join(" "));
    program.title = plain(this.trace.source);
    const started = header.started ? [`started ${new Date(header.started / 1e6).toLocaleString("sv")}`] : [];
    const press = (words, filter, kind) => make("button", { type: "button", class: kind, title: `Only these: ${filter}`, onclick: () => this.filter(filter) }, words);
    const pending = this.trace.pending ? [press(`${this.trace.pending} still going on`, "status=unfinished", "open")] : [];
    const errors = failed ? press(count(failed, "error"), "status=failed", "bad") : make("span", {}, "no errors");
    if (this.trace.processes.length) {
      document.body.classList.add("several");
      document.querySelector("#list-head .c-tid").textContent = "process";
    }
    const processes = this.trace.processes.length ? [`${this.trace.processes.length} processes`] : [];
    const plainly = [...processes, count(threads.length, "thread"), span(end), ...started].map((words) => make("span", {}, words));
    document.getElementById("facts").append(make("span", {}, count(calls, "call")), errors, ...pending, ...plainly);
    const notes = document.getElementById("notes");
    notes.append(...this.trace.notes.map((note) => make("li", {}, plain(note))));
    notes.hidden = !this.trace.notes.length;
  }

  listen() {
    const later = (run) => { let timer = 0; return () => { clearTimeout(timer); timer = setTimeout(run, 120); }; };
    document.getElementById("bar").addEventListener("submit", (event) => event.preventDefault());
    this.bar.addEventListener("input", later(() => this.refresh()));
    this.searching.addEventListener("input", later(() => this.search()));
    document.getElementById("show-help").addEventListener("click", () => showHelp(this.trace.words));
    document.getElementById("show-summary").addEventListener("click", () => this.summary());
    document.addEventListener("keydown", (event) => this.key(event));
    splitter("split-lanes", document.getElementById("lanes"), "height", 1);
    splitter("split-work", this.pane, "width", -1);
  }

  brief(i) { return `${this.trace.nameOf(i)} #${this.trace.sequence[i]} in ${plain(this.trace.who(i))}`; }
  summary() { showSummary(this.trace, this.stories.lives, this.actions); }

  choose(event) {
    if (event === undefined || event < 0) return Promise.resolve();
    this.selected = event;
    this.list.select(event);
    this.lanes.select(event);
    return this.detail.show(event);
  }

  filter(words) {
    this.bar.value = words;
    return this.refresh();
  }

  // Applies what stands in the filter bar. A filter that cannot be understood leaves what is shown.
  async refresh() {
    const asked = ++this.asked, text = this.bar.value;
    try {
      const filter = new Filter(text, this.trace.words);
      const chosen = filter.empty ? null : await chosenBy(filter, this.trace);
      if (asked !== this.asked) return;
      this.wrong(null);
      this.passing(chosen);
      const alone = /^(thread|pid)=\d+$/.exec(text.trim())?.[0];
      document.querySelectorAll(".lane-name").forEach((name, at) => name.setAttribute("aria-pressed", [`thread=${this.trace.threads[at].tid}`, ...(this.trace.threads[at].tid === this.trace.threads[at].pid ? [`pid=${this.trace.threads[at].pid}`] : [])].includes(alone)));
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      if (asked === this.asked) this.wrong(error.message);
    }
  }

  wrong(why) {
    this.bar.setAttribute("aria-invalid", why !== null);
    const place = document.getElementById("filter-error");
    place.textContent = why === null ? "" : plain(why);
    place.hidden = why === null;
  }

  passing(chosen) {
    const { length } = this.trace;
    this.lanes.shown = chosen && new Uint8Array(length);
    if (chosen) for (const i of chosen) this.lanes.shown[i] = 1;
    this.lanes.repaint();
    this.list.show(chosen ?? Uint32Array.from({ length }, (_, i) => i));
    document.getElementById("empty").hidden = this.list.shown.length > 0;
    this.report();
  }

  report() {
    const shown = this.list.shown.length.toLocaleString("en"), all = this.trace.length.toLocaleString("en");
    const events = this.list.shown.length === this.trace.length ? `${all} events` : `${shown} of ${all}`;
    this.state.textContent = this.hits ? `${this.hits.size.toLocaleString("en")} found · ${events}` : events;
  }

  // Finds the searched text in calls, results and whole payloads; goes to the first from the selection on.
  async search() {
    const words = this.searching.value.toLowerCase(), asked = (this.searched = words);
    this.list.words = words;
    this.hits = null;
    if (words) {
      const hits = new Set(), { trace } = this, inside = JSON.stringify(words).slice(1, -1);
      const texts = trace.texts.map((text) => text.replaceAll("\x1f", ", ").toLowerCase().includes(words));
      for (let i = 0; i < trace.length; i++)
        if (texts[trace.text[i]] || trace.nameOf(i).includes(words) || trace.outcomes[trace.outcome[i]].slice(1).toLowerCase().includes(words)) hits.add(i);
      const details = await trace.allDetails();
      if (asked !== this.searched) return;
      details.forEach((line, i) => {
        if (hits.has(i) || !line.startsWith('{"args"')) return;
        const end = line.lastIndexOf(', "registers": ');
        if (line.slice(9, end < 0 ? undefined : end).toLowerCase().includes(inside)) hits.add(i);
      });
      this.hits = hits;
    }
    this.list.repaint();
    this.report();
    if (this.hits?.size && !this.hits.has(this.selected)) this.next(1);
  }

  // Goes to the next (or previous) shown event that fulfils a test; around the end to the beginning.
  next(direction, test = (i) => this.hits?.has(i)) {
    const { shown } = this.list, count = shown.length;
    const here = this.selected < 0 ? (direction > 0 ? -1 : count) : this.list.after(this.selected) - (direction > 0 && shown[this.list.after(this.selected)] !== this.selected ? 1 : 0);
    for (let step = 1; step <= count; step++) {
      const i = shown[(((here + direction * step) % count) + count) % count];
      if (test(i)) return this.choose(i);
    }
    return Promise.resolve();
  }

  step(by) {
    const { shown } = this.list;
    if (!shown.length) return;
    const at = this.list.after(this.selected), here = shown[at] === this.selected;
    const wanted = this.selected < 0 ? (by > shown.length ? by : 0) : here || by < 0 ? at + by : at + by - 1;
    this.choose(shown[Math.min(shown.length - 1, Math.max(0, wanted))]);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const typing = event.target instanceof HTMLInputElement;
    if (typing && event.key !== "Escape" && event.key !== "Enter") return;
    if (event.target.closest?.(".split") && event.key.startsWith("Arrow")) return;
    if (event.target instanceof HTMLButtonElement && (event.key === "Enter" || event.key === " ")) return;
    const action = this.shortcuts[event.key];
    if (!action || (typing && !["Escape", "Enter"].includes(event.key))) return;
    if (event.target.closest?.(".detail") && ["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", " "].includes(event.key)) return;
    event.preventDefault();
    action.call(this, typing);
  }

  shortcuts = {
    ArrowDown() { this.step(1); },
    ArrowUp() { this.step(-1); },
    PageDown() { this.step(this.list.page); },
    PageUp() { this.step(-this.list.page); },
    Home() { this.step(-Infinity); },
    End() { this.step(Infinity); },
    j() { this.step(1); },
    k() { this.step(-1); },
    Enter(typing) { if (typing) { this.rows.focus(); if (this.list.indexOf(this.selected) < 0) this.step(0); } else if (this.selected >= 0) this.pane.focus(); else this.step(0); },
    Escape() { this.rows.focus(); },
    "/"() { this.searching.focus(); this.searching.select(); },
    f() { this.bar.focus(); this.bar.select(); },
    n() { this.next(1); },
    N() { this.next(-1); },
    e() { this.next(1, (i) => this.trace.error[i] > 0); },
    E() { this.next(-1, (i) => this.trace.error[i] > 0); },
    "]"() { this.next(1, (i) => this.trace.lane[i] === this.trace.lane[this.selected]); },
    "["() { this.next(-1, (i) => this.trace.lane[i] === this.trace.lane[this.selected]); },
    w() { this.choose(this.stories.wakers(this.selected)[0]?.[0]); },
    W() { this.choose(this.stories.woken(this.selected)[0]?.[0]); },
    d() { const found = this.selected >= 0 && this.stories.objects(this.selected)[0]; if (found) { this.actions.life(found[0]); this.pane.focus(); } },
    s() { this.summary(); },
    "?"() { showHelp(this.trace.words); },
    ArrowLeft() { this.lanes.move(-(this.lanes.view[1] - this.lanes.view[0]) / 4); },
    ArrowRight() { this.lanes.move((this.lanes.view[1] - this.lanes.view[0]) / 4); },
    "+"() { this.lanes.zoom(0.5); },
    "="() { this.lanes.zoom(0.5); },
    "-"() { this.lanes.zoom(2); },
    0() { this.lanes.look(...this.lanes.whole); },
    z() { if (this.selected >= 0) { const from = this.trace.time[this.selected], took = Math.max(this.trace.duration[this.selected], 2000); this.lanes.look(from - took, from + 2 * took); } },
    t() { this.filter(`time=${this.lanes.view.map((time) => `${Math.round(time)}ns`).join("..")}`); },
  };
}

// A bar between two parts that is dragged, or moved by arrow keys.
function splitter(id, part, side, sign) {
  const bar = document.getElementById(id), along = side === "height" ? "clientY" : "clientX";
  const resize = (size) => (part.style[side] = `${Math.max(120, Math.min(size, (side === "height" ? innerHeight : innerWidth) - 200))}px`);
  const now = () => part.getBoundingClientRect()[side];
  let drag = null;
  bar.addEventListener("pointerdown", (event) => { drag = [event[along], now()]; bar.setPointerCapture(event.pointerId); });
  bar.addEventListener("pointermove", (event) => { if (drag) resize(drag[1] + sign * (event[along] - drag[0])); });
  bar.addEventListener("pointerup", () => (drag = null));
  bar.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -24, ArrowLeft: -24, ArrowDown: 24, ArrowRight: 24 }[event.key];
    if (by) { resize(now() + sign * by); event.preventDefault(); }
  });
}

(async () => {
  try {
    if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old; one of 2023 or later is needed (DecompressionStream)");
    const trace = new Trace(JSON.parse(await unpacked("head")));
    window.page = new Page(trace);
    await window.page.ready;
    document.documentElement.dataset.ready = "true";
    performance.mark("ready");
  } catch (error) {
    const failure = document.getElementById("failure");
    failure.textContent = `This page cannot show its trace: ${error.message}`;
    failure.hidden = false;
    throw error;
  }
})();
