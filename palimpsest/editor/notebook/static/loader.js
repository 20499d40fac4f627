/**
 * The widget's view: the editor's page in a frame of its own, so that neither its styles nor its keys
 * meet the notebook's, and its sizes are those of the frame. Everything that the page sends and gets
 * goes through here, between the frame's port and the widget's messages.
 */

const LOST = "The notebook's kernel has ended. Run the cell again; what you painted is kept.";

/** "light" or "dark", as the notebook around an element is: dark where its letters are light. */
function schemeAround(element) {
  const { jpThemeLight } = document.body.dataset; // JupyterLab says so before its colours have changed
  if (jpThemeLight) return jpThemeLight === "true" ? "light" : "dark";
  const [red, green, blue] = getComputedStyle(element).color.match(/[\d.]+/g).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128 ? "dark" : "light";
}

const newName = () => Math.random().toString(36).slice(2);

function render({ model, el }) {
  // a widget's messages reach all of its views: each page in one answers to its own name only
  let view = newName();
  const frame = document.createElement("iframe");
  let port = null;
  let modules = []; // addresses of the modules' texts

  const send = (fields, body) => model.send({ view, ...fields }, undefined, body ? [body] : []);

  function show({ html, modules: texts }) {
    const imports = {};
    for (const [name, text] of Object.entries(texts)) {
      imports[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    }
    modules = Object.values(imports);
    const begin = `<script type="importmap">${JSON.stringify({ imports })}</script><script type="module">import "palimpsest/main.js";</script></head>`;
    frame.srcdoc = html.replace("</head>", () => begin);
  }

  function receive(fields, buffers) {
    if (fields.view !== view) return;
    if (fields.kind === "page") return show(fields);
    const bytes = buffers?.[0];
    const body = bytes ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice().buffer : null;
    port?.postMessage({ fields, body }, body ? [body] : []);
  }

  /** The page asks for its port: at first, and again if the notebook has moved the frame, which loads it anew. */
  function greet(event) {
    if (event.source !== frame.contentWindow || event.data !== "palimpsest") return;
    if (port) {
      send({ kind: "close" });
      port.close();
      view = newName(); // answers that are still on their way belong to the page before
    }
    const pipe = new MessageChannel();
    port = pipe.port1;
    port.onmessage = ({ data: { fields, body } }) => send(fields, body);
    frame.contentWindow.postMessage("palimpsest", "*", [pipe.port2]);
  }

  const lost = () => port?.postMessage({ fields: { kind: "closed", reason: LOST } });

  frame.title = "Palimpsest: the editor";
  frame.style.cssText = `display: block; box-sizing: border-box; width: 100%; border: 1px solid rgb(128 128 128 / 0.4); border-radius: 6px;`;
  addEventListener("message", greet);
  model.on("msg:custom", receive);
  model.on("change:height", resize);
  model.on("comm_live_update", lost);
  resize();
  el.append(frame);
  // a page's preferred colours are those of the element that holds it
  const colour = () => {
    frame.style.colorScheme = schemeAround(el);
  };
  const themes = new MutationObserver(colour);
  for (const element of [document.documentElement, document.body]) themes.observe(element, { attributes: true });
  requestAnimationFrame(colour);
  send({ kind: "page" });

  function resize() {
    frame.style.height = `${model.get("height")}px`;
  }

  return () => {
    removeEventListener("message", greet);
    model.off("msg:custom", receive);
    model.off("change:height", resize);
    model.off("comm_live_update", lost);
    if (port) send({ kind: "close" });
    port?.close();
    themes.disconnect();
    frame.remove();
    modules.forEach((address) => URL.revokeObjectURL(address));
  };
}

export default { render };
