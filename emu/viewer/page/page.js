// Puts the parts together: one selection, one filter, the keyboard.

class Page {
  constructor(trace) {
    this.trace = trace;
    this.selected = -1;
    this.words = "";
    this.passing = null;
    const choose = (event) => this.choose(event);
    this.rows = document.getElementById("rows");
    this.list = new List(trace, this.rows, choose);
    this.lanes = new Lanes(trace, choose, (tid) => this.only(tid));
    this.detail = new Detail(trace, document.getElementById("detail"), {
      choose, wakers: (i) => this.wakers(i), woken: (i) => this.woken(i), objects: (i) => this.objects(i), life: (object) => this.life(object), brief: (i) => this.brief(i),
    });
    this.introduce();
    this.listen();
    this.refresh();
  }

  introduce() {
    const { header, threads, calls, failed, end } = this.trace;
    const argv = Array.isArray(header.argv) ? header.argv.map(String) : [];
    document.getElementById("program").textContent = plain([String(header.program ?? this.trace.source).split("/").pop(), ...argv.slice(1)].join(" "));
    document.getElementById("facts").textContent = [count(calls, "call"), count(failed, "error"), count(threads.length, "thread"), span(end)].join("  ·  ");
    const notes = document.getElementById("notes");
    notes.append(...this.trace.notes.map((note) => make("li", {}, plain(note))));
    notes.hidden = !this.trace.notes.length;
  }

  listen() {
    document.getElementById("bar").addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => this.key(event));
    const later = (run) => { let timer = 0; return () => { clearTimeout(timer); timer = setTimeout(run, 120); }; };
    document.getElementById("filter").addEventListener("input", later(() => this.refresh()));
    document.getElementById("search").addEventListener("input", later(() => this.find()));
  }

  choose(event) {
    this.selected = event;
    this.list.select(event);
    this.lanes.select(event);
    return this.detail.show(event);
  }

  async refresh() {
    this.list.show(Uint32Array.from({ length: this.trace.length }, (_, i) => i));
    document.getElementById("filter-state").textContent = count(this.trace.length, "event");
  }

  find() {
    this.words = document.getElementById("search").value.toLowerCase();
    this.list.words = this.words;
    this.list.repaint();
  }

  only(tid) {
    document.getElementById("filter").value = `thread=${tid}`;
    this.refresh();
  }

  wakers(i) { return []; }
  woken(i) { return []; }
  objects(i) { return []; }
  life(object) {}
  brief(i) { return `${this.trace.nameOf(i)} #${this.trace.sequence[i]} of ${this.trace.tid[i]}`; }
  key(event) {}
}

(async () => {
  try {
    if (typeof DecompressionStream === "undefined") throw new Error("This browser is too old for this page: one of 2023 or later is needed (DecompressionStream).");
    const trace = new Trace(JSON.parse(await unpacked("head")));
    window.page = new Page(trace);
    document.documentElement.dataset.ready = "true";
  } catch (error) {
    const failure = document.getElementById("failure");
    failure.textContent = `This page cannot show its trace: ${error.message}`;
    failure.hidden = false;
    throw error;
  }
})();
