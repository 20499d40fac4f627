/** Elements, glyphs and small things of the document. */

import { fileAt, sourceOf } from "./transport.js";

/** Element with the given id; a missing one is a fault of the page. */
export function at(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element "${id}"`);
  return found;
}

/** New element. `on*` keys add listeners; `data` fills the dataset; false and null leave an attribute out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "icon") element.prepend(glyph(value));
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const PATHS = {
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "m15 14 5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6Z",
  open: "M3 18V6h6l2 2.5h10V18ZM3 11.5h18",
  save: "M12 3v11M7.5 10 12 14.5 16.5 10M4 17v4h16v-4",
  help: "M9 9.2a3 3 0 1 1 4.4 2.7c-.9.5-1.4 1-1.4 2.1M12 17.6v.1M12 2.8a9.2 9.2 0 1 0 0 18.4 9.2 9.2 0 0 0 0-18.4Z",
  close: "M6 6l12 12M18 6 6 18",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  up: "M6 14.5 12 8.5l6 6",
  down: "M6 9.5l6 6 6-6",
  arrow: "M4 12h15M13.5 6.5 19 12l-5.5 5.5",
  brush: "M20.5 3.5 10 13.5M9.5 13a3.4 3.4 0 0 1 1.8 3c0 2.6-2 4.5-4.8 4.5-1.5 0-3-.6-3.5-1.5 1.7-.4 1.8-1.6 1.9-2.7.2-1.9 1.6-3.8 4.6-3.3Z",
  eraser: "M9 20h11M5.2 14.8 14.3 5.7a2 2 0 0 1 2.8 0l2.2 2.2a2 2 0 0 1 0 2.8L10 20H7.5l-2.3-2.3a2 2 0 0 1 0-2.9ZM10.5 9.5l5 5",
  pick: "M4 20 14 10M12.5 8.5l3 3M18 3v4M16 5h4M20 12v3M18.5 13.5h3M9 3v3M7.5 4.5h3",
  invert: "M12 3.5a8.5 8.5 0 1 0 0 17ZM12 3.5a8.5 8.5 0 0 1 0 17",
  clear: "M4.5 7h15M9.5 7V4h5v3M6.5 7l1 13h9l1-13",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  plus: "M12 5v14M5 12h14",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM15.5 15.5 20.5 20.5",
};

/** Line drawing of one of the page's signs; a picture for the eye only. */
export function glyph(name) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", "glyph");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", PATHS[name]);
  if (name === "more") line.setAttribute("stroke-width", "3");
  drawing.append(line);
  return drawing;
}

/** Put the glyphs named by `data-icon` into the page's buttons. */
export function drawGlyphs(root = document) {
  for (const button of root.querySelectorAll("[data-icon]")) button.prepend(glyph(button.dataset.icon));
}

/** Whether the focus is where letters are typed. */
export function isTyping(target) {
  return target instanceof HTMLElement && Boolean(target.closest("input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, select, dialog"));
}

const PAUSES = [300, 1200, 3000]; // milliseconds before a picture that did not come is asked for again

/**
 * Image, loaded and decoded. The editor is asked again while it is `wanted()`, also after a refusal,
 * as an image does not tell one from a lost request; rejects where there is none.
 */
export async function loadImage(address, wanted = () => true) {
  const most = /^(data|blob):/.test(address) ? 0 : PAUSES.length;
  for (let failures = 0; ; failures += 1) {
    try {
      const image = new Image();
      image.src = await sourceOf(address);
      await image.decode();
      return image;
    } catch (problem) {
      if (failures < most) await new Promise((done) => setTimeout(done, PAUSES[failures]));
      if (failures === most || !wanted()) throw problem;
    }
  }
}

/** Show the picture of an address in an `<img>`, or none for null; a newer wish outdates an older one. */
export async function setPicture(image, address) {
  if (address === (image.dataset.address ?? null)) return;
  if (address === null) {
    delete image.dataset.address;
    image.removeAttribute("src");
    return;
  }
  image.dataset.address = address;
  const wanted = () => image.dataset.address === address;
  const loaded = await loadImage(address, wanted).catch(() => null);
  if (!wanted()) return;
  if (loaded) image.src = loaded.src;
  else {
    delete image.dataset.address;
    image.removeAttribute("src");
    image.dispatchEvent(new Event("error"));
  }
}

/** Let the browser save a Blob or what is at an address, under a name. Rejects if there is nothing. */
export async function saveAs(source, name) {
  const found = source instanceof Blob ? source : await fileAt(source);
  const address = found instanceof Blob ? URL.createObjectURL(found) : found;
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  if (found instanceof Blob) setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** What the browser remembers for this page, or null; some places forbid it to remember. */
export function remembered(name) {
  try {
    return localStorage.getItem(`palimpsest.${name}`);
  } catch {
    return null;
  }
}

/** Remember a text, or forget it (null). */
export function remember(name, text) {
  try {
    if (text === null) localStorage.removeItem(`palimpsest.${name}`);
    else localStorage.setItem(`palimpsest.${name}`, text);
  } catch {
    // it is forgotten when the page is closed
  }
}

/** A file that the person chooses, or null. `accept` as the attribute of the same name. */
export function chooseFile(accept) {
  return new Promise((resolve) => {
    const input = make("input", { type: "file", accept });
    input.addEventListener("change", () => resolve(input.files[0] ?? null));
    input.addEventListener("cancel", () => resolve(null));
    input.click();
  });
}
