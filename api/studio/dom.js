/**
 * Elements, made of text. Nothing here reads markup: whatever a chat says stays a text node.
 */

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * An element such as `el("div.row.kept", {onclick}, "text")`.
 *
 * @param {string} kind a tag, with classes behind dots
 * @param {Record<string, any>} [given] attributes; `on…` are listeners, `vars` custom properties of its style; what is
 *   null, undefined or false is left out
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function el(kind, given = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(given)) set(made, name, value);
  made.append(...nodes(children));
  return made;
}

/** As `el`, of SVG. */
export function svg(tag, given = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, String(value));
  made.append(...nodes(children));
  return made;
}

/** Replaces all that stands in an element. */
export function fill(place, ...children) {
  place.replaceChildren(...nodes(children));
  return place;
}

/** Tells a screen reader. */
export function say(text) {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}

function set(made, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
  else if (name === "vars") for (const [key, given] of Object.entries(value)) made.style.setProperty(key, String(given));
  else if (name === "value" || name === "checked" || name === "selected") made[name] = value;
  else made.setAttribute(name, value === true ? "" : String(value));
}

/** @param {Child[]} children */
function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
