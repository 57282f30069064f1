// Event content is hostile until proven otherwise: it becomes text here, and never markup.

/**
 * Makes an element. Properties are set as properties; `class`, `role` and names with a dash as attributes; children are elements or text.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class' || name === 'role' || name.includes('-')) element.setAttribute(name, String(value))
    else element[name] = value
  }
  element.append(...children)
  return element
}

/** Controls, marks that turn the direction of text around or hide in it: what a reader cannot see is shown as its number. */
const unseen = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu

/**
 * @param {string} text
 * @returns {string} the same, with nothing in it that is not seen
 */
export function visible(text) {
  const shown = (mark) => `⟨${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`
  return text.replace(unseen, (mark) => (mark === '\n' || mark === '\t' ? mark : shown(mark)))
}

/**
 * As one line, cut: for lists.
 * @param {string} text
 * @param {number} [most]
 */
export function line(text, most = 300) {
  const short = text.length > most ? `${text.slice(0, most)}…` : text
  return visible(short.replaceAll(/\s+/g, ' '))
}

/** So many characters are seen beside the details of an event. */
const longestEnd = 20

/**
 * A name with dots says most at its end: where it is cut, that part stays.
 * @param {string} name
 * @returns {readonly [string, string]} the beginning, and the end
 */
export function split(name) {
  const short = line(name)
  const dot = short.indexOf('.', Math.max(0, short.length - longestEnd - 1))
  return short.length <= longestEnd || dot < 0 ? ['', short] : [short.slice(0, dot + 1), short.slice(dot + 1)]
}

/** @param {number} value */
export const number = (value) => value.toLocaleString('en')

/**
 * @param {number} value
 * @param {string} one
 */
export const plural = (value, one) => `${number(value)} ${one}${value === 1 ? '' : 's'}`

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return plural(bytes, 'byte')
  if (bytes < 1_048_576) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}

/** @param {number} ms since 1970 */
export function clockTime(ms) {
  const at = new Date(ms)
  return `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

/**
 * The display stands in for Services under /<namespace>/<name>, unless the uri of a Trigger put its own path in place of that.
 * @param {string} to
 */
export function serviceName(to) {
  const [, , name, ...path] = to.split('/')
  return name ? [name, ...path].join('/') : to
}

/**
 * A colour for a type, always the same.
 * @param {string} type
 */
export function hueOf(type) {
  let hash = 7
  for (let i = 0; i < type.length && i < 200; i += 1) hash = (Math.imul(hash, 31) + type.charCodeAt(i)) | 0
  return `oklch(0.65 0.15 ${(Math.abs(hash) * 47) % 360})`
}

/**
 * @param {string} text
 * @param {string} said
 */
export async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text)
    toast(said)
  } catch {
    // Without HTTPS browsers have no clipboard, but for the old way.
    const area = el('textarea', { value: text, class: 'offscreen' })
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    toast(done ? said : 'This browser does not let pages copy')
  }
}

let hiding = 0

/** @param {string} text */
export function toast(text) {
  const box = document.getElementById('toast')
  box.textContent = text
  box.classList.add('shown')
  clearTimeout(hiding)
  hiding = setTimeout(() => box.classList.remove('shown'), 1_800)
}
