// The lanes: one a thread on a time axis, with an overview of the whole run above them.

const LANE = 24, GUTTER = 168, BOX = 16; // pixels, as in page.css
const FLOWS = 80; // arrows at a time, beyond which they would hide what they explain

class Lanes {
  constructor(trace, choose, only) {
    this.trace = trace;
    this.choose = choose;
    this.whole = [0, Math.max(trace.end, 1)];
    this.view = [...this.whole];
    this.selected = -1;
    this.shown = null; // which events pass the filter; null: all
    this.edges = [];
    for (const id of ["overview", "ruler", "lane-scroll", "lane-space", "lane-names", "lane-plot", "tip"])
      this[id.replace(/-(.)/, (_, c) => c.toUpperCase())] = document.getElementById(id);
    document.getElementById("lanes").style.height = `${Math.round(Math.min(62 + Math.max(trace.threads.length, 3) * LANE, innerHeight * 0.36))}px`;
    this.laneSpace.style.height = `${trace.threads.length * LANE}px`;
    this.byLane = trace.threads.map(() => []);
    for (let i = 0; i < trace.length; i++) this.byLane[trace.lane[i]].push(i);
    this.byLane = this.byLane.map((events) => Uint32Array.from(events));
    this.longest = this.byLane.map((events) => this.reach(events));
    this.laneNames.append(...trace.threads.map((thread, at) => this.nameOf(thread, at, only)));
    this.laneScroll.addEventListener("scroll", () => this.repaint());
    this.measure();
    new ResizeObserver(() => { this.measure(); this.repaint(); }).observe(this.laneScroll);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.colours = null; this.repaint(); });
    this.listen();
  }

  // By event, the latest end of any event before it in its lane: where to begin drawing.
  reach(events) {
    const ends = new Float64Array(events.length);
    let latest = 0;
    events.forEach((i, at) => (ends[at] = latest = Math.max(latest, this.trace.time[i] + this.trace.duration[i])));
    return ends;
  }

  nameOf(thread, at, only) {
    const share = thread.errors ? `, ${count(thread.errors, "error")}` : "";
    const process = this.trace.process.get(thread.pid), first = process && thread.tid === thread.pid;
    const title = first ? `Only process ${process.pid}: ${plain(process.argv.join(" "))}` : `Only thread ${thread.tid}`;
    const label = make("span", { class: "c-tid", "data-thread": at % 8 }, first ? `${thread.tid} ${plain(process.name)}` : String(thread.tid));
    if (process) label.dataset.depth = Math.min(process.depth + (first ? 0 : 1), 5);
    return make("button", { type: "button", class: "lane-name", title: `${title}: ${count(thread.calls, "call")}${share}`, onclick: () => only(first ? `pid=${thread.pid}` : `thread=${thread.tid}`) },
      label,
      make("span", { class: "lane-calls" }, count(thread.calls, "call")));
  }

  listen() {
    const plot = this.lanePlot;
    plot.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [from, to] = this.view;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.move(((event.deltaX || event.deltaY) / this.width) * (to - from));
      else this.zoom(Math.exp(event.deltaY * 0.002), this.timeAt(event.offsetX));
    }, { passive: false });
    let drag = null;
    plot.addEventListener("pointerdown", (event) => {
      drag = { x: event.clientX, y: event.clientY, top: this.laneScroll.scrollTop, view: [...this.view], moved: false };
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      if (!drag) return this.point(event);
      const far = drag.x - event.clientX;
      if (Math.abs(far) + Math.abs(drag.y - event.clientY) > 4) drag.moved = true;
      if (!drag.moved) return;
      this.look(drag.view[0] + (far / this.width) * (drag.view[1] - drag.view[0]), drag.view[1] + (far / this.width) * (drag.view[1] - drag.view[0]));
      this.laneScroll.scrollTop = drag.top + drag.y - event.clientY;
    });
    plot.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) {
        const found = this.eventAt(event.offsetX, event.offsetY);
        if (found >= 0) this.choose(found);
      }
      drag = null;
    });
    plot.addEventListener("pointerleave", () => (this.tip.hidden = true));
    plot.addEventListener("dblclick", () => this.look(...this.whole));
    let brush = null;
    const at = (event) => this.whole[0] + Math.min(1, Math.max(0, (event.offsetX - GUTTER) / this.width)) * (this.whole[1] - this.whole[0]);
    this.overview.addEventListener("pointerdown", (event) => { brush = at(event); this.overview.setPointerCapture(event.pointerId); });
    this.overview.addEventListener("pointermove", (event) => {
      if (brush !== null && Math.abs(at(event) - brush) > (this.whole[1] * 4) / this.width) this.look(Math.min(brush, at(event)), Math.max(brush, at(event)));
    });
    this.overview.addEventListener("pointerup", (event) => {
      const half = (this.view[1] - this.view[0]) / 2;
      if (Math.abs(at(event) - brush) <= (this.whole[1] * 4) / this.width) this.look(brush - half, brush + half);
      brush = null;
    });
    this.overview.addEventListener("dblclick", () => this.look(...this.whole));
  }

  measure() { this.width = Math.max(50, this.laneScroll.clientWidth - GUTTER); }
  xOf(time) { return ((time - this.view[0]) / (this.view[1] - this.view[0])) * this.width; }
  timeAt(x) { return this.view[0] + (x / this.width) * (this.view[1] - this.view[0]); }

  look(from, to) {
    const length = Math.min(Math.max(to - from, 200), this.whole[1] - this.whole[0]);
    from = Math.min(Math.max(from, this.whole[0]), this.whole[1] - length);
    this.view = [from, from + length];
    this.repaint();
  }

  zoom(factor, around = (this.view[0] + this.view[1]) / 2) {
    this.look(around - (around - this.view[0]) * factor, around + (this.view[1] - around) * factor);
  }

  move(by) { this.look(this.view[0] + by, this.view[1] + by); }

  select(event) {
    this.selected = event;
    if (event < 0) return this.repaint();
    const start = this.trace.time[event], end = start + this.trace.duration[event];
    const [from, to] = this.view;
    if (end < from || start > to) this.look(start - (to - from) / 2, start + (to - from) / 2);
    const y = this.trace.lane[event] * LANE, room = this.laneScroll.clientHeight;
    if (y < this.laneScroll.scrollTop) this.laneScroll.scrollTop = y;
    if (y + LANE > this.laneScroll.scrollTop + room) this.laneScroll.scrollTop = y + LANE - room;
    this.repaint();
  }

  // The first event of a lane that may be seen from this time on.
  firstAt(lane, time) {
    const ends = this.longest[lane];
    let low = 0, high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] < time) low = middle + 1; else high = middle;
    }
    return low;
  }

  // The event under a point of the plot, with a little tolerance; -1 when there is none.
  eventAt(x, y) {
    const lane = Math.floor((y + this.laneScroll.scrollTop) / LANE);
    if (lane < 0 || lane >= this.byLane.length) return -1;
    const { time, duration } = this.trace, events = this.byLane[lane];
    const slack = this.timeAt(4) - this.timeAt(0), wanted = this.timeAt(x);
    let best = -1, distance = slack;
    for (let at = this.firstAt(lane, wanted - slack); at < events.length; at++) {
      const i = events[at];
      if (time[i] > wanted + slack) break;
      if (this.shown && !this.shown[i]) continue;
      const far = wanted < time[i] ? time[i] - wanted : Math.max(0, wanted - time[i] - duration[i]);
      if (far <= distance) { best = i; distance = far; }
    }
    return best;
  }

  point(event) {
    const found = this.eventAt(event.offsetX, event.offsetY), trace = this.trace;
    this.lanePlot.style.cursor = found >= 0 ? "pointer" : "";
    this.tip.hidden = found < 0;
    if (found < 0) return;
    const call = plain(trace.callText(found));
    const head = trace.isCall(found) ? `${trace.nameOf(found)}(${call})`.slice(0, 160) : call;
    const parts = [make("b", {}, head)];
    if (trace.isCall(found)) {
      const waited = trace.blocked[found] ? `, waited ${span(trace.blocked[found])}` : "";
      parts.push(make("span", { class: trace.errorOf(found) ? "bad" : "" }, trace.unfinished(found) ? "still going on at the end" : `= ${plain(trace.resultText(found))}`));
      parts.push(make("span", {}, `at ${seconds(trace.time[found])} s, took ${span(trace.duration[found])}${waited}`));
    }
    this.tip.replaceChildren(...parts);
    const room = this.laneScroll.clientWidth, box = document.getElementById("lanes").getBoundingClientRect();
    this.tip.style.left = `${Math.min(event.clientX - box.left + 12, room - this.tip.offsetWidth - 8)}px`;
    this.tip.style.top = `${event.clientY - box.top + 18}px`;
  }

  repaint() {
    if (this.painted) return;
    this.painted = true;
    requestAnimationFrame(() => { this.painted = false; this.paint(); });
  }

  palette() {
    if (this.colours) return this.colours;
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    this.colours = Object.fromEntries(["text", "dim", "line", "panel", "ground", "bad", "accent", "select", "wait", "run", "flow", "strip", "label"].map((name) => [name, get(`--${name}`)]));
    this.colours.category = CATEGORIES.map((name) => get(`--${name}`));
    this.colours.font = get("--mono");
    return this.colours;
  }

  // A canvas sized for the screen's pixels, cleared; drawing is in CSS pixels.
  surface(canvas, width, height) {
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }

  paint() {
    const colours = this.palette();
    this.paintOverview(colours);
    this.paintRuler(colours);
    const height = this.laneScroll.clientHeight, context = this.surface(this.lanePlot, this.width, height);
    const top = this.laneScroll.scrollTop;
    const first = Math.floor(top / LANE), last = Math.min(this.byLane.length - 1, Math.floor((top + height) / LANE));
    context.fillStyle = colours.line;
    for (const tick of this.ticks()) context.fillRect(Math.round(this.xOf(tick)), 0, 1, height);
    for (let lane = first; lane <= last; lane++) this.paintLane(context, colours, lane, lane * LANE - top);
    this.paintFlows(context, colours, top, height);
  }

  ticks() {
    const [from, to] = this.view, size = step(((to - from) / this.width) * 110), ticks = [];
    for (let tick = Math.ceil(from / size) * size; tick <= to; tick += size) ticks.push(tick);
    return ticks;
  }

  paintRuler(colours) {
    const context = this.surface(this.ruler, this.width + GUTTER, 20);
    context.font = `11px ${colours.font}`;
    context.textBaseline = "middle";
    const [from, to] = this.view, size = step(((to - from) / this.width) * 110);
    const [unit, word] = to < 1e9 ? [1e6, "ms"] : [1e9, "s"];
    const digits = Math.min(9, Math.max(0, Math.ceil(-Math.log10(size / unit) - 1e-9)));
    for (const tick of this.ticks()) {
      const x = GUTTER + Math.round(this.xOf(tick));
      context.fillStyle = colours.line;
      context.fillRect(x, 12, 1, 8);
      context.fillStyle = colours.dim;
      context.fillText(`${(tick / unit).toFixed(digits)} ${word}`, x + 4, 10);
    }
    context.fillStyle = colours.dim;
    context.fillText(`${span(to - from)} shown`, 12, 10);
  }

  paintLane(context, colours, lane, y) {
    const { time, duration, blocked, error } = this.trace, thread = this.trace.threads[lane], events = this.byLane[lane];
    const middle = y + LANE / 2, low = y + (LANE - BOX) / 2;
    const born = this.xOf(thread.first), gone = this.xOf(thread.ended ? thread.last : this.whole[1]);
    context.fillStyle = colours.line;
    context.fillRect(0, y + LANE - 1, this.width, 1);
    context.fillStyle = colours.run;
    context.fillRect(born, middle - 1, gone - born, 2);
    if (this.trace.load) this.paintLoad(context, colours, thread.tid, low);
    let drawn = -1, failed = -1, waitEnd = -1;
    for (let at = this.firstAt(lane, this.view[0]); at < events.length; at++) {
      const i = events[at];
      if (time[i] > this.view[1]) break;
      const dim = this.shown && !this.shown[i];
      const from = this.xOf(time[i]), to = this.xOf(time[i] + duration[i]);
      const waits = blocked[i] > duration[i] / 2 && to - from > 3;
      if (!dim && error[i] && from > failed + 2) {
        context.fillStyle = colours.bad;
        context.fillRect(from - 0.5, y + 1, 2, 4);
        failed = from;
      }
      if (waits) {
        const begin = Math.max(from, waitEnd, -1);
        if (to <= begin) continue;
        context.globalAlpha = dim ? 0.3 : 1;
        context.fillStyle = colours.wait;
        context.fillRect(begin, low + 3, to - begin, BOX - 6);
        context.fillStyle = colours.category[this.trace.category[this.trace.name[i]]];
        context.fillRect(from, low, 1.5, BOX);
        context.fillRect(to - 1.5, low, 1.5, BOX);
        this.label(context, colours.dim, this.trace.nameOf(i), begin + 5, to - 3, middle);
        context.globalAlpha = 1;
        waitEnd = to;
        continue;
      }
      if (to < drawn + 0.7) continue; // hidden behind its neighbour
      const begin = Math.max(from, -1), wide = Math.max(to - begin, 1.2);
      context.globalAlpha = dim ? 0.18 : 1;
      context.fillStyle = this.trace.isCall(i) ? colours.category[this.trace.category[this.trace.name[i]]] : colours.text;
      if (this.trace.isCall(i)) context.fillRect(begin, low, wide - (wide > 4 ? 1 : 0), BOX);
      else context.fillRect(from - 0.5, y + 2, 1.5, LANE - 4);
      if (wide > 26) this.label(context, colours.label, this.trace.nameOf(i), begin + 4, to - 3, middle);
      context.globalAlpha = 1;
      drawn = to;
    }
    if (this.selected >= 0 && this.trace.lane[this.selected] === lane) {
      const from = this.xOf(time[this.selected]), to = this.xOf(time[this.selected] + duration[this.selected]);
      context.strokeStyle = colours.select;
      context.lineWidth = 2;
      context.strokeRect(Math.max(from, -4) - 2, low - 2, Math.max(Math.min(to, this.width + 4) - Math.max(from, -4), 2) + 4, BOX + 4);
    }
  }

  label(context, colour, text, from, to, middle) {
    if (to - from < text.length * 6.1) return;
    context.fillStyle = colour;
    context.font = `10px ${this.colours.font}`;
    context.textBaseline = "middle";
    context.fillText(text, from, middle + 0.5);
  }

  // Where a trace is too long to be drawn call by call: how busy each part was.
  paintLoad(context, colours, tid, low) {
    const { width, lanes } = this.trace.load, lane = lanes[tid];
    if (!lane) return;
    const first = Math.max(0, Math.floor(this.view[0] / width)), last = Math.min(lane[0].length, Math.ceil(this.view[1] / width));
    for (let part = first; part < last; part++) {
      const from = this.xOf(part * width), wide = Math.max(this.xOf((part + 1) * width) - from, 0.5);
      const busy = Math.min(1, lane[0][part] / width), waited = Math.min(1, lane[1][part] / width);
      if (waited > 0.05) { context.fillStyle = colours.wait; context.fillRect(from, low + 3, wide, BOX - 6); }
      if (busy > 0) { context.fillStyle = colours.accent; context.globalAlpha = 0.25 + 0.6 * busy; const tall = Math.max(2, BOX * Math.sqrt(busy)); context.fillRect(from, low + BOX - tall, wide, tall); context.globalAlpha = 1; }
      if (lane[3][part]) { context.fillStyle = colours.bad; context.fillRect(from, low - 3, Math.max(wide, 1), 2); }
    }
  }

  // Arrows from who woke to who was woken: always those of the chosen call, the others while they are few.
  paintFlows(context, colours, top, height) {
    const { time, duration, lane } = this.trace, { selected } = this, [from, to] = this.view;
    const visible = [];
    for (const edge of this.edges) {
      const [source, target] = edge;
      if (source === selected || target === selected) visible.push(edge);
      else if (visible.length <= FLOWS && lane[source] !== lane[target] && time[target] + duration[target] >= from && time[source] <= to) visible.push(edge);
    }
    for (const [source, target, kind] of visible) {
      const chosen = source === selected || target === selected;
      if (!chosen && visible.length > FLOWS) continue;
      // The source takes effect before the target ends, though it may itself go on after that.
      const end = kind === "clone" ? time[target] : time[target] + duration[target], x1 = this.xOf(end);
      const x0 = this.xOf(Math.max(time[source], Math.min(time[source] + duration[source] / 2, end)));
      const y0 = lane[source] * LANE + LANE / 2 - top, y1 = lane[target] * LANE + LANE / 2 - top;
      if ((y0 < 0 && y1 < 0) || (y0 > height && y1 > height)) continue;
      context.strokeStyle = context.fillStyle = chosen ? colours.select : colours.flow;
      context.globalAlpha = chosen ? 1 : 0.6;
      context.lineWidth = chosen ? 1.75 : 1;
      const bend = Math.max(8, Math.min(40, Math.abs(x1 - x0) / 2));
      context.beginPath();
      context.moveTo(x0, y0);
      context.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
      context.stroke();
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x1 - 6, y1 - 3);
      context.lineTo(x1 - 6, y1 + 3);
      context.fill();
      context.globalAlpha = 1;
    }
  }

  paintOverview(colours) {
    const tall = 36, width = this.width, context = this.surface(this.overview, width + GUTTER, tall);
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, width + GUTTER, tall);
    if (this.profiled !== width) this.profile(width);
    context.fillStyle = colours.strip;
    this.columns.forEach((value, x) => { if (value) context.fillRect(GUTTER + x, tall - 3 - (tall - 10) * value, 1, (tall - 10) * value + 1); });
    context.fillStyle = colours.bad;
    this.failures.forEach((value, x) => { if (value) context.fillRect(GUTTER + x, 3, 1.5, 4); });
    const [from, to] = this.view.map((time) => GUTTER + ((time - this.whole[0]) / (this.whole[1] - this.whole[0])) * width);
    context.globalAlpha = 0.72;
    context.fillStyle = colours.panel;
    context.fillRect(GUTTER, 0, from - GUTTER, tall);
    context.fillRect(to, 0, GUTTER + width - to, tall);
    context.globalAlpha = 1;
    context.strokeStyle = colours.accent;
    context.lineWidth = 1;
    context.strokeRect(from + 0.5, 0.5, Math.max(to - from - 1, 2), tall - 1);
    context.fillStyle = colours.dim;
    context.font = `11px ${colours.font}`;
    context.textBaseline = "middle";
    context.fillText(`${span(this.whole[1])} in all`, 12, tall / 2);
  }

  // The number of calls (by its logarithm) and whether any failed, for each column of pixels of the overview.
  profile(width) {
    const calls = new Float64Array(Math.ceil(width) + 1), scale = width / (this.whole[1] - this.whole[0]);
    this.failures = new Uint8Array(calls.length);
    if (this.trace.load) {
      const { width: part, lanes } = this.trace.load;
      for (const lane of Object.values(lanes))
        lane[2].forEach((number, at) => { const x = Math.floor(at * part * scale); calls[x] += number; if (lane[3][at]) this.failures[x] = 1; });
    } else {
      for (let i = 0; i < this.trace.length; i++) {
        const x = Math.floor(this.trace.time[i] * scale);
        calls[x]++;
        if (this.trace.error[i]) this.failures[x] = 1;
      }
    }
    const most = Math.log1p(calls.reduce((a, b) => Math.max(a, b), 1));
    this.columns = calls.map((number) => Math.log1p(number) / most);
    this.profiled = width;
  }
}
