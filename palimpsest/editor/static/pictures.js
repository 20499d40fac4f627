/** Which pictures the server has drawn, and showing the newest without a flash. */

import { pictureAddress } from "./connection.js";
import { loadImage } from "./dom.js";

export function createPictures() {
  const newest = new Map(); // sample → hash of its newest picture that is there
  const listeners = new Set();
  return {
    arrived(hash, sample) {
      newest.set(sample, hash);
      for (const listener of listeners) listener(sample);
    },
    newest: (sample) => newest.get(sample) ?? null,
    forget: () => newest.clear(),
    watch: (listener) => listeners.add(listener),
  };
}

/**
 * Show a picture in an `<img>` once it is loaded; the old one stays until then, and a newer wish
 * outdates an older one. `onFault()` if there is no such picture.
 */
export async function showIn(image, hash, sample, onFault = () => {}) {
  const address = pictureAddress(hash, sample);
  if (image.dataset.wanted === address) return;
  image.dataset.wanted = address;
  const wanted = () => image.dataset.wanted === address;
  try {
    const loaded = await loadImage(address, wanted);
    if (!wanted()) return;
    image.src = loaded.src;
    image.dataset.shown = address;
  } catch {
    if (!wanted()) return;
    delete image.dataset.wanted;
    onFault();
  }
}
