// Small tools for building elements without HTML strings.

const sprite = new URL("../icons.svg", import.meta.url).href;

/** Make an element: properties, then children (nodes or text). */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (key in element && !key.startsWith("aria")) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Make one of the icons of the sprite. It is decoration: the element around it carries the name. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/** Make a button that shows an icon and says its name to those who cannot see it. */
export function iconButton(name, label, action) {
  return make("button", { type: "button", class: "icon small", "aria-label": label, title: label, on: { click: action } }, icon(name));
}

/** Say something to screen readers without showing it. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Copy text, and show on the button that it was done. */
export async function copy(text, button, done) {
  await navigator.clipboard.writeText(text);
  const before = [...button.childNodes];
  button.replaceChildren(button.classList.contains("icon") ? icon("done") : done);
  announce(done);
  setTimeout(() => button.replaceChildren(...before), 1600);
}
