/**
 * How the page reaches the editor from a notebook: over a port to the widget that shows it, which
 * passes everything on to Python. The same functions as the `transport.js` of the browser's page.
 */

const PIECE = 2 ** 20; // bytes of a request in one message: notebooks' servers refuse large ones
const KEPT = 128 * 2 ** 20; // bytes of pictures that are kept

/** The port, as soon as the widget answers. */
const port = await new Promise((resolve) => {
  addEventListener("message", (event) => event.data === "palimpsest" && resolve(event.ports[0]));
  parent.postMessage("palimpsest", "*");
});
const awaited = new Map(); // number of a request → what its answer is given to
let channel = null;
let count = 0;

port.onmessage = ({ data: { fields, body } }) => {
  if (fields.kind === "opened") channel?.opened();
  else if (fields.kind === "text") channel?.text(fields.text);
  else if (fields.kind === "closed") channel?.closed(fields.reason);
  else if (fields.kind === "answer") {
    awaited.get(fields.number)?.(new Response(body, { status: fields.status, headers: { "content-type": fields.type } }));
    awaited.delete(fields.number);
  }
};

export function openChannel({ onText, onOpen, onClose }) {
  let state = "opening";
  channel = {
    text: onText,
    opened() {
      state = "open";
      onOpen();
    },
    closed(reason) {
      state = "closed";
      onClose(reason);
    },
  };
  port.postMessage({ fields: { kind: "open" } });
  return {
    send: (text) => port.postMessage({ fields: { kind: "text", text } }),
    state: () => state,
  };
}

export async function request(address, { method = "GET", headers = {}, body = null } = {}) {
  count += 1;
  const number = count;
  const blob = body instanceof Blob ? body : new Blob(body === null ? [] : [body]);
  const type = new Headers(headers).get("content-type") ?? blob.type;
  const answer = new Promise((resolve) => awaited.set(number, resolve));
  let begin = 0;
  do {
    const piece = await blob.slice(begin, begin + PIECE).arrayBuffer();
    begin += PIECE;
    const fields = { kind: "request", number, method, address: `/${address}`, content_type: type, more: begin < blob.size };
    port.postMessage({ fields, body: piece }, [piece]);
  } while (begin < blob.size);
  return answer;
}

const kept = new Map(); // address of a picture → {source, size}; the one used last comes last
const coming = new Map(); // address → promise of the same
let used = 0;

async function load(address) {
  const blob = await fileAt(address);
  const found = { source: URL.createObjectURL(blob), size: blob.size };
  used += found.size;
  kept.set(address, found);
  for (const [oldest, { source, size }] of kept) {
    if (used <= KEPT || oldest === address) break;
    URL.revokeObjectURL(source); // an image that shows it keeps what it has loaded
    kept.delete(oldest);
    used -= size;
  }
  return found;
}

/** Pictures have the state's hash in their address, so that what is kept of them holds for good. */
export async function sourceOf(address) {
  if (/^(data|blob):/.test(address)) return address;
  const there = kept.get(address);
  if (there) {
    kept.delete(address);
    kept.set(address, there);
    return there.source;
  }
  if (!coming.has(address)) coming.set(address, load(address).finally(() => coming.delete(address)));
  return (await coming.get(address)).source;
}

export async function fileAt(address) {
  const answer = await request(address);
  if (answer.ok) return answer.blob();
  const { message } = await answer.json().catch(() => ({}));
  throw new Error(message ?? `The editor refused this (${answer.status}).`);
}
