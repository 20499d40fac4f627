/** Names of rules: what a person types, and the name of a file that follows from it. */

const LONGEST = 100;

/** The name of a file for some words: letters, digits, "_", "." and "-" stay, all else becomes "-". */
export function nameOf(words) {
  const plain = words.normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return plain.replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "").slice(0, LONGEST) || "rule";
}

/** Settings for a rule that is called so: words that are no name of a file become its title. */
export const calledSo = (words) => (nameOf(words) === words ? { name: words, title: null } : { name: nameOf(words), title: words });
