/** Layer, rank, strength, smoothness and name of the rule at hand, and the truncation of all samples. */

import { at, make } from "./dom.js";
import { calledSo } from "./names.js";

const titleOf = (work) => work.draft.title ?? work.draft.name;
const PER_TENFOLD = 4; // steps of the smoothness slider

export const smoothnessAt = (step) => Number((10 ** (step / PER_TENFOLD)).toPrecision(2));
export const stepOf = (smoothness) => Math.round(Math.log10(Math.max(smoothness, 1e-3)) * PER_TENFOLD);

export function createSettings(store, wire) {
  const held = new Set(); // ids of inputs that a hand is on: an older answer does not change them
  let layers = "";

  store.watch(["work"], ({ work }) => {
    if (!work) return;
    const listed = JSON.stringify(work.layers);
    if (listed !== layers) {
      layers = listed;
      at("layer").replaceChildren(...work.layers.map(({ number, name, values }) => make("option", { value: number }, [number, name, values.join(" × ")].filter(String).join(" · "))));
    }
    at("layer").value = work.layer;
    at("rank").max = Math.max(1, work.max_rank);
    fill("rank", work.rank);
    fill("strength", work.strength, work.strength.toFixed(2));
    fill("smoothness", stepOf(work.smoothness), String(Number(work.smoothness.toPrecision(2))));
    fill("name", titleOf(work));
    fill("truncation", work.truncation, work.truncation.toFixed(2));
    at("truncation").disabled = !work.model.truncates;
    at("truncation-note").hidden = work.model.truncates;
    at("truncation-note").textContent = `${work.model.title} cannot be truncated: it holds no mean latent.`;
    at("keep").disabled = !work.draft.complete;
    at("improve").disabled = !work.can_improve || work.improving;
    at("improve").textContent = work.improving ? "Searching…" : work.solver === "palimpsest" ? "Improved ✓" : "Improve this rule";
  });

  let searching = false;
  let improved = null; // name of the draft that a search has improved
  store.watch(["work"], ({ work }) => {
    if (!work) return;
    const left = improved === work.draft.name && work.solver !== "palimpsest" && work.draft.complete && !work.can_redo;
    if (left) store.set({ notice: "This change left what the search had found. Undo brings it back; “Improve this rule” searches again." });
    const found = improved === null && work.solver === "palimpsest" && searching;
    if (found) store.set({ notice: "Improved. If a change is still too weak somewhere, raise the strength." });
    searching = work.improving;
    improved = work.solver === "palimpsest" ? work.draft.name : null;
  });

  function fill(id, value, shown) {
    const input = at(id);
    if (!held.has(id)) input.value = value;
    if (input.nextElementSibling?.tagName === "OUTPUT") {
      input.nextElementSibling.value = shown;
      input.setAttribute("aria-valuetext", shown);
    }
  }

  const twoPlaces = (value) => value.toFixed(2);
  for (const [id, read, shown] of [["strength", Number, twoPlaces], ["truncation", Number, twoPlaces], ["smoothness", (text) => smoothnessAt(Number(text)), String]]) {
    const input = at(id);
    input.addEventListener("input", () => {
      held.add(id);
      input.nextElementSibling.value = shown(read(input.value));
      wire.send("settings", { [id]: read(input.value) });
    });
    input.addEventListener("change", () => setTimeout(() => held.delete(id), 300));
  }
  for (const id of ["rank", "name"]) {
    at(id).addEventListener("input", () => held.add(id));
    at(id).addEventListener("change", () => held.delete(id));
    at(id).addEventListener("blur", () => held.delete(id));
  }
  at("layer").addEventListener("change", (event) => wire.send("settings", { layer: Number(event.target.value) }));
  at("rank").addEventListener("change", (event) => {
    const rank = Math.round(Number(event.target.value));
    if (rank >= 1) wire.send("settings", { rank });
    else event.target.value = store.value.work.rank;
  });
  at("name").addEventListener("change", (event) => {
    const words = event.target.value.trim();
    if (!words) event.target.value = titleOf(store.value.work);
    else if (words !== titleOf(store.value.work)) wire.send("settings", calledSo(words));
  });
  at("improve").addEventListener("click", () => wire.send("improve"));
  at("keep").addEventListener("click", () => {
    wire.send("keep");
    store.set({ exemplar: 0, role: "object" });
  });
}
