/** The trays: what is copied, where it is pasted, and the context; each with its cut-out. */

import { goalAddress, pictureAddress, relative } from "./connection.js";
import { at, glyph, loadImage, make, setPicture } from "./dom.js";
import { colourOf, drawMask, SIDE } from "./mask.js";
import { eraseGoal, markTray } from "./erasing.js";
import { makeMovable } from "./moving.js";
import { isErasing, isOfSample, nextRole, ROLES } from "./roles.js";

const WORDS = {
  object: "Paint a thing to copy",
  paste: "Paint where it should go",
  context: "Paint the thing to change in a few more pictures. Until then the pasted place counts.",
  mark: "Paint over what should go, in one or more pictures",
};

const MOST_KEPT = 100; // cut-outs and goals

/** `show(sample, role)` opens a selection's picture. */
export function createTrays(store, wire, show) {
  let drawn = "";
  // cut-outs and goals that stay as they are are not drawn again: a stroke costs one cut-out, not all
  const made = new Map();
  function once(key, draw) {
    const old = made.get(key);
    const found = old && !("failed" in old.dataset) ? old : draw();
    made.delete(key);
    made.set(key, found); // the newest last
    if (made.size > MOST_KEPT) made.delete(made.keys().next().value);
    return found;
  }

  function trays({ work, exemplar }) {
    if (!work) return;
    const { exemplars, context } = work.draft;
    if (exemplar >= exemplars.length) return store.set({ exemplar: exemplars.length - 1 });
    // drawn anew only if something in them changed: focus and pictures stay
    const now = JSON.stringify([work.original, work.layer, work.draft.exemplars, context, exemplar, work.draft.erase]);
    if (now === drawn) return;
    drawn = now;
    const focused = document.activeElement?.dataset?.keep;
    const pair = exemplars[exemplar];
    const next = nextRole(work, exemplar);
    const parts = isErasing(work)
      ? [markTray(work, next, slot, empty), eraseGoal(work), context.length ? contextTray(work, next) : null]
      : [
        make("div", { class: "exchange" }, tray("object", pair.object, work, next), glyph("arrow"), tray("paste", pair.paste, work, next)),
        pair.object && pair.paste ? goal(work, exemplar) : null,
        pager(work, exemplar),
        contextTray(work, next),
      ];
    at("trays").replaceChildren(...parts.filter(Boolean));
    if (focused) at("trays").querySelector(`[data-keep="${focused}"]`)?.focus();
  }

  const contextTray = (work, next) => {
    const { context } = work.draft;
    return make("section", { class: "tray", data: { role: "context", ...(context.length ? { filled: "" } : {}) } },
      make("h3", {}, "Context", make("span", { class: "soft" }, context.length ? `${context.length} ${context.length === 1 ? "place" : "places"}` : "")),
      make("div", { class: "places" }, ...(context.length
        ? context.map((place) => slot("context", place, work))
        : [make("div", { class: "slot wide" }, empty("context", next))])));
  };

  const tray = (role, selection, work, next) =>
    make("section", { class: "tray", data: { role, ...(selection ? { filled: "" } : {}) } },
      make("h3", {}, ROLES[role]),
      selection ? slot(role, selection, work) : make("div", { class: "slot" }, empty(role, next)));

  const empty = (role, next) =>
    make("button", { type: "button", class: role === next ? "empty next" : "empty", data: { keep: `${role}-empty` }, onclick: () => start(role) }, WORDS[role]);

  function start(role) {
    store.set({ role });
    if (store.value.open === null) at("tiles").querySelector('[tabindex="0"]')?.focus();
    else at("canvas").focus();
  }

  function slot(role, selection, work) {
    const canvas = once([role, work.original, selection.sample, selection.mask].join(), () => {
      const fresh = make("canvas", { width: 256, height: 256, "aria-hidden": "true" });
      cut(fresh, role, selection, work);
      return fresh;
    });
    const name = isOfSample(role) ? `${ROLES[role]} on sample ${selection.sample}` : `${ROLES[role]}: sample ${selection.sample}`;
    const keep = `${role}-${isOfSample(role) ? selection.sample : ""}`;
    return make("div", { class: "slot" },
      make("button", { type: "button", class: "cut", "aria-label": name, title: name, data: { keep }, onclick: () => show(selection.sample, role) }, canvas),
      make("button", { type: "button", class: "remove", icon: "close", "aria-label": `Remove ${name}`, title: "Remove", data: { keep: `${keep}-remove` },
        onclick: () => wire.send("select", { role, exemplar: store.value.exemplar, sample: selection.sample, mask: null }) }));
  }

  /** The painted part of a picture and a little around it, darker where it is not painted. */
  async function cut(canvas, role, selection, work) {
    try {
      const [picture, mask] = await Promise.all([loadImage(pictureAddress(work.original, selection.sample)), loadImage(relative(selection.mask))]);
      const whole = make("canvas", { width: SIDE, height: SIDE });
      const ink = whole.getContext("2d");
      ink.fillStyle = "rgb(20 18 15 / 0.55)";
      ink.fillRect(0, 0, SIDE, SIDE);
      ink.globalCompositeOperation = "destination-out";
      ink.drawImage(mask, 0, 0, SIDE, SIDE);
      ink.globalCompositeOperation = "destination-over";
      ink.drawImage(picture, 0, 0, SIDE, SIDE);
      ink.globalCompositeOperation = "source-over";
      drawMask(ink, mask, colourOf(role), true);
      const small = canvas.getContext("2d");
      small.imageSmoothingQuality = "high";
      const [x, y, side] = frameOf(mask);
      small.drawImage(whole, x, y, side, side, 0, 0, canvas.width, canvas.height);
    } catch {
      canvas.dataset.failed = "";
      canvas.getContext("2d").fillText("not drawn", 90, 130);
    }
  }

  /** What the layer will be asked for, and moving the pasted thing by the layer's cells. */
  function goal(work, exemplar) {
    // the context has no part in a goal, so its picture outlives the state in whose name it is asked for
    const image = once(JSON.stringify([work.original, work.layer, work.draft.exemplars[exemplar]]), () => {
      const fresh = make("img", { alt: "The copied thing pasted, as the layer will be asked for it" });
      fresh.addEventListener("error", () => {
        fresh.dataset.failed = "";
        fresh.remove();
      });
      setPicture(fresh, goalAddress(work.hash, exemplar));
      return fresh;
    });
    const move = (rows, columns) => wire.send("nudge", { role: "paste", exemplar, rows, columns });
    const box = make("div", { class: "slot movable", tabindex: "0", role: "group", "aria-label": "The goal. The arrow keys move what is pasted.", title: "Drag it, or use the arrow keys", data: { keep: "goal" } }, image);
    const { values } = work.layers.find((layer) => layer.number === work.layer);
    makeMovable(box, { mask: relative(work.draft.exemplars[exemplar].paste.mask), cells: values, move });
    const nudge = (icon, words, ...by) =>
      make("button", { type: "button", class: `icon small ${icon}`, icon, "aria-label": `Move what is pasted ${words}`, title: `Move it ${words}`, data: { keep: `nudge-${icon}` }, onclick: () => move(...by) });
    return make("div", { class: "goal" }, box,
      make("div", {}, make("p", { class: "soft" }, "What the rule is asked to draw. Drag to move what is pasted."),
        make("div", { class: "nudges", role: "group", "aria-label": "Move what is pasted by one cell" },
          nudge("left", "left", 0, -1), nudge("up", "up", -1, 0), nudge("down", "down", 1, 0), nudge("right", "right", 0, 1))));
  }

  function pager(work, exemplar) {
    const { exemplars } = work.draft;
    const complete = exemplars.every((pair) => pair.object && pair.paste);
    const go = (to) => store.set({ exemplar: to });
    const many = exemplars.length > 1;
    if (!many && !complete) return null;
    return make("div", { class: "pager" },
      many ? make("button", { type: "button", class: "icon small", icon: "left", "aria-label": "Previous pair", disabled: exemplar === 0, data: { keep: "pair-left" }, onclick: () => go(exemplar - 1) }) : null,
      make("span", {}, many ? `Pair ${exemplar + 1} of ${exemplars.length}` : "One pair"),
      many ? make("button", { type: "button", class: "icon small", icon: "right", "aria-label": "Next pair", disabled: exemplar === exemplars.length - 1, data: { keep: "pair-right" }, onclick: () => go(exemplar + 1) }) : null,
      many ? make("button", { type: "button", class: "icon small", icon: "clear", "aria-label": "Remove this pair", title: "Remove this pair", onclick: () => wire.send("remove_exemplar", { exemplar }) }) : null,
      complete ? make("button", { type: "button", class: "quiet small add", icon: "plus", "aria-label": "Add another pair", title: "Another copy and paste for the same rule", onclick: () => {
        wire.send("add_exemplar");
        awaited = exemplars.length;
      } }, many ? "Add" : "Add another") : null);
  }
  let awaited = null;

  store.watch(["work", "exemplar"], (value) => {
    if (awaited !== null && value.work?.draft.exemplars.length > awaited) {
      const to = awaited;
      awaited = null;
      return store.set({ exemplar: to, role: "object" });
    }
    trays(value);
  });
}

/** Square [x, y, side] of a mask's canvas around what is painted: twice as large as that, or all. */
function frameOf(mask) {
  const side = 64;
  const canvas = make("canvas", { width: side, height: side });
  const ink = canvas.getContext("2d");
  ink.drawImage(mask, 0, 0, side, side);
  const { data } = ink.getImageData(0, 0, side, side);
  let [left, top, right, bottom] = [side, side, 0, 0];
  for (let i = 0; i < side * side; i += 1) {
    if (data[4 * i + 3] < 64) continue;
    const [x, y] = [i % side, Math.floor(i / side)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  }
  if (right <= left) return [0, 0, SIDE];
  const wide = Math.min(side, Math.max(24, 1.6 * Math.max(right - left, bottom - top)));
  const start = (from, to) => Math.min(side - wide, Math.max(0, (from + to - wide) / 2));
  return [start(left, right), start(top, bottom), wide].map((value) => (value * SIDE) / side);
}
