/** Keys of the whole page, and the dialog that lists all keys. */

import { at, isTyping, make, remember } from "./dom.js";
import { showDialog } from "./files.js";

const KEYS = [
  ["1  2  3  4  5", "copy (or mark), paste, context, result, units"],
  ["B  E  T", "brush, eraser, a labelled thing at a click"],
  ["[  ]", "smaller or larger brush"],
  ["I  Delete", "invert or clear the mask"],
  ["O", "the original pictures, as long as it is held"],
  [",  .", "previous and next sample"],
  ["Esc", "close the picture"],
  ["Arrows", "move in the grid; on the canvas, move the brush (Shift: finely)"],
  ["Space", "paint at the brush; hold it to draw with the arrows"],
  ["Ctrl Z, Ctrl Shift Z", "undo, redo"],
  ["Ctrl S, Ctrl O", "save, open"],
];

const A_CLICK = 400; // milliseconds; what takes longer is a hold

export function createKeys(store, wire, files, easel) {
  const undo = () => !easel.isPainting() && wire.send("undo");
  const redo = () => !easel.isPainting() && wire.send("redo");
  at("undo").addEventListener("click", undo);
  at("redo").addEventListener("click", redo);
  store.watch(["work"], ({ work }) => {
    for (const [id, can, label, word] of [["undo", work?.can_undo, work?.undo_label, "Undo"], ["redo", work?.can_redo, work?.redo_label, "Redo"]]) {
      at(id).disabled = !can;
      at(id).title = `${word}${label ? `: ${label}` : ""} (Ctrl+${word === "Undo" ? "" : "Shift+"}Z)`;
    }
  });

  const originals = (on) => store.set({ originals: on });
  const eye = at("original");
  // held: as long as it is held; clicked: until the next click
  let [pressed, shown] = [0, false];
  eye.addEventListener("pointerdown", (event) => {
    eye.setPointerCapture(event.pointerId);
    [pressed, shown] = [event.timeStamp, store.value.originals];
    originals(true);
  });
  eye.addEventListener("pointerup", (event) => originals(event.timeStamp - pressed < A_CLICK && !shown));
  eye.addEventListener("pointercancel", () => originals(false));
  eye.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) originals(!store.value.originals);
  });
  eye.addEventListener("contextmenu", (event) => event.preventDefault());
  addEventListener("blur", () => originals(false));
  store.watch(["originals"], (value) => {
    document.body.classList.toggle("originals", value.originals);
    eye.setAttribute("aria-pressed", value.originals);
  });

  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const command = event.ctrlKey || event.metaKey;
    if (command && key === "s") files.save();
    else if (command && key === "o") files.open();
    else if (isTyping(event.target)) return;
    else if (command && key === "z") event.shiftKey ? redo() : undo();
    else if (command && key === "y") redo();
    else if (command || event.altKey) return;
    else if (key === "o") originals(true);
    else if (key === "?") help();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "o" && originals(false));

  function help() {
    showDialog("Keys", (close) => [
      make("dl", { class: "keys" }, ...KEYS.flatMap(([keys, words]) => [make("dt", {}, keys), make("dd", {}, words)])),
      make("p", { class: "soft" }, "Every stroke is kept as you paint it, also if the page is closed."),
      make("div", { class: "ends" },
        make("button", { type: "button", onclick: () => (remember("hints", null), store.set({ hints: true }), close()) }, "Show the hints again"),
        make("button", { type: "button", class: "main", onclick: close }, "Close")),
    ]);
  }
  at("help").addEventListener("click", help);
}
