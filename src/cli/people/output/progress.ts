/** How long something takes before people are told how far it is, milliseconds. */
const patienceMs = 1_000
const everyMs = 100

/** One line on standard error that is written over and over, while something takes longer than a second; on a terminal only. */
export interface Progress {
  /** Lines of others: the progress makes room for them. */
  aside(print: () => void): void
  stop(): void
}

/** @param line how far it is now; asked ten times a second. */
export function showProgress(line: () => string, stream: NodeJS.WriteStream = process.stderr): Progress {
  const begun = performance.now()
  let shown = false
  const clear = (): void => {
    if (shown) stream.write('\r\u001b[K')
    shown = false
  }
  const show = (): void => {
    if (!stream.isTTY || performance.now() - begun < patienceMs) return
    const room = Math.max(20, (stream.columns ?? 80) - 1)
    stream.write(`\r\u001b[K${line().slice(0, room)}`)
    shown = true
  }
  const timer = setInterval(show, everyMs)
  return {
    aside: (print) => {
      clear()
      print()
    },
    stop: () => {
      clearInterval(timer)
      clear()
    },
  }
}
