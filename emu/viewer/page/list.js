// The list of calls: as many row elements as fit on the screen, moved and refilled while scrolling.

const ROW = 22; // pixels, as in page.css
const TALLEST = 8_000_000; // pixels that every browser scrolls exactly

class List {
  constructor(trace, root, choose) {
    this.trace = trace;
    this.root = root;
    this.space = root.querySelector("#space");
    this.choose = choose;
    this.shown = Uint32Array.from({ length: trace.length }, (_, i) => i);
    this.selected = -1;
    this.words = "";
    this.pool = [];
    this.painted = false;
    root.addEventListener("scroll", () => this.repaint());
    root.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.choose(this.shown[Number(row.dataset.at)]);
    });
    new ResizeObserver(() => this.repaint()).observe(root);
  }

  // Shows these events (rising positions in the trace); keeps what was selected in view when it is still there.
  show(shown) {
    this.shown = shown;
    this.height = Math.min(shown.length * ROW, TALLEST);
    this.space.style.height = `${this.height}px`;
    this.root.setAttribute("aria-rowcount", shown.length);
    const at = this.indexOf(this.selected);
    if (at >= 0) this.reveal(at);
    else this.root.scrollTop = 0;
    this.repaint();
  }

  // Where an event is in the list; -1 when the filter hides it.
  indexOf(event) {
    const at = this.after(event);
    return this.shown[at] === event ? at : -1;
  }

  // The first place of the list whose event is not before this one.
  after(event) {
    let low = 0, high = this.shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.shown[middle] < event) low = middle + 1; else high = middle;
    }
    return low;
  }

  get page() { return Math.max(1, Math.floor(this.root.clientHeight / ROW) - 1); }

  // The pixel at which the list begins, for the scroll position; exact until the list is taller than browsers scroll.
  get top() {
    const all = this.shown.length * ROW, room = this.root.clientHeight;
    if (all <= TALLEST) return this.root.scrollTop;
    return (this.root.scrollTop / (this.height - room)) * (all - room);
  }

  reveal(at) {
    const room = this.root.clientHeight, top = this.top, y = at * ROW;
    let wanted = top;
    if (y < top - 2 * ROW || y > top + room + ROW) wanted = y - room / 3; // from afar: with what came before
    else if (y < top) wanted = y;
    else if (y + ROW > top + room) wanted = y + ROW - room;
    if (wanted === top) return;
    const all = this.shown.length * ROW;
    this.root.scrollTop = all <= TALLEST ? wanted : (wanted / (all - room)) * (this.height - room);
  }

  select(event) {
    this.selected = event;
    const at = this.indexOf(event);
    if (at >= 0) this.reveal(at);
    this.repaint();
  }

  repaint() {
    if (this.painted) return;
    this.painted = true;
    requestAnimationFrame(() => { this.painted = false; this.paint(); });
  }

  paint() {
    const first = Math.max(0, Math.floor(this.top / ROW) - 2);
    const visible = Math.ceil(this.root.clientHeight / ROW) + 4;
    const last = Math.min(this.shown.length, first + visible);
    const shift = this.root.scrollTop - this.top;
    while (this.pool.length < last - first) this.pool.push(this.space.appendChild(this.row()));
    this.pool.forEach((row, i) => {
      const at = first + i;
      row.hidden = at >= last;
      if (!row.hidden) this.fill(row, at, at * ROW + shift);
    });
    this.root.setAttribute("aria-activedescendant", this.indexOf(this.selected) >= 0 ? `row-${this.selected}` : "");
  }

  row() {
    const cell = (name) => make("span", { class: name, role: "gridcell" });
    return make("div", { class: "row", role: "row" }, ...["c-seq", "c-time", "c-tid", "c-call", "c-result", "c-took"].map(cell));
  }

  fill(row, at, y) {
    const trace = this.trace, i = this.shown[at];
    row.style.transform = `translateY(${y}px)`;
    row.classList.toggle("selected", i === this.selected);
    row.setAttribute("aria-selected", i === this.selected);
    row.dataset.at = at;
    row.setAttribute("aria-rowindex", at + 1);
    if (row.dataset.event === `${i} ${this.words}`) return;
    row.dataset.event = `${i} ${this.words}`;
    row.id = `row-${i}`;
    const [sequence, time, tid, call, result, took] = row.children;
    const isCall = trace.isCall(i), error = trace.errorOf(i);
    row.classList.toggle("failed", error !== null);
    row.classList.toggle("event", !isCall);
    row.classList.toggle("gap", Boolean(trace.gap?.[i]));
    row.title = trace.gap?.[i] ? `${count(trace.gap[i], "call")} before this one, which the page does not list` : "";
    row.classList.toggle("unfinished", isCall && trace.unfinished(i));
    sequence.textContent = isCall ? trace.sequence[i] : "";
    time.textContent = seconds(trace.time[i]);
    tid.textContent = plain(trace.who(i));
    tid.dataset.thread = trace.lane[i] % 8;
    const text = plain(trace.callText(i).slice(0, 600));
    if (isCall) {
      const name = make("b", { "data-category": trace.category[trace.name[i]] }, trace.nameOf(i));
      call.replaceChildren(name, "(", ...this.marked(text), ")");
    } else call.replaceChildren(...this.marked(text));
    result.textContent = !isCall ? "" : trace.unfinished(i) ? "still going on" : trace.neverReturns(i) ? "" : plain(short(trace, i));
    const waited = trace.blocked[i], whole = trace.duration[i];
    took.textContent = isCall ? span(whole) : "";
    took.classList.toggle("waited", waited > whole / 2 && whole >= 1e6);
    took.title = waited ? `waited ${span(waited)}` : "";
  }

  // A text with what is searched for marked in it.
  marked(text) {
    if (!this.words) return [text];
    const parts = [], lower = text.toLowerCase();
    let from = 0;
    for (let at; (at = lower.indexOf(this.words, from)) >= 0; from = at + this.words.length)
      parts.push(text.slice(from, at), make("mark", {}, text.slice(at, at + this.words.length)));
    return [...parts, text.slice(from)].filter(Boolean);
  }
}

// A result in few words: the error's name alone, or the value.
function short(trace, i) { return trace.errorOf(i) ?? trace.resultText(i); }
