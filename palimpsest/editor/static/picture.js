/** The large picture: opening, roles, tools, before and after. */

import { at, chooseFile, isTyping, saveAs } from "./dom.js";
import { pictureAddress } from "./connection.js";
import { isPhotograph, neighbour, photographOf, titleOf } from "./photographs.js";
import { showIn } from "./pictures.js";
import { maskOn, roleFor, rolesOf } from "./roles.js";

export const SIZES = { least: 2, most: 40 };

export function createPicture(store, pictures, easel) {
  const [before, after, canvas] = [at("before"), at("after"), at("canvas")];

  function open(sample) {
    const { work, exemplar, role } = store.value;
    if (!work || sample >= work.model.samples || (isPhotograph(sample) && !photographOf(work, sample))) return;
    store.set({ open: sample, role: isPhotograph(sample) ? "result" : roleFor(work, exemplar, sample, role) });
    at("centre").scrollTop = 0;
    at("main").scrollTop = 0;
  }
  const close = () => store.set({ open: null });

  function show({ work, open: sample }) {
    if (!work || sample === null) return;
    showIn(before, work.original, sample, () => store.set({ alert: `${titleOf(work, sample)} could not be drawn.` }));
    const hash = work.hash === work.original ? work.original : pictures.newest(sample);
    if (hash) showIn(after, hash, sample);
  }
  store.watch(["work", "open"], (value, changed) => {
    const { open: sample } = value;
    at("picture").hidden = sample === null;
    at("welcome").hidden = sample !== null;
    if (changed.has("open")) {
      for (const image of [before, after]) {
        image.removeAttribute("src");
        delete image.dataset.wanted;
      }
    }
    if (sample !== null) {
      const title = titleOf(value.work, sample);
      at("picture-title").textContent = title;
      before.alt = `${title}, original`;
      after.alt = `${title}, with the rules`;
      at("previous").disabled = !value.work || neighbour(value.work, sample, -1) === null;
    }
    at("pick").hidden = !value.work?.model.labels;
    show(value);
  });
  pictures.watch((sample) => sample === store.value.open && show(store.value));

  // what is painted refers to the original, so that is what one sees under the brush
  store.watch(["role", "wipe", "originals", "work"], ({ role, wipe, work }) => {
    const result = role === "result";
    after.hidden = !result && role !== "units"; // units act on the picture as it is now
    after.style.clipPath = result ? `inset(0 0 0 ${100 - wipe}%)` : "";
    at("edge").hidden = !result || wipe === 0 || wipe === 100;
    at("edge").style.left = `${100 - wipe}%`;
    at("wipe").value = 100 - wipe; // the handle stands below the edge
    at("wipe-row").hidden = !result;
    at("shown").hidden = !after.hidden || !work || work.hash === work.original;
    at("tools").hidden = result;
    canvas.classList.toggle("comparing", result);
    at("roles").querySelector(`[value="${role}"]`).checked = true;
  });
  at("wipe").addEventListener("input", (event) => store.set({ wipe: 100 - Number(event.target.value) }));
  const drag = (event) => {
    if (store.value.role !== "result" || !(event.buttons & 1)) return;
    const box = canvas.getBoundingClientRect();
    store.set({ wipe: Math.round(Math.min(1, Math.max(0, 1 - (event.clientX - box.left) / box.width)) * 100) });
  };
  canvas.addEventListener("pointerdown", drag);
  canvas.addEventListener("pointermove", drag);

  store.watch(["work", "open", "exemplar"], ({ work, open: sample, exemplar }) => {
    const pair = work?.draft.exemplars[exemplar];
    const filled = { object: pair?.object, paste: pair?.paste, context: work?.draft.context.length, mark: maskOn(work, "mark", 0, sample), units: maskOn(work, "units", 0, sample) };
    for (const label of at("roles").querySelectorAll("label")) label.toggleAttribute("data-filled", Boolean(filled[label.dataset.role]));
    at("next").disabled = !work || sample === work.model.samples - 1;
  });
  at("roles").addEventListener("change", (event) => store.set({ role: event.target.value }));

  for (const [id, tool] of [["brush", "brush"], ["eraser", "eraser"], ["pick", "pick"]]) {
    at(id).addEventListener("click", () => store.set({ tool }));
    store.watch(["tool"], (value) => at(id).setAttribute("aria-pressed", value.tool === tool));
  }
  at("size").addEventListener("input", (event) => store.set({ size: Number(event.target.value) }));
  store.watch(["size"], ({ size }) => {
    at("size").value = size;
  });
  function step(by) {
    const to = store.value.open === null ? null : neighbour(store.value.work, store.value.open, by);
    if (to !== null) open(to);
  }
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("close").addEventListener("click", close);
  at("invert").addEventListener("click", easel.invert);
  at("clear").addEventListener("click", easel.clear);

  const fromMenu = (id, act) =>
    at(id).addEventListener("click", () => {
      at("mask-menu").open = false;
      act();
    });
  fromMenu("mask-load", async () => {
    const file = await chooseFile("image/*");
    if (file) easel.load(file);
  });
  fromMenu("mask-save", async () => saveAs(await easel.toBlob(), `mask-${store.value.open}.png`));
  function savePicture() {
    const { work, open: sample } = store.value;
    const name = isPhotograph(sample) ? `${titleOf(work, sample).replace(/\.[^.]*$/, "")}-edited.png` : `${work.model.name}-${sample}.png`;
    saveAs(pictureAddress(work.hash, sample), name).catch((problem) => store.set({ alert: problem.message }));
  }
  fromMenu("picture-save", savePicture);
  at("photograph-save").addEventListener("click", savePicture);
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("#mask-menu")) at("mask-menu").open = false;
  });

  const take = (role) => {
    const counts = rolesOf(store.value.work).includes(role);
    if (counts) store.set({ role });
    return counts;
  };
  const KEYS = {
    1: () => take("object") || take("mark"), 2: () => take("paste"), 3: () => take("context"), 4: () => store.set({ role: "result" }), 5: () => store.set({ role: "units" }),
    b: () => store.set({ tool: "brush" }), e: () => store.set({ tool: "eraser" }),
    t: () => store.value.work?.model.labels && store.set({ tool: "pick" }),
    "[": () => store.set({ size: Math.max(SIZES.least, store.value.size - 2) }),
    "]": () => store.set({ size: Math.min(SIZES.most, store.value.size + 2) }),
    i: easel.invert, Delete: easel.clear, Backspace: easel.clear,
    ",": () => step(-1), ".": () => step(1), Escape: () => (at("mask-menu").open ? (at("mask-menu").open = false) : close()),
  };
  document.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || store.value.open === null || isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  return { open, close };
}
