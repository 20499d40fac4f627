/**
 * Photographs of one's own among the samples. Samples are numbered from 0, a photograph has a number
 * below 0; it shows what the rules do to it, and is not painted on: a session holds samples only.
 */

import { ask } from "./connection.js";
import { at } from "./dom.js";

export const isPhotograph = (number) => number !== null && number < 0;

/** The photograph of a number, or null. */
export const photographOf = (work, number) => work?.photographs.find((one) => one.number === number) ?? null;

/** What a picture is called: "Sample 3", or a photograph's file name. */
export const titleOf = (work, number) => (isPhotograph(number) ? photographOf(work, number)?.title ?? "Photograph" : `Sample ${number}`);

/** The picture before or after another one: photographs stand before the samples. Null at the ends. */
export function neighbour(work, number, by) {
  const before = work.photographs.map((one) => one.number);
  const place = isPhotograph(number) ? before.indexOf(number) : before.length + number;
  const to = place + by;
  if (to < 0 || to >= before.length + work.model.samples) return null;
  return to < before.length ? before[to] : to - before.length;
}

/** Whether a file that was dropped or chosen is a picture. */
export const isPicture = (file) => file.type.startsWith("image/") || /\.(jpe?g|png|webp|gif|bmp|tiff?|heic|avif)$/i.test(file.name);

export function createPhotographs(store, wire, close) {
  let known = null; // numbers of the photographs in the last state
  store.watch(["work", "open"], ({ work, open }) => {
    if (!work) return;
    const numbers = work.photographs.map((one) => one.number);
    const found = photographOf(work, open);
    if (isPhotograph(open) && !found) return close();
    const added = known && numbers.find((number) => !known.includes(number));
    known = numbers;
    if (added && open !== added) {
      store.set({ notice: `${photographOf(work, added).title} is now the first of the samples.` });
      at("gallery").scrollTop = 0;
    }
    at("photograph").hidden = !found;
    if (!found) return;
    at("photograph-note").textContent = found.note;
    at("photograph-note").hidden = !found.note;
    at("photograph-unfit").hidden = found.fits;
    at("photograph-adapt").disabled = Boolean(work.putting_in);
    at("photograph-layer").textContent = `A rule is in a layer above ${found.above}, where the weights were adapted to this photograph, so it is not drawn with it.`;
  });

  // only the result of the rules is shown of it
  store.watch(["open", "role"], ({ open, role }) => {
    const alone = isPhotograph(open);
    for (const input of at("roles").querySelectorAll("input")) input.disabled = alone && input.value !== "result";
    if (alone && role !== "result") store.set({ role: "result" });
  });
  at("photograph-adapt").addEventListener("click", () => wire.send("adapt", { photograph: store.value.open }));
  at("photograph-remove").addEventListener("click", () => wire.send("remove_photograph", { photograph: store.value.open }));
}

/** Give a picture file to the editor; it becomes a sample when it is inverted. Rejects with a sentence. */
export const putIn = (file) => ask(`photographs?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
