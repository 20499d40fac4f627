/** Strokes on a square: mouse, pen, finger and keys become the same calls. */

const STEP = 1 / 32; // of the picture's width, for an arrow key
const FINE = 1 / 128; // with Shift

/**
 * `handlers`: `begin(point)` returns false to refuse, `go(points)`, `end()`, `hover(point | null)`.
 * A point is [x, y] as shares of the picture's width. Only one pointer paints at a time.
 */
export function attachBrush(canvas, handlers) {
  let painting = null; // id of the pointer, or "key"
  let last = null;
  let spot = [0.5, 0.5]; // where the keys' brush stands

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (painting !== null || event.button !== 0) return;
    last = place(event);
    if (handlers.begin(last) === false) return;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    painting = event.pointerId;
    handlers.go([last]);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    handlers.hover(place(event));
    if (event.pointerId !== painting) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const points = (events.length ? events : [event]).map(place);
    handlers.go([last, ...points]);
    last = points.at(-1);
  });
  const end = (event) => {
    if (event.pointerId !== painting) return;
    painting = null;
    if (event.pointerType === "touch") handlers.hover(null);
    handlers.end();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => painting === null && handlers.hover(null));

  const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (move) {
      const step = event.shiftKey ? FINE : STEP;
      const from = spot;
      spot = spot.map((value, axis) => Math.min(1, Math.max(0, value + move[axis] * step)));
      handlers.hover(spot, true);
      if (painting === "key") handlers.go([from, spot]);
    } else if (event.key === " " || event.key === "Enter") {
      if (painting === null && !event.repeat && handlers.begin(spot) !== false) {
        painting = "key";
        handlers.hover(spot, true);
        handlers.go([spot]);
      }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const lift = () => {
    if (painting !== "key") return;
    painting = null;
    handlers.end();
  };
  canvas.addEventListener("keyup", (event) => (event.key === " " || event.key === "Enter") && lift());
  canvas.addEventListener("blur", () => {
    lift();
    handlers.hover(null);
  });
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && handlers.hover(spot, true));
}
