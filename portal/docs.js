// Draws /openapi.json. Everything is set as text, never as markup; nothing is loaded from elsewhere.
"use strict";

const make = (name, attributes, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

const anchor = (method, path) => `${method}${path}`.replace(/[^a-z0-9]+/gi, "-");
const schemaId = (name) => `schema-${name}`;

function refName(schema) {
  return schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
}

// One line for what a value is; a named schema becomes a link to its section.
function kind(schema) {
  if (!schema || Object.keys(schema).length === 0) return [document.createTextNode("anything")];
  if (schema.$ref) {
    const name = refName(schema);
    return [make("a", { href: `#${schemaId(name)}` }, name)];
  }
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.flatMap((one, index) => (index ? [" or ", ...kind(one)] : kind(one)));
  if (schema.type === "array") return ["list of ", ...kind(schema.items || {})];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(", ")];
  const limits = ["minimum", "maximum", "minLength", "maxLength", "pattern"]
    .filter((name) => name in schema)
    .map((name) => `${name} ${schema[name]}`);
  return [[schema.type || schema.description || "anything", ...limits].join(", ")];
}

function table(caption, heads, rows) {
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((cells) =>
    make("tr", {}, ...cells.map((cell, index) =>
      make(index ? "td" : "th", index ? {} : { scope: "row" }, ...[].concat(cell)))));
  return make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
}

function contentRows(content) {
  return Object.entries(content || {}).map(([type, { schema }]) => [make("code", {}, type), kind(schema)]);
}

function endpoint(path, method, operation) {
  const section = make("section", { id: anchor(method, path) },
    make("h2", {}, make("code", {}, `${method.toUpperCase()} ${path}`)),
    make("p", {}, operation.summary || ""));
  if (operation.parameters.length) {
    section.append(table("Parameters", ["Name", "Where", "What"], operation.parameters.map((one) => [
      make("code", {}, one.name),
      one.required ? `${one.in}, required` : one.in,
      [...kind(one.schema), one.schema.description ? `: ${one.schema.description}` : ""],
    ])));
  }
  if (operation.requestBody) {
    section.append(table("Body", ["Type", "What"], contentRows(operation.requestBody.content)));
  }
  const answers = Object.entries(operation.responses).flatMap(([status, answer]) =>
    contentRows(answer.content).map(([type, what]) => [status === "default" ? "refused" : status, type, what]));
  section.append(table("Answers", ["Status", "Type", "What"], answers));
  return section;
}

function schemaSection(name, schema) {
  const section = make("details", { id: schemaId(name) },
    make("summary", {}, make("code", {}, name)),
    make("p", {}, schema.description || ""));
  const required = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([field, one]) => [
    make("code", {}, field),
    kind(one),
    [one.description || "", required.has(field) ? "" : " (may be left out)"].join(""),
  ]);
  section.append(rows.length ? table("Fields", ["Field", "What", "Meaning"], rows) : make("p", {}, ...kind(schema)));
  return section;
}

// A link to a schema opens it.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") target.open = true;
  if (target) target.scrollIntoView();
}

async function draw() {
  const state = document.getElementById("state");
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`the node answered ${answer.status}`);
    const api = await answer.json();
    const main = document.getElementById("content");
    const contents = document.getElementById("contents");
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        main.append(endpoint(path, method, operation));
        const link = make("a", { href: `#${anchor(method, path)}` }, `${method.toUpperCase()} ${path}`);
        contents.append(make("li", {}, link));
      }
    }
    main.append(make("h2", {}, "Schemas"));
    for (const [name, schema] of Object.entries(api.components.schemas)) {
      main.append(schemaSection(name, schema));
    }
    state.textContent = `${api.info.title} ${api.info.version}: ${contents.children.length} endpoints.`;
    openTarget();
  } catch (error) {
    state.textContent = `The document could not be read: ${error.message}`;
  }
}

window.addEventListener("hashchange", openTarget);
draw();
