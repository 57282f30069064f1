/**
 * Keys for the whole page. Letters are for who is not typing; whatever has a use for a key itself keeps it.
 * @param {{ find(): void, filter(): void, pause(): void, help(): void, tab(): void, copy(): void, newest(): void,
 *   move(by: number): void, escape(): void }} act
 */
export function keys(act) {
  const plain = {
    '/': () => act.find(),
    '?': () => act.help(),
    f: () => act.filter(),
    t: () => act.tab(),
    c: () => act.copy(),
    Home: () => act.newest(),
    ArrowDown: () => act.move(1),
    ArrowUp: () => act.move(-1),
  }
  addEventListener('keydown', (key) => {
    if (
      key.ctrlKey ||
      key.metaKey ||
      key.altKey ||
      key.defaultPrevented ||
      document.querySelector('dialog[open]') !== null
    )
      return
    const target = /** @type {HTMLElement} */ (key.target)
    if (key.key === 'Escape') {
      act.escape()
      target.blur()
    } else if (target.matches('input, select, textarea')) return
    else if (key.key === ' ' && !target.matches('button, a, summary')) act.pause()
    else if (key.key.startsWith('Arrow') && target.matches('[role=tab], pre, .body')) return
    else if (Object.hasOwn(plain, key.key)) plain[key.key]()
    else return
    key.preventDefault()
  })
}
