/**
 * The wire to the editor: one channel for changes, requests for pictures and files. A lost connection
 * is taken up again with growing pauses; the editor then sends the whole state again.
 */

import { isOfSample } from "./roles.js";
import { openChannel, request } from "./transport.js";

const VERSION = 1;
const PAUSES = [300, 600, 1200, 2500, 5000]; // milliseconds

/** `onMessage(message)` for each message; `onLine(boolean)` when the connection opens and when it is lost. */
export function connect({ onMessage, onLine }) {
  // ids of two tabs do not meet: answers go to all of them
  const base = Math.floor(Math.random() * 1e6) * 1e6;
  let count = 0;
  let failures = 0;
  let channel = null;
  let timer = null;
  const unsent = new Map(); // newest mask of each selection, painted while there was no connection

  function open() {
    clearTimeout(timer);
    channel = openChannel({
      onText: (text) => onMessage(JSON.parse(text)),
      onOpen() {
        failures = 0;
        onLine(true);
        for (const text of unsent.values()) channel.send(text);
        unsent.clear();
      },
      onClose(reason) {
        onLine(false, reason);
        if (reason) return;
        timer = setTimeout(open, PAUSES[Math.min(failures, PAUSES.length - 1)]);
        failures += 1;
      },
    });
  }
  open();
  addEventListener("online", () => channel.state() === "closed" && open());

  return {
    /** Send a change; returns its id. Without a connection strokes wait for it; for others null is returned. */
    send(type, fields = {}) {
      const online = channel.state() === "open";
      if (!online && type !== "select") return null;
      count += 1;
      const text = JSON.stringify({ type, version: VERSION, id: base + count, ...fields });
      if (online) channel.send(text);
      else unsent.set([fields.role, isOfSample(fields.role) ? fields.sample : fields.exemplar].join(), text);
      return base + count;
    },
    /** Whether an answer belongs to one of this page's changes. */
    owns: (answers) => answers !== null && answers > base && answers <= base + count,
  };
}

export const pictureAddress = (hash, sample) => `pictures/${hash}/${sample}.png`;
export const goalAddress = (hash, exemplar) => `goals/${hash}/${exemplar}.png`;
export const heatAddress = (hash, sample) => `matches/${hash}/${sample}.png`;
/** Addresses in messages begin with a slash; the page may be served under a prefix. */
export const relative = (address) => address.replace(/^\//, "");

/** JSON of an address. A refusal raises an Error whose message is the server's sentence. */
export async function ask(address, options = {}) {
  let answer;
  try {
    answer = await request(address, options);
  } catch {
    throw new Error("The editor does not answer. Is it still running?");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw Object.assign(new Error(body.message ?? `The editor refused this (${answer.status}).`), { status: answer.status });
  }
  return body;
}
