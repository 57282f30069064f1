import { longestTimerMs } from '../../../core/backoff.ts'
import { systemClock as clock } from '../../../core/clock.ts'
import type { Environment } from '../../flags.ts'
import { stopSignal } from '../../stop.ts'
import { paintFor } from '../output/paint.ts'
import { plainText } from '../output/plain-text.ts'
import type { TailFlags } from './flags.ts'
import { passesAll } from './passes.ts'
import { shownAs } from './show.ts'
import type { Sink } from './sink.ts'

/** `millrace tail`: until ctrl-C, --max or --for. @throws Fault when there is nothing to listen to. */
export async function tail(flags: TailFlags, env: Environment): Promise<boolean> {
  const enough = new AbortController()
  const ends = flags.for === undefined ? [] : [AbortSignal.timeout(Math.min(flags.for, longestTimerMs))]
  const stop = AbortSignal.any([stopSignal(), enough.signal, ...ends])
  const sink = stdoutSink(flags, { env, stop, enough: () => enough.abort() })
  if (flags.kafka === undefined) {
    const { tailDisplay } = await import('./display.ts')
    await tailDisplay(flags, sink)
  } else {
    const { tailKafka } = await import('./kafka.ts')
    await tailKafka({ ...flags, kafka: flags.kafka }, sink)
  }
  return true
}

function stdoutSink(
  flags: TailFlags,
  { env, stop, enough }: { env: Environment; stop: AbortSignal; enough: () => void },
): Sink {
  const wanted = passesAll(flags.wanted)
  const show = shownAs(flags.output, paintFor(process.stdout, env))
  let left = flags.max ?? Infinity
  return {
    stop,
    from: clock.now() - flags.since,
    take: (event) => {
      if (left <= 0 || !wanted(event.attributes)) return true
      left -= 1
      const flowing = process.stdout.write(`${show(event)}\n`)
      if (left <= 0) enough()
      return flowing
    },
    ready: () =>
      new Promise((resolve) => {
        if (!process.stdout.writableNeedDrain) resolve()
        else process.stdout.once('drain', resolve)
      }),
    note: (text) => console.error(plainText(text)),
  }
}
