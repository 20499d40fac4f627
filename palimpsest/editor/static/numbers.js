/** "0-8,200-212" to sample numbers. */

const MOST = 500;

/** Ascending as written, each number once. Raises an Error whose message is for people. */
export function parseNumbers(text, count) {
  const numbers = new Set();
  for (const part of text.split(/[,;\s]+/).filter(Boolean)) {
    const match = /^(\d+)(?:[-–](\d+))?$/.exec(part);
    if (!match) throw new Error(`“${part}” is no number and no range such as 200-212.`);
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) throw new Error(`The range ${part} runs backwards.`);
    if (last >= count) throw new Error(`The samples are numbered 0 to ${count - 1}.`);
    for (let number = first; number <= last; number += 1) {
      numbers.add(number);
      if (numbers.size > MOST) throw new Error(`At most ${MOST} samples can be shown at once.`);
    }
  }
  return [...numbers];
}
