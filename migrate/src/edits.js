/** Replacements in a text, by offsets of the text as it was. */
export class Edits {
  #list = []

  /** @param {number} start @param {number} end @param {string} text */
  replace(start, end, text) {
    this.#list.push({ start, end, text })
  }

  /** @param {number} at @param {string} text */
  insert(at, text) {
    this.replace(at, at, text)
  }

  /** @param {string} text */
  applyTo(text) {
    const ordered = [...this.#list].sort((a, b) => b.start - a.start)
    return ordered.reduce((result, { start, end, text }) => result.slice(0, start) + text + result.slice(end), text)
  }
}

/** The line of an offset, from 1. @param {string} text @param {number} offset */
export function lineOf(text, offset) {
  return text.slice(0, offset).split('\n').length
}
