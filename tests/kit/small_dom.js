// Runs a script of the portal against a stand-in for the browser, and prints what it drew as JSON.
// Usage: node small_dom.js SCRIPT DOCUMENT FRAGMENT
"use strict";
const { readFileSync } = require("node:fs");
const [script, openapi, fragment] = process.argv.slice(2);
const byId = {};

class Element {
  constructor(name) { this.tagName = name.toUpperCase(); this.attributes = {}; this.children = []; this.textContent = ""; }
  setAttribute(name, value) { this.attributes[name] = value; if (name === "id") byId[value] = this; }
  append(...children) {
    for (const child of children) {
      if (typeof child !== "string" && !(child instanceof Element)) throw new Error(`${this.tagName} got ${child}`);
      this.children.push(child);
    }
  }
  scrollIntoView() {}
}

for (const id of ["state", "content", "contents"]) new Element("div").setAttribute("id", id);
globalThis.document = {
  createElement: (name) => new Element(name),
  createTextNode: (text) => text,
  getElementById: (id) => byId[id] || null,
};
globalThis.location = { hash: fragment };
globalThis.window = { addEventListener() {} };
globalThis.fetch = async () => ({ ok: true, json: async () => JSON.parse(readFileSync(openapi, "utf8")) });
(0, eval)(readFileSync(script, "utf8"));

const links = [];
const text = (node) => {
  if (typeof node === "string") return node;
  if (node.attributes.href) links.push(node.attributes.href);
  return node.textContent + node.children.map(text).join(" ");
};
setImmediate(() => setImmediate(() => {
  const drawn = text(byId.content) + text(byId.contents);
  const open = Object.entries(byId).filter(([, element]) => element.open).map(([id]) => id);
  const dead = links.filter((link) => link.startsWith("#") && !byId[link.slice(1)]);
  process.stdout.write(JSON.stringify({ state: byId.state.textContent, drawn, open, dead }));
}));
