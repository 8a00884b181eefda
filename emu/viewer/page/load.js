"use strict";
// The trace as the page holds it: columns of numbers for every event, and details that are unpacked when asked for.

async function unpacked(id) {
  const element = document.getElementById(id);
  const packed = atob(element.textContent);
  element.remove();
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

// Integers from 2**53 on are written as {"integer": "digits"}.
function exact(value) {
  return value !== null && typeof value === "object" && typeof value.integer === "string" ? BigInt(value.integer) : value;
}

function revived(key, value) {
  return value !== null && typeof value === "object" && Object.keys(value).length === 1 ? exact(value) : value;
}

// Details from their JSON; the reviver is slow, and few have integers that need it.
function detailsFrom(line) { return line.includes('{"integer": ') ? JSON.parse(line, revived) : JSON.parse(line); }

class Trace {
  constructor(head) {
    Object.assign(this, head);
    const columns = head.columns;
    const count = columns.time.length;
    // Lines are in the order of completion; people read in the order of beginning.
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    order.sort((a, b) => columns.time[a] - columns.time[b] || columns.sequence[a] - columns.sequence[b] || a - b);
    const column = (kind, name) => kind.from(order, (i) => columns[name][i]);
    this.length = count;
    this.order = order;
    this.time = column(Float64Array, "time");
    this.duration = column(Float64Array, "duration");
    this.blocked = column(Float64Array, "blocked");
    this.sequence = column(Float64Array, "sequence");
    this.woken = column(Float64Array, "woken");
    this.pid = column(Float64Array, "pid");
    this.tid = Float64Array.from(order, (i) => (columns.tid[i] < 0 ? NaN : columns.tid[i]));
    this.number = column(Float64Array, "number");
    this.name = column(Uint32Array, "name");
    this.error = column(Uint16Array, "error");
    this.text = column(Uint32Array, "text");
    this.outcome = column(Uint32Array, "outcome");
    this.fdset = column(Uint32Array, "fds");
    this.place = column(Uint32Array, "place");
    this.kind = column(Uint16Array, "kind");
    this.result = Array.from(order, (i) => exact(columns.result[i]));
    this.columns = null;
    this.category = Uint8Array.from(head.category, (name) => CATEGORIES.indexOf(name));
    this.syscall = this.kinds.indexOf("syscall");
    this.rowOf = new Map();
    for (let i = 0; i < count; i++) if (this.sequence[i] >= 0) this.rowOf.set(this.sequence[i], i);
    this.threadOf = new Map(this.threads.map((thread, at) => [thread.tid, at]));
    this.lane = Uint32Array.from(this.tid, (tid, i) => this.threadOf.get(Number.isNaN(tid) ? this.pid[i] : tid) ?? 0);
    this.process = new Map(this.processes.map((process) => [process.pid, process]));
    this.gap = head.complete ? null : this.gaps();
    this._blocks = new Map();
    this._fds = [];
  }

  // By event, how many calls before it are not in the page; calls are counted in the order of beginning.
  gaps() {
    const gaps = new Uint32Array(this.length);
    let expected = this.sequence.find((sequence) => sequence >= 0) ?? 0;
    this.sequence.forEach((sequence, i) => {
      if (sequence < 0) return;
      if (sequence > expected) gaps[i] = sequence - expected;
      expected = sequence + 1;
    });
    return gaps;
  }

  // The name of the program that a process ran at a time; empty where nothing tells.
  program(pid, time) {
    let name = "";
    for (const [since, program] of this.process.get(pid)?.programs ?? []) if (since <= time || !name) name = program;
    return name;
  }

  // Which thread of which process an event is of: "1001 sh", "1001/1003 sh"; the thread alone where there is one process.
  who(i) {
    const pid = this.pid[i], tid = Number.isNaN(this.tid[i]) ? pid : this.tid[i];
    if (!this.processes.length) return String(this.threads[this.lane[i]].tid);
    return `${pid === tid ? pid : `${pid}/${tid}`} ${this.program(pid, this.time[i])}`;
  }

  isCall(i) { return this.kind[i] === this.syscall; }
  nameOf(i) { return this.names[this.name[i]]; }
  errorOf(i) { return this.error[i] ? this.errors[this.error[i] - 1] : null; }
  resultText(i) { return this.outcomes[this.outcome[i]].slice(1); }
  unfinished(i) { return this.outcomes[this.outcome[i]][0] === "2"; }
  neverReturns(i) { return this.outcomes[this.outcome[i]][0] === "1"; }

  // The texts of the arguments, and their names.
  argumentsOf(i) {
    const parts = this.texts[this.text[i]].split("\x1f");
    return { names: parts[0] ? parts[0].split(",") : [], texts: parts.slice(1) };
  }

  callText(i) {
    const text = this.texts[this.text[i]];
    return this.isCall(i) ? text.split("\x1f").slice(1).filter(Boolean).join(", ") : text;
  }

  // What the descriptors of a call were: by argument the text, by argument the open file description, numbers, paths.
  fdsOf(i) {
    const set = this.fdset[i];
    if (!set) return NO_FDS;
    return (this._fds[set] ??= JSON.parse(this.fds[set - 1]));
  }

  placeOf(i) {
    if (!this.place[i]) return null;
    const [pc, name, file, line] = this.places[this.place[i] - 1];
    return { pc, function: name, file, line };
  }

  async detailsOf(i) {
    const at = this.order[i];
    const lines = await this._block(Math.floor(at / this.block));
    return detailsFrom(lines[at % this.block]);
  }

  _block(number) {
    if (!this._blocks.has(number)) this._blocks.set(number, unpacked(`block-${number}`).then((text) => text.split("\n")));
    return this._blocks.get(number);
  }

  // Every event's details as text, in the order of the page; for filters and searches that look into arguments.
  async allDetails() {
    if (!this._all) {
      this._all = (async () => {
        const lines = [];
        for (let number = 0; number * this.block < this.length; number++) lines.push(await this._block(number));
        return Array.from(this.order, (at) => lines[Math.floor(at / this.block)][at % this.block]);
      })();
    }
    return this._all;
  }
}

const NO_FDS = [{}, {}, [], []];
