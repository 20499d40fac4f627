/** Moving what is pasted within its goal, by whole cells of the layer: dragged, or with the arrow keys. */

import { make, setPicture } from "./dom.js";

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * Let the place of a mask be moved over `box`, which shows the whole picture. `cells`: rows and columns
 * of the layer. `move(rows, columns)` is called once for a drag, at its end.
 */
export function makeMovable(box, { mask, cells, move }) {
  const shade = make("img", { class: "shade", alt: "", draggable: "false", hidden: true });
  setPicture(shade, mask);
  box.append(shade);
  const [rows, columns] = cells;
  let from = null;
  let by = [0, 0];

  box.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = [event.clientX, event.clientY];
    by = [0, 0];
    box.setPointerCapture(event.pointerId);
    event.preventDefault();
    box.focus({ preventScroll: true });
  });
  box.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const { width, height } = box.getBoundingClientRect();
    by = [Math.round(((event.clientY - from[1]) * rows) / height), Math.round(((event.clientX - from[0]) * columns) / width)];
    shade.hidden = by[0] === 0 && by[1] === 0;
    shade.style.transform = `translate(${(100 * by[1]) / columns}%, ${(100 * by[0]) / rows}%)`;
  });
  const end = (moved) => {
    if (from === null) return;
    from = null;
    shade.hidden = true;
    if (moved && (by[0] !== 0 || by[1] !== 0)) move(...by);
  };
  box.addEventListener("pointerup", () => end(true));
  box.addEventListener("pointercancel", () => end(false));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && from !== null) end(false);
    else if (!ARROWS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    else move(...ARROWS[event.key]);
    event.preventDefault();
    event.stopPropagation();
  });
}
