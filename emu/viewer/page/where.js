// The expressions of where="...": a part of Python's, parsed here and evaluated over columns; the twin of emu/trace/where.py.

class FilterError extends Error {}

const PRECEDENCE = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];
const TOKEN = /\s*(?:(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*)?\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*\.?(?:[eE][+-]?\d+)?)|([rRbBuU]{0,2})("(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*')|([A-Za-z_][A-Za-z_0-9]*)|(==|!=|<=|>=|<<|>>|\/\/|[-+*/%&|^~<>()[\]{},.=]))/y;
const ESCAPES = { n: "\n", t: "\t", r: "\r", 0: "\0", a: "\x07", b: "\b", f: "\f", v: "\v", "\\": "\\", "'": "'", '"': '"', "\n": "" };

// Numbers of any kind, and booleans, which are numbers in Python.
function isNumber(value) { return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"; }

function truth(value) {
  if (value === null || value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object") return Object.keys(value).length > 0;
  return Boolean(value);
}

function equal(left, right) {
  if (isNumber(left) && isNumber(right)) return left == right; // a BigInt equals a number of the same value
  if (left === null || right === null || typeof left !== "object" || typeof right !== "object") return left === right;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => Object.hasOwn(right, name) && equal(left[name], right[name]));
}

function contains(items, item) {
  if (typeof items === "string") return typeof item === "string" && items.includes(item);
  if (Array.isArray(items)) return items.some((one) => equal(one, item));
  return Object.hasOwn(items, String(item));
}

function compares(left, right) {
  return (isNumber(left) && isNumber(right)) || (typeof left === "string" && typeof right === "string");
}

function holds(items, item) {
  if (typeof items === "string") return typeof item === "string";
  return items !== null && typeof items === "object";
}

// What cannot be compared is not chosen, whatever the comparison.
const COMPARISONS = {
  "==": equal,
  "!=": (a, b) => !equal(a, b),
  "<": (a, b) => compares(a, b) && a < b,
  "<=": (a, b) => compares(a, b) && a <= b,
  ">": (a, b) => compares(a, b) && a > b,
  ">=": (a, b) => compares(a, b) && a >= b,
  in: (a, b) => holds(b, a) && contains(b, a),
  "not in": (a, b) => holds(b, a) && !contains(b, a),
  is: (a, b) => a === b || (isNumber(a) && isNumber(b) && typeof a === typeof b && a === b),
  "is not": (a, b) => a !== b,
};

function whole(value) { return typeof value === "bigint" || Number.isInteger(Number(value)); }

// An integer as a number where that is exact.
function small(value) { return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value; }

function integers(left, right, operate) {
  if (!whole(left) || !whole(right)) return null;
  const value = operate(BigInt(left), BigInt(right));
  return value === null ? null : small(value);
}

function either(exact, rounded) {
  return (left, right) => (whole(left) && whole(right) ? integers(left, right, exact) : rounded(Number(left), Number(right)));
}

function floored(a, b) {
  const quotient = a / b;
  return a % b !== 0n && (a < 0n) !== (b < 0n) ? quotient - 1n : quotient;
}

const LARGEST = 2n ** 64n;

function bounded(a, b) { return (a < 0n ? -a : a) > LARGEST || (b < 0n ? -b : b) > LARGEST ? null : a * b; }

const ARITHMETIC = {
  "+": either((a, b) => a + b, (a, b) => a + b),
  "-": either((a, b) => a - b, (a, b) => a - b),
  "*": either(bounded, (a, b) => a * b),
  "/": (a, b) => (Number(b) === 0 ? null : Number(a) / Number(b)),
  "//": either((a, b) => (b === 0n ? null : floored(a, b)), (a, b) => (b === 0 ? null : Math.floor(a / b))),
  "%": either((a, b) => (b === 0n ? null : a - floored(a, b) * b), (a, b) => (b === 0 ? null : a - Math.floor(a / b) * b)),
  "&": (a, b) => integers(a, b, (x, y) => x & y),
  "|": (a, b) => integers(a, b, (x, y) => x | y),
  "^": (a, b) => integers(a, b, (x, y) => x ^ y),
  "<<": (a, b) => integers(a, b, (x, y) => (y < 0n || y > 64n ? null : x << y)),
  ">>": (a, b) => integers(a, b, (x, y) => (y < 0n ? null : x >> y)),
};

const METHODS = {
  startswith: (text, part) => text.startsWith(part),
  endswith: (text, part) => text.endsWith(part),
  contains: (text, part) => text.includes(part),
};

function element(value, key) {
  if (Array.isArray(value)) {
    if (!whole(key) || typeof key === "string" || key === null) return null;
    return value.at(Number(key)) ?? null;
  }
  if (value !== null && typeof value === "object") return Object.hasOwn(value, String(key)) ? value[String(key)] : null;
  return null;
}

function size(value) {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return value !== null && typeof value === "object" ? Object.keys(value).length : null;
}

// Payloads as the text of their bytes.
function simple(data) {
  if (Array.isArray(data)) return data.map(simple);
  if (data === null || data === undefined) return null;
  if (typeof data !== "object") return data;
  const names = Object.keys(data);
  if (names.length === 2 && "bytes" in data && "size" in data) return data.bytes;
  return Object.fromEntries(names.map((name) => [name, simple(data[name])]));
}

// An expression, parsed: `test(event)` says whether it holds for an event, a function from names to values.
class Where {
  constructor(text, words) {
    if (text.length > 2000) throw new FilterError("where: the expression is longer than 2000 characters");
    if (!text.trim()) throw new FilterError("where: an expression is expected, such as \"name == 'sendto' and ret < 0\"");
    this.text = text;
    this.words = words;
    this.asksArguments = false;
    this.depth = 0;
    this.tokens = this.split();
    this.at = 0;
    this.root = this.or();
    if (this.kind !== "end") this.wrong(this.text.includes("&&") || this.text.includes("||") ? "write `and`, `or`, `not`" : this.token === "=" ? "write == to compare" : "invalid syntax");
  }

  test(event) { return truth(this.root(event)); }

  wrong(why, column = this.tokens[this.at].column) { throw new FilterError(`where: ${why}, at column ${column + 1}`); }

  split() {
    const tokens = [];
    for (let at = 0; ; at = TOKEN.lastIndex) {
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(this.text);
      if (!found) {
        const rest = this.text.slice(at);
        if (!rest.trim()) { tokens.push({ kind: "end", column: this.text.length }); return tokens; }
        throw new FilterError(`where: invalid syntax, at column ${at + rest.length - rest.trimStart().length + 1}`);
      }
      const [all, number, prefix, string, name, sign] = found;
      const column = TOKEN.lastIndex - all.trimStart().length;
      if (number !== undefined) tokens.push({ kind: "constant", value: this.number(number, column), column });
      else if (string !== undefined) tokens.push({ kind: "string", value: this.string(prefix, string), column });
      else tokens.push({ kind: name ? "name" : "sign", value: name ?? sign, column });
    }
  }

  number(text, column) {
    const digits = text.replaceAll("_", "");
    if (/^0\d*[1-9]/.test(digits) && /^\d+$/.test(digits)) throw new FilterError(`where: leading zeros in decimal integer literals are not permitted, at column ${column + 1}`);
    const value = /^(0[xob]|\d+$)/i.test(digits) ? small(BigInt(digits)) : Number(digits);
    if (value > LARGEST) throw new FilterError(`where: a number below 2**64, a text, True, False or None is expected, at column ${column + 1}`);
    return value;
  }

  string(prefix, quoted) {
    const inside = quoted.slice(1, -1);
    if (/r/i.test(prefix)) return inside;
    return inside.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[^])/g, (all, code) => {
      if (/^[xuU]./.test(code)) return String.fromCodePoint(parseInt(code.slice(1), 16));
      if (/^[0-7]/.test(code)) return String.fromCharCode(parseInt(code, 8));
      return ESCAPES[code] ?? all;
    });
  }

  get kind() { return this.tokens[this.at].kind; }
  get token() { return this.tokens[this.at].value; }
  is(value) { return (this.kind === "sign" || this.kind === "name") && this.token === value; }
  take(value) { if (!this.is(value)) return false; this.at++; return true; }
  expect(value) { if (!this.take(value)) this.wrong(`${value} is expected`); }

  or() {
    if (++this.depth > 60) throw new FilterError("where: the expression is too large: simplify it");
    let left = this.and();
    while (this.take("or")) { const a = left, b = this.and(); left = (event) => { const value = a(event); return truth(value) ? value : b(event); }; }
    this.depth--;
    return left;
  }

  and() {
    let left = this.not();
    while (this.take("and")) { const a = left, b = this.not(); left = (event) => { const value = a(event); return truth(value) ? b(event) : value; }; }
    return left;
  }

  not() {
    if (!this.take("not")) return this.comparison();
    if (++this.depth > 60) throw new FilterError("where: the expression is too large: simplify it");
    const inner = this.not();
    this.depth--;
    return (event) => !truth(inner(event));
  }

  comparison() {
    const values = [this.binary(0)], tests = [];
    for (let sign; (sign = this.comparing()); ) { tests.push(COMPARISONS[sign]); values.push(this.binary(0)); }
    if (!tests.length) return values[0];
    return (event) => tests.every((test, at) => test(values[at](event), values[at + 1](event)));
  }

  comparing() {
    if (this.kind === "sign" && Object.hasOwn(COMPARISONS, this.token)) return this.tokens[this.at++].value;
    if (this.take("in")) return "in";
    if (this.take("is")) return this.take("not") ? "is not" : "is";
    if (this.is("not") && this.tokens[this.at + 1].value === "in") { this.at += 2; return "not in"; }
    return null;
  }

  binary(level) {
    if (level === PRECEDENCE.length) return this.unary();
    let left = this.binary(level + 1);
    while (this.kind === "sign" && PRECEDENCE[level].includes(this.token)) {
      const operate = ARITHMETIC[this.tokens[this.at++].value], a = left, b = this.binary(level + 1);
      left = (event) => { const x = a(event), y = b(event); return isNumber(x) && isNumber(y) ? operate(x, y) : null; };
    }
    return left;
  }

  unary() {
    if (this.take("-")) { const inner = this.deeper(); return (event) => { const value = inner(event); return isNumber(value) ? -(typeof value === "boolean" ? Number(value) : value) : null; }; }
    if (this.take("+")) return this.deeper();
    if (this.take("~")) { const inner = this.deeper(); return (event) => { const value = inner(event); return isNumber(value) && whole(value) ? small(~BigInt(value)) : null; }; }
    return this.postfix();
  }

  deeper() {
    if (++this.depth > 60) throw new FilterError("where: the expression is too large: simplify it");
    const inner = this.unary();
    this.depth--;
    return inner;
  }

  // Arguments and descriptors with their members and elements; calls of the few methods there are.
  postfix() {
    let [value, member] = this.atom();
    for (;;) {
      if (this.take(".")) {
        const name = this.token;
        if (this.kind !== "name") this.wrong("a name is expected");
        this.at++;
        if (Object.hasOwn(METHODS, name) && this.take("(")) {
          const part = this.or(), text = value, method = METHODS[name];
          this.expect(")");
          value = (event) => { const a = text(event), b = part(event); return typeof a === "string" && typeof b === "string" && method(a, b); };
          member = false;
        } else if (member) { const inner = value; value = (event) => element(inner(event), name); }
        else this.wrong("a member of args or fds is expected, such as args.fd");
      } else if (this.is("[")) {
        if (!member) this.wrong("only arguments have elements: args.NAME[0]");
        this.at++;
        const key = this.unary(), inner = value;
        this.expect("]");
        value = (event) => element(inner(event), key(event));
      } else return value;
    }
  }

  atom() {
    const { kind, value: token, column } = this.tokens[this.at];
    if (kind === "constant") { this.at++; return [() => token, false]; }
    if (kind === "string") {
      let text = "";
      while (this.kind === "string") text += this.tokens[this.at++].value;
      return [() => text, false];
    }
    if (kind === "name") { this.at++; return this.name(token, column); }
    for (const [open, close] of [["(", ")"], ["[", "]"], ["{", "}"]]) if (this.take(open)) return [this.items(close), false];
    return this.wrong(token === "=" ? "write == to compare" : "invalid syntax");
  }

  items(close) {
    const items = [];
    let comma = close !== ")";
    while (!this.is(close)) {
      items.push(this.or());
      if (!this.take(",")) break;
      comma = true;
    }
    this.expect(close);
    if (items.length === 1 && !comma) return items[0];
    return (event) => items.map((item) => item(event));
  }

  name(name, column) {
    const { fields, spaces, errnos } = this.words;
    if (name === "True" || name === "False") return [() => name === "True", false];
    if (name === "None") return [() => null, false];
    if (name === "len" && this.take("(")) { const inner = this.or(); this.expect(")"); return [(event) => size(inner(event)), false]; }
    if (Object.hasOwn(fields, name)) return [(event) => event.get(name), false];
    if (Object.hasOwn(errnos, name)) return [() => errnos[name], false];
    const known = new Set(this.words.arguments);
    if (Object.hasOwn(spaces, name)) {
      if (!this.take(".")) this.wrong(`say which: ${name}.NAME, such as ${name}.fd`, column);
      const member = this.token;
      if (name !== "args") known.add("result");
      if (this.kind !== "name" || !known.has(member)) this.wrong(`no system call has an argument ${member}${nearest(String(member), known)}`, column);
      this.at++;
      if (name === "args") this.asksArguments = true;
      return [(event) => event.member(name, member), true];
    }
    const hint = known.has(name) ? `; did you mean args.${name}?` : nearest(name, [...Object.keys(fields), ...Object.keys(spaces)]);
    return this.wrong(`no such member: ${name}${hint}`, column);
  }
}
