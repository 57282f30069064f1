import { systemClock as clock } from '../../../core/clock.ts'
import { pause } from '../../../kube/pause.ts'
import type { Environment } from '../../flags.ts'
import { stopSignal } from '../../stop.ts'
import { showProgress } from '../output/progress.ts'
import { paintFor } from '../output/paint.ts'
import type { SendFlags } from './flags.ts'
import { messagesOf, type Message } from './messages.ts'
import { isAccepted, post, type Outcome } from './post.ts'
import { jsonLine, summary, Tally, textOf } from './say.ts'
import { targetOf, type Target } from './target.ts'

/** More refusals than these are only counted. */
const mostTold = 10

/** `millrace send`. False: something was not accepted. @throws UsageError, Fault before anything is sent. */
export async function send(flags: SendFlags, env: Environment): Promise<boolean> {
  const { total, each } = messagesOf(flags)
  const target = await targetOf(flags)
  const stop = stopSignal()
  const tally = new Tally(total, clock)
  const progress = showProgress(() => tally.line())
  const paint = paintFor(process.stdout, env)
  try {
    await sendAll(each, { target, flags, stop }, (outcome) => {
      tally.add(outcome)
      const told = flags.output === 'json' || total === 1 || (!isAccepted(outcome.answer) && tally.failed <= mostTold)
      if (!told) return
      const text = flags.output === 'json' ? jsonLine(outcome, target) : textOf(outcome, target, paint)
      progress.aside(() =>
        isAccepted(outcome.answer) || flags.output === 'json' ? console.log(text) : console.error(text),
      )
    })
  } finally {
    progress.stop()
    target.close()
  }
  if (total > 1 && flags.output === 'text') console.log(summary(tally, target))
  return tally.failed === 0 && tally.done === total
}

/**
 *     messages ─► so many senders ─► each takes the next one when its time has come (--rate) ─► post ─► told
 */
async function sendAll(
  messages: Iterable<Message>,
  { target, flags, stop }: { target: Target; flags: SendFlags; stop: AbortSignal },
  told: (outcome: Outcome) => void,
): Promise<void> {
  const { retry, timeout: timeoutMs, concurrency, rate } = flags
  const begun = clock.monotonic()
  const source = messages[Symbol.iterator]()
  let taken = 0
  const sender = async (): Promise<void> => {
    for (;;) {
      const dueMs = rate === undefined ? 0 : begun + (taken * 1000) / rate - clock.monotonic()
      const next = source.next()
      if (next.done === true || stop.aborted) return
      taken += 1
      if (dueMs > 0) await pause(dueMs, stop)
      if (stop.aborted) return
      told(await post(target, next.value, { retry, timeoutMs, stop }))
    }
  }
  await Promise.all(Array.from({ length: concurrency }, sender))
}
