// Numbers and bytes as people read them, and elements made of text (never of markup).

const CATEGORIES = ["network", "memory", "signal", "process", "file", "desc", "clock", "other"];

function seconds(ns, digits = 6) { return (ns / 1e9).toFixed(digits); }

function span(ns) {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(ns < 1e4 ? 1 : 0)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(ns < 1e7 ? 2 : ns < 1e8 ? 1 : 0)} ms`;
  return `${(ns / 1e9).toFixed(ns < 1e10 ? 2 : 1)} s`;
}

function count(number, word) { return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`; }

// An element: make("a", {class: "x", onclick: f}, "text", child, ...). Text is text, whatever is in it.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// Control characters that would change how text is laid out, made visible.
function plain(text) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

// Data as JSON text, integers of any size included.
function written(data, indent) {
  return JSON.stringify(data, (_, value) => (typeof value === "bigint" ? `${value}` : value), indent) ?? "";
}

// Payload (one character a byte) as lines of offset, hexadecimal and text.
function hexdump(data, wide = 16, most = 4096) {
  const lines = [];
  for (let at = 0; at < Math.min(data.length, most); at += wide) {
    let hex = "", text = "";
    for (let i = at; i < at + wide; i++) {
      if ((i - at) % 8 === 0 && i > at) hex += " ";
      if (i >= data.length) { hex += "   "; continue; }
      const byte = data.charCodeAt(i) & 0xff;
      hex += byte.toString(16).padStart(2, "0") + " ";
      text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·";
    }
    lines.push([at.toString(16).padStart(4, "0"), hex, text]);
  }
  return lines;
}

// Steps of a time axis: 1, 2 or 5 times a power of ten, at least `least` apart.
function step(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= least);
}
