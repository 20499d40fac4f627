/** A rule that erases: the choice between copying and erasing, its marks, and how many units are silent. */

import { goalAddress } from "./connection.js";
import { at, make, setPicture } from "./dom.js";
import { isErasing, marksOf, rolesOf } from "./roles.js";

const BESIDE = ["result", "units"]; // what one sees and does beside the rule

export function createErasing(store, wire) {
  const slider = at("erase");
  let held = false;

  at("way").addEventListener("change", (event) => {
    const { work } = store.value;
    const { erases } = work.layers.find((layer) => layer.number === work.layer);
    wire.send("settings", { erase: event.target.value === "erase" ? erases : null });
  });
  slider.addEventListener("input", () => {
    held = true;
    slider.nextElementSibling.value = slider.value;
    wire.send("settings", { erase: Number(slider.value) });
  });
  slider.addEventListener("change", () => setTimeout(() => (held = false), 300));

  store.watch(["work"], ({ work, role }) => {
    if (!work) return;
    const erasing = isErasing(work);
    at("way").querySelector(`[value="${erasing ? "erase" : "paste"}"]`).checked = true;
    for (const part of document.querySelectorAll(".erases")) part.hidden = !erasing;
    const counted = rolesOf(work);
    for (const label of at("roles").querySelectorAll("label")) {
      label.hidden = !BESIDE.includes(label.dataset.role) && !counted.includes(label.dataset.role);
    }
    // undo may have changed what the rule does
    if (!BESIDE.includes(role) && !counted.includes(role)) store.set({ role: counted[0] });
    if (!erasing) return;
    const { units } = work.layers.find((layer) => layer.number === work.layer);
    slider.max = Math.max(1, Math.floor(units / 2));
    if (!held) slider.value = work.draft.erase;
    slider.nextElementSibling.value = held ? slider.value : work.draft.erase;
    slider.setAttribute("aria-valuetext", `${work.draft.erase} of ${units} units`);
  });
}

/** The tray of the marks; `slot(role, place, work)` and `empty(role, next)` make its parts. */
export function markTray(work, next, slot, empty) {
  const marks = marksOf(work);
  return make("section", { class: "tray", data: { role: "mark", ...(marks.length ? { filled: "" } : {}) } },
    make("h3", {}, "Marks", make("span", { class: "soft" }, marks.length ? `${marks.length} ${marks.length === 1 ? "picture" : "pictures"}` : "")),
    make("div", { class: "places" }, ...(marks.length
      ? marks.map((place) => slot("mark", place, work))
      : [make("div", { class: "slot wide" }, empty("mark", next))])));
}

/** What the layer is asked for at the first mark. */
export function eraseGoal(work) {
  const [first] = marksOf(work);
  if (!first) return null;
  const image = make("img", { alt: `Sample ${first.sample} with the marked place drawn as if the units were silent` });
  image.addEventListener("error", () => image.remove());
  setPicture(image, goalAddress(work.hash, 0));
  return make("div", { class: "goal" }, make("div", { class: "slot" }, image),
    make("p", { class: "soft" }, `The goal: the place with the ${work.draft.erase} units silent that are most specific to the marks`));
}
