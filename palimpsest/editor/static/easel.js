/** The open picture under the brush: masks of all roles, the stroke under way, sending it. */

import { attachBrush } from "./brush.js";
import { ask, relative } from "./connection.js";
import { at } from "./dom.js";
import { colourOf, createMask, drawMask, maskOfFile } from "./mask.js";
import { isOfSample, maskOn, ROLES } from "./roles.js";

export function createEasel(store, wire) {
  const canvas = at("canvas");
  const ink = canvas.getContext("2d");
  const cursor = at("cursor");
  const mask = createMask(); // of the role at hand, on the open picture
  let shown = null; // which selection `mask` holds: "role/exemplar/sample", and its address
  let address = null;
  let pending = null; // id of the last stroke that the server has not answered
  let painting = false;
  let early = null; // strokes made before the mask beneath them has come: {strokes, lifted}
  let ready = Promise.resolve(); // until `mask` holds what it should
  let frame = 0;

  const key = ({ role, exemplar, open }) => `${role}/${isOfSample(role) ? "" : exemplar}/${open}`;
  const isPaintable = (value = store.value) => value.open !== null && value.role in ROLES && value.work;

  /** Bring `mask` in line with the server's state, but never under a stroke. */
  function follow(value) {
    if (!isPaintable(value)) return draw();
    const now = key(value);
    const wanted = maskOn(value.work, value.role, value.exemplar, value.open);
    if (now !== shown) {
      shown = now;
      pending = null;
      painting = false;
      mask.clear();
      early = wanted === null ? null : { strokes: [], lifted: false };
    } else if (painting || pending !== null || wanted === address) return draw();
    address = wanted;
    if (wanted === null) arrived(null);
    else ready = load(now, wanted);
    draw();
  }

  /** The mask at hand is this one, with the strokes that were made before it came. */
  function arrived(found) {
    const { strokes, lifted } = early ?? { strokes: [], lifted: false };
    early = null;
    mask.clear();
    if (found) mask.canvas.getContext("2d").drawImage(found.canvas, 0, 0);
    for (const stroke of strokes) mask.stroke(...stroke);
    if (lifted) send();
    draw();
  }

  async function load(now, wanted) {
    const fresh = createMask();
    const found = await fresh.add(relative(wanted)).then(() => true, () => false);
    if (shown !== now || address !== wanted || (!early && (painting || pending !== null))) return;
    if (found) return arrived(fresh);
    // a stroke on an empty mask would take the place of what is there
    [shown, painting, early] = [null, false, null];
    mask.clear();
    store.set({ alert: "A mask could not be loaded, and what you just painted on it is lost. Paint again." });
  }

  const others = new Map(); // address → mask of another role, or null while it is on its way
  function draw() {
    if (frame) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      ink.clearRect(0, 0, canvas.width, canvas.height);
      const { work, role, exemplar, open } = store.value;
      if (!isPaintable()) return;
      for (const other of Object.keys(ROLES).filter((name) => name !== role)) {
        const found = maskOn(work, other, exemplar, open);
        if (!found) continue;
        const there = others.get(found);
        if (there) drawMask(ink, there.canvas, colourOf(other), true);
        else if (there === undefined) {
          const loaded = createMask();
          others.set(found, null);
          loaded.add(relative(found)).then(() => others.set(found, loaded) && draw(), () => others.delete(found));
        }
      }
      // where units are switched, one wants to see what comes of it
      drawMask(ink, mask.canvas, colourOf(role), role === "units" && !painting, painting);
    });
  }

  /** Send the mask at hand; `pending` keeps later answers from undoing a newer stroke. */
  function send() {
    const { role, exemplar, open } = store.value;
    pending = wire.send("select", { role, exemplar, sample: open, mask: mask.encode() });
    draw();
  }

  /** Paint the outline of the thing at a point, also if another picture has been opened meanwhile. */
  async function pick([x, y]) {
    const { open, role, exemplar } = store.value;
    store.set({ waiting: "Looking for the thing's outline…" });
    try {
      const inside = (value) => Math.min(0.9999, Math.max(0, value)).toFixed(4);
      const found = await ask(`outlines/${open}.json?x=${inside(x)}&y=${inside(y)}`);
      if (!found.mask) return store.set({ alert: "There is nothing labelled here." });
      at("canvas-says").textContent = `Painted: ${found.label}`;
      await ready;
      if (shown !== null && key(store.value) === key({ role, exemplar, open })) {
        await mask.add(found.mask);
        return send();
      }
      const there = createMask();
      const old = maskOn(store.value.work, role, exemplar, open);
      if (old) await there.add(relative(old));
      await there.add(found.mask);
      wire.send("select", { role, exemplar, sample: open, mask: there.encode() });
    } catch (problem) {
      store.set({ alert: problem.message });
    } finally {
      store.set({ waiting: null });
    }
  }
  // the segmenter is loaded while the hand is on its way to the picture
  store.watch(["tool"], ({ tool, open, work }) => tool === "pick" && work && ask(`outlines/${open ?? 0}.json?x=0.5&y=0.5`).catch(() => {}));

  attachBrush(canvas, {
    begin(point) {
      if (!isPaintable()) return false;
      store.set({ alert: null, originals: false });
      if (store.value.tool === "pick") {
        pick(point);
        return false;
      }
      if (shown === null) follow(store.value);
      painting = true;
      return true;
    },
    go(points) {
      const stroke = [points, store.value.size / 100, store.value.tool === "eraser"];
      early?.strokes.push(stroke);
      mask.stroke(...stroke);
      draw();
    },
    end() {
      if (!painting) return;
      painting = false;
      if (early) early.lifted = true;
      else send();
    },
    hover(point, byKey = false) {
      const on = point !== null && isPaintable();
      cursor.classList.toggle("on", Boolean(on));
      if (!on) return;
      const size = store.value.tool === "pick" ? 3 : store.value.size;
      Object.assign(cursor.style, {
        width: `${size}%`, height: `${size}%`, left: `${point[0] * 100 - size / 2}%`, top: `${point[1] * 100 - size / 2}%`,
      });
      if (byKey) at("canvas-says").textContent = `${Math.round(point[0] * 100)} percent across, ${Math.round(point[1] * 100)} down`;
    },
  });

  store.watch(["work", "open", "role", "exemplar"], follow);
  store.watch(["tool"], ({ tool }) => cursor.classList.toggle("erasing", tool === "eraser"));
  store.watch(["size"], ({ size }) => Object.assign(cursor.style, { width: `${size}%`, height: `${size}%` }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  const change = (how) => async () => {
    if (!isPaintable()) return;
    const now = key(store.value);
    if (shown === null) follow(store.value);
    await ready;
    if (key(store.value) !== now || shown !== now) return;
    await how();
    send();
  };
  return {
    invert: change(() => mask.invert()),
    clear: change(() => mask.clear()),
    async load(file) {
      try {
        const loaded = await maskOfFile(file);
        await change(() => (mask.clear(), mask.add(loaded)))();
      } catch (problem) {
        store.set({ alert: problem.message });
      }
    },
    toBlob: () => mask.toBlob(),
    /** The server answered: with `answers` at the last stroke or later, its state is the newest. */
    answered(answers) {
      if (pending !== null && wire.owns(answers) && answers >= pending) {
        pending = null;
        const { work, role, exemplar, open } = store.value;
        address = maskOn(work, role, exemplar, open); // what is painted already
      }
    },
    refused(answers) {
      if (pending === null || answers !== pending) return;
      pending = null;
      shown = null;
      follow(store.value);
    },
    isPainting: () => painting,
  };
}
