// The words of filters, as on the command line: trace=, status=, fd=, path= ...; the twin of emu/trace/filter.py.

// A set of call numbers, or all but some.
class Calls {
  constructor(numbers = [], inverted = false) { this.numbers = new Set(numbers); this.inverted = inverted; }
  has(number) { return this.numbers.has(number) !== this.inverted; }
  not() { return new Calls(this.numbers, !this.inverted); }
  or(other) {
    if (!this.inverted) return other.inverted ? other.or(this) : new Calls([...this.numbers, ...other.numbers]);
    return new Calls([...this.numbers].filter((number) => !other.has(number)), true);
  }
  minus(other) { return this.not().or(other).not(); }
}

const SYNONYMS = { t: "trace", syscall: "trace", syscalls: "trace", fds: "fd", objects: "object", threads: "thread", tid: "thread", tids: "thread", p: "pid", pids: "pid", process: "pid", processes: "pid", P: "path", paths: "path", s: "signal", signals: "signal" };
const UNITS = { "": 1e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1, m: 6e10 };

// How alike two words are, from 0 to 1: twice the characters in common blocks by all characters.
function likeness(a, b) {
  const common = (a, b) => {
    let best = 0, from = 0, to = 0;
    for (let i = 0; i < a.length; i++) for (let j = 0; j < b.length; j++) {
      let k = 0;
      while (i + k < a.length && j + k < b.length && a[i + k] === b[j + k]) k++;
      if (k > best) [best, from, to] = [k, i, j];
    }
    return best ? best + common(a.slice(0, from), b.slice(0, to)) + common(a.slice(from + best), b.slice(to + best)) : 0;
  };
  return (2 * common(a, b)) / (a.length + b.length || 1);
}

function nearest(word, known) {
  let best = "", score = 0.6;
  for (const one of known) {
    if (Math.abs(one.length - word.length) > 12) continue;
    const like = likeness(one, word.slice(0, 60));
    if (like > score || (like === score && one > best)) [best, score] = [one, like];
  }
  return best ? `; did you mean ${best}?` : "";
}

// Words as a shell would split them: quotes and backslashes.
function shellWords(text) {
  const words = [];
  let word = null;
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (/[ \t\r\n]/.test(c)) { if (word !== null) words.push(word); word = null; continue; }
    word ??= "";
    if (c === "\\") {
      if (++at >= text.length) throw new FilterError(`${text}: no escaped character`);
      word += text[at];
    } else if (c === "'" || c === '"') {
      for (at++; text[at] !== c; at++) {
        if (at >= text.length) throw new FilterError(`${text}: no closing quotation`);
        if (c === '"' && text[at] === "\\" && (text[at + 1] === '"' || text[at + 1] === "\\")) at++;
        word += text[at];
      }
    } else word += c;
  }
  if (word !== null) words.push(word);
  return words;
}

class Filter {
  // Parses; throws FilterError. `words` is what Python knows of calls, classes, errors and members.
  constructor(text, words) {
    this.words = words;
    this.only = null;
    this.without = new Calls();
    this.either = new Map();
    this.neither = new Map();
    this.where = [];
    this.signals = null;
    for (const expression of shellWords(text)) this.add(expression);
  }

  get empty() { return !this.only && !this.without.numbers.size && !this.without.inverted && !this.either.size && !this.neither.size && !this.where.length && !this.signals; }
  get asksArguments() { return this.where.some((where) => where.asksArguments); }

  add(expression) {
    const sign = expression.indexOf("=");
    let [name, value] = sign < 0 ? [expression, ""] : [expression.slice(0, sign), expression.slice(sign + 1)];
    if (sign < 0 || /^!?\//.test(name)) {
      if (expression.trim().includes(" ") && !expression.includes("/")) this.unknown(name, expression);
      [name, value] = ["trace", expression];
    }
    const kind = Object.hasOwn(SYNONYMS, name) ? SYNONYMS[name] : name;
    if (!Object.hasOwn(READERS, kind)) this.unknown(name, expression);
    READERS[kind].call(this, expression, value, kind);
  }

  unknown(name, expression) {
    const kinds = Object.keys(READERS);
    if (!/^[\p{L}\p{N}_-]+$/u.test(name) || expression.trim().includes(" ")) throw new FilterError(`${expression}: not a filter; an expression is given as where="..."`);
    throw new FilterError(`${expression}: no such filter: ${name}=${nearest(name, [...kinds, ...Object.keys(SYNONYMS)])} (there are ${kinds.join(", ")})`);
  }

  put(kind, negated, test) {
    const side = negated ? this.neither : this.either;
    if (!side.has(kind)) side.set(kind, []);
    side.get(kind).push(test);
  }

  trace(what, value) {
    const negated = value.startsWith("!");
    const list = (negated ? value.slice(1) : value).match(/!?\/(?:\\.|[^/\\])*\/(?=,|$)|[^,]+/g) ?? [];
    if (!list.length) throw new FilterError(`${what}: names of system calls are expected, such as accept4,%network`);
    let chosen = new Calls();
    for (const word of list) {
      const one = this.calls(word.replace(/^!/, ""), what);
      chosen = word.startsWith("!") && !negated ? chosen.minus(one) : chosen.or(one);
    }
    if (negated) this.without = this.without.or(chosen);
    else this.only = this.only ? this.only.or(chosen) : chosen;
  }

  calls(word, what) {
    const { calls, aliases, classes } = this.words;
    if (word === "all") return new Calls([], true);
    if (word === "none") return new Calls();
    if (word.startsWith("/")) return this.matching(word, what);
    if (/^\d+$/.test(word)) return new Calls([Number(word)]);
    if (word.startsWith("%")) {
      if (Object.hasOwn(classes, word.slice(1))) return new Calls(classes[word.slice(1)]);
      throw new FilterError(`${what}: no such class of system calls: ${word}${nearest(word, Object.keys(classes).map((name) => `%${name}`))}`);
    }
    const [plain, personality = ""] = word.replace(/^\?/, "").split(/@(.*)/s);
    if (!["", "64"].includes(personality)) return new Calls();
    const name = Object.hasOwn(aliases, plain) ? aliases[plain] : plain;
    if (Object.hasOwn(calls, name)) return new Calls([calls[name]]);
    if (Object.hasOwn(classes, name)) return new Calls(classes[name]);
    if (word.startsWith("?")) return new Calls();
    throw new FilterError(`${what}: no such system call: ${name}${nearest(name, [...Object.keys(calls), ...Object.keys(aliases)])}`);
  }

  matching(word, what) {
    const pattern = word.length > 1 && word.endsWith("/") ? word.slice(1, -1) : word.slice(1);
    let found;
    try { found = new RegExp(pattern); } catch (error) { throw new FilterError(`${what}: ${word} is not a regular expression: ${error.message}`); }
    return new Calls(Object.entries(this.words.calls).filter(([name]) => found.test(name)).map(([, number]) => number));
  }

  status(what, value) {
    const ret = (event) => event.get("ret"), error = (value) => value !== null && value > -4096 && value < 0;
    const known = {
      successful: (event) => ret(event) !== null && !error(ret(event)),
      failed: (event) => error(ret(event)),
      unfinished: (event) => ret(event) === null,
      all: () => true,
      none: () => false,
    };
    for (const [negated, word] of items(value, what, "failed or EAGAIN")) {
      const errno = word.toUpperCase();
      if (Object.hasOwn(known, word)) this.put("status", negated, known[word]);
      else if (Object.hasOwn(this.words.errnos, errno)) this.put("status", negated, (event) => ret(event) === -this.words.errnos[errno]);
      else throw new FilterError(`${what}: no such status: ${word}${nearest(word, ["successful", "failed", "unfinished", ...Object.keys(this.words.errnos)]) || "; there are successful, failed, unfinished and names of errors"}`);
    }
  }

  numbers(what, value, kind) {
    for (const [negated, word] of items(value, what, "7 or 3,4")) {
      const [from, to] = between(word, what, "7 or 3..5");
      const inside = (number) => number >= from && number <= to;
      this.put(kind, negated, kind === "fd" ? (event) => event.descriptors.some(inside) : (event) => event.objects.some(inside));
    }
  }

  thread(what, value) {
    const first = this.words.first_pid;
    for (const [negated, word] of items(value, what, "1002, or 2 for the second thread")) {
      let [from, to] = between(word, what, "1002, or 2 for the second thread");
      if (from > 0 && from < first && to < first) [from, to] = [from + first - 1, to + first - 1];
      this.put("thread", negated, (event) => event.tid >= from && event.tid <= to);
    }
  }

  pid(what, value) {
    const first = this.words.first_pid;
    for (const [negated, word] of items(value, what, "1001, or sh")) {
      if (!/^-?\d/.test(word)) {
        this.put("pid", negated, (event) => event.program === word.slice(0, 15));
        continue;
      }
      let [from, to] = between(word, what, "1001, or sh");
      if (from > 0 && from < first && to < first) [from, to] = [from + first - 1, to + first - 1];
      this.put("pid", negated, (event) => event.pid >= from && event.pid <= to);
    }
  }

  path(what, value) {
    const negated = value.startsWith("!"), path = negated ? value.slice(1) : value;
    if (!path) throw new FilterError(`${what}: a path is expected`);
    const touches = (found) => found === path || found === `${path} (deleted)` || (path.endsWith("/") && found.startsWith(path));
    this.put("path", negated, (event) => event.paths.some(touches));
  }

  span(what, value, kind) {
    const low = { time: (event) => event.began + event.lasted, duration: (event) => event.lasted, blocked: (event) => event.waited }[kind];
    const high = { time: (event) => event.began, duration: (event) => event.lasted, blocked: (event) => event.waited }[kind];
    for (const [negated, word] of items(value, what, "0.5..2s")) {
      const [from, to] = range(word, what);
      this.put(kind, negated, (event) => low(event) >= from && (to === null || high(event) <= to));
    }
  }

  signal(what, value) {
    let chosen = new Calls();
    for (const [negated, word] of items(value, what, "SIGSEGV or none")) {
      const upper = word.toUpperCase(), name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
      let one;
      if (word === "all" || word === "none") one = new Calls([], word === "all");
      else if (Object.hasOwn(this.words.signals, name)) one = new Calls([this.words.signals[name]]);
      else throw new FilterError(`${what}: no such signal: ${word}${nearest(name, Object.keys(this.words.signals))}`);
      if (negated) chosen = (chosen.numbers.size || chosen.inverted ? chosen : new Calls([], true)).minus(one);
      else chosen = chosen.or(one);
    }
    this.signals = chosen;
  }

  expression(what, value) { this.where.push(new Where(value, this.words)); }

  // Whether an event is chosen (see Candidate).
  passes(event) {
    if (!event.isCall) {
      if (this.signals && event.isSignal) return this.signals.has(event.number);
      return ["thread", "pid", "time"].every((kind) => this.side(kind, event, kind === "thread" && Number.isNaN(event.tid)));
    }
    if (this.only && !this.only.has(event.number)) return false;
    if (this.without.has(event.number)) return false;
    for (const kind of this.either.keys()) if (!this.either.get(kind).some((test) => test(event))) return false;
    for (const kind of this.neither.keys()) if (this.neither.get(kind).some((test) => test(event))) return false;
    return this.where.every((where) => where.test(event));
  }

  side(kind, event, anyway) {
    const either = this.either.get(kind), neither = this.neither.get(kind);
    return (!either || anyway || either.some((test) => test(event))) && !neither?.some((test) => test(event));
  }
}

const READERS = {
  trace: Filter.prototype.trace, status: Filter.prototype.status, fd: Filter.prototype.numbers, object: Filter.prototype.numbers,
  path: Filter.prototype.path, thread: Filter.prototype.thread, pid: Filter.prototype.pid, time: Filter.prototype.span, duration: Filter.prototype.span,
  blocked: Filter.prototype.span, signal: Filter.prototype.signal, where: Filter.prototype.expression,
};

// The words of a list, each with whether it is negated: by its own `!`, or by that in front of the list.
function items(value, what, example) {
  const list = value.replace(/^!/, "").split(",").map((word) => word.trim());
  if (!list.every((word) => word.replace(/^!/, ""))) throw new FilterError(`${what}: a value is expected, such as ${example}`);
  return list.map((word) => [value.startsWith("!") || word.startsWith("!"), word.replace(/^!/, "")]);
}

function between(word, what, example) {
  const found = /^(-?\d{1,10})(?:\.\.(-?\d{1,10}))?$/.exec(word);
  if (!found) throw new FilterError(`${what}: '${word}' is not a number; write ${example}`);
  const from = Number(found[1]), to = found[2] === undefined ? from : Number(found[2]);
  if (to < from) throw new FilterError(`${what}: the range ends before it begins`);
  return [from, to];
}

function nanoseconds(text, unit, what) {
  const found = /^(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)$/.exec(text.trim().replaceAll("µ", "u"));
  if (!found || !Object.hasOwn(UNITS, found[2] || unit) || text.length > 40) throw new FilterError(`${what}: '${text}' is not a time; write 0.5, 2s, 10ms, 300us or 80ns`);
  const value = Number(found[1]) * UNITS[found[2] || unit], below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

function range(text, what) {
  const dots = text.indexOf(".."), first = text.slice(0, dots), last = text.slice(dots + 2);
  if (dots < 0 || !(first.trim() || last.trim())) throw new FilterError(`${what}: a range is expected, such as 0.5..2s, 10ms.. or ..3s`);
  const unit = last.replace(/[\d.\s]/g, "");
  const low = first.trim() ? nanoseconds(first, unit, what) : 0;
  const high = last.trim() ? nanoseconds(last, "", what) : null;
  if (high !== null && high < low) throw new FilterError(`${what}: the range ends before it begins`);
  return [low, high];
}

// One event at a time, as filters ask for it; moved along the columns instead of being made for each.
class Candidate {
  constructor(trace, details) { this.trace = trace; this.details = details; this.signal = ["signal", "fault"].map((name) => trace.kinds.indexOf(name)); }
  at(i) { this.i = i; this.parsed = null; return this; }
  get isCall() { return this.trace.isCall(this.i); }
  get isSignal() { return this.signal.includes(this.trace.kind[this.i]); }
  get number() { return this.trace.number[this.i]; }
  get tid() { return this.trace.tid[this.i]; }
  get pid() { return this.trace.pid[this.i]; }
  get program() { return this.trace.program(this.pid, this.trace.time[this.i]); }
  get began() { return this.trace.time[this.i]; }
  get lasted() { return this.trace.duration[this.i]; }
  get waited() { return this.trace.blocked[this.i]; }
  get descriptors() { return this.trace.fdsOf(this.i)[2]; }
  get paths() { return this.trace.fdsOf(this.i)[3]; }
  get objects() { return Object.values(this.trace.fdsOf(this.i)[1]).flatMap((number) => (number !== null && typeof number === "object" ? Object.values(number) : [number])); }

  get(name) {
    const { trace, i } = this;
    switch (name) {
      case "name": return trace.nameOf(i);
      case "number": return trace.number[i];
      case "ret": case "result": return trace.result[i];
      case "error": return trace.errorOf(i);
      case "tid": return trace.tid[i];
      case "pid": return trace.pid[i];
      case "time": return trace.time[i] / 1e9;
      case "duration": return trace.duration[i] / 1e9;
      case "blocked": return trace.blocked[i] / 1e9;
      case "sequence": return trace.sequence[i];
      case "woken_by": return trace.woken[i] < 0 ? null : trace.woken[i];
      case "pc": return small(BigInt(trace.placeOf(i)?.pc || 0));
      case "function": return trace.placeOf(i)?.function ?? "";
      case "file": return trace.placeOf(i)?.file ?? "";
      case "line": return trace.placeOf(i)?.line ?? 0;
      case "fd": return this.descriptors[0] ?? null;
      default: throw new Error(`a member that this page does not know: ${name}`);
    }
  }

  member(space, name) {
    if (space === "args") {
      this.parsed ??= detailsFrom(this.details[this.i]);
      return Object.hasOwn(this.parsed.args, name) ? simple(this.parsed.args[name]) : null;
    }
    const values = this.trace.fdsOf(this.i)[space === "fds" ? 0 : 1];
    return Object.hasOwn(values, name) ? values[name] : null;
  }
}

// The events that a filter chooses, rising.
async function chosenBy(filter, trace) {
  const details = filter.asksArguments ? await trace.allDetails() : null;
  const event = new Candidate(trace, details), found = new Uint32Array(trace.length);
  let count = 0;
  for (let i = 0; i < trace.length; i++) if (filter.passes(event.at(i))) found[count++] = i;
  return found.slice(0, count);
}
