/**
 * A member of a fleet as a process of its own, so that a test can freeze or kill it:
 *
 *     node fleet-member.ts <bootstrap> <group> <instance> <partitions>
 *
 * Prints one JSON line for all that it is told and for each change of `alive` that it sees, and what `alive` is at
 * the first look after the process was frozen. Ends on SIGTERM, for good.
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/core/clock.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createMembership } from '../../src/kafka/platformatic/membership/membership.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { TopicPartition } from '../../src/kafka/log.ts'

const [bootstrapServers = '', group = '', instance = '', count = '0'] = process.argv.slice(2)
const logger = createLogger('silent')
const cluster = new Cluster({ clientId: instance, bootstrapServers, clock: systemClock, logger })

const print = (what: string, partitions: readonly TopicPartition[]): void => {
  writeSync(1, `${JSON.stringify({ what, partitions: partitions.map(({ partition }) => partition) })}\n`)
}

const LOOK_MS = 1
/** Nobody looked for so long: this process was frozen. */
const FROZEN_MS = 3_000

let seen = false
let lookedAt = performance.now()
const look = (): void => {
  const now = performance.now()
  if (now - lookedAt > FROZEN_MS) print(member.alive ? 'woke alive' : 'woke not alive', [])
  lookedAt = now
  if (member.alive === seen) return
  seen = member.alive
  print(seen ? 'alive' : 'not alive', [])
}

const member = createMembership(
  cluster,
  { group, instance, sessionTimeoutMs: 6_000 },
  {
    // As a worker does before each send: look first.
    assigned: (added) => (look(), print('assigned', added)),
    revoked: (gone) => (look(), print('revoked', gone), Promise.resolve()),
    lost: (gone) => (look(), print('lost', gone)),
  },
  { clock: systemClock, logger },
)
member.share(Array.from({ length: Number(count) }, (_, partition) => ({ topic: 'orders', partition })))
const looking = setInterval(look, LOOK_MS)

process.once('SIGTERM', () => {
  clearInterval(looking)
  void member.close({ forGood: true, deadlineMs: 2_000 }).then(() => cluster.close())
})
