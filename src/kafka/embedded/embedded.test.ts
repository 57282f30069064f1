import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compileCache } from '../../../test/support/compile-cache.ts'
import { eventually, eventuallyPasses } from '../../../test/support/eventually.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { openEmbeddedLog, type EmbeddedLogOptions } from './embedded.ts'
import type { Log } from '../log.ts'

const MIB = 1024 * 1024
let dir: string
let cleanUp: (() => unknown)[]

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-embedded-'))
  cleanUp = []
})

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step()
  await rm(dir, { recursive: true })
})

describe('a data folder', () => {
  it('is locked for other processes, in a sentence that names the holder, until the holder is gone, however it ended', async () => {
    const holder = child('await open(); say({ ready: true }); setInterval(() => {}, 1000)')
    await holder.heard((line) => line['ready'] === true)
    const fault = await faultOf(open())
    expect(fault.code).toBe('DataLocked')
    expect(fault.message).toContain(`in use by another Millrace (process ${holder.process.pid})`)
    await holder.kill()
    await open()
  })

  it('is locked for a second log of the same process', async () => {
    const log = await open()
    expect(await faultOf(open())).toMatchObject({ code: 'DataLocked' })
    await log.close()
    await open()
  })

  it('of a newer version is left alone', async () => {
    await (await open()).close()
    alter('PRAGMA user_version = 99')
    expect(await faultOf(open())).toMatchObject({ code: 'DataFromNewerVersion', details: { version: 99 } })
  })

  it('with a database of someone else is left alone', async () => {
    alter('CREATE TABLE theirs (a)')
    expect(await faultOf(open())).toMatchObject({ code: 'LogRefused' })
    alter('INSERT INTO theirs VALUES (1)')
  })

  it('with a damaged file is refused in a sentence', async () => {
    await writeFile(join(dir, 'log.sqlite'), 'this is no database at all, but long enough to look at. '.repeat(100))
    const fault = await faultOf(open())
    expect(fault).toMatchObject({ code: 'LogRefused' })
    expect(fault.message).toContain('is damaged')
  })

  it('that cannot be made is told in a sentence', async () => {
    await writeFile(join(dir, 'file'), '')
    expect(await faultOf(open({ dir: join(dir, 'file', 'sub') }))).toMatchObject({ code: 'LogUnavailable' })
  })

  it('is made with all folders above it', async () => {
    await open({ dir: join(dir, 'a', 'b') })
    expect(existsSync(join(dir, 'a', 'b'))).toBe(true)
  })
})

describe.each(['full', 'off'] as const)('with fsync %s', (fsync) => {
  it('all that was acknowledged survives kill -9, without gaps', async () => {
    const writer = child(`
      const log = await open({ fsync: '${fsync}' })
      await log.admin().ensureTopic({ name: 't', partitions: 2, replicationFactor: 1, config: {} })
      const appender = log.appender()
      const positions = log.positions()
      const run = async (partition) => {
        for (let n = 0; ; n += 1) {
          const { offset } = await appender.append({ topic: 't', partition, key: null, value: Buffer.from(String(n)), headers: [] })
          say({ partition, offset: Number(offset) })
          await positions.commit('g', [{ topic: 't', partition, offset: offset + 1n, leaderEpoch: -1, metadata: '' }])
          say({ partition, position: Number(offset) + 1 })
        }
      }
      await Promise.all([run(0), run(1)])`)
    const stored = [-1, -1]
    const committed = [0, 0]
    await writer.heard((line) => {
      const partition = Number(line['partition'])
      if (line['offset'] !== undefined) stored[partition] = Number(line['offset'])
      if (line['position'] !== undefined) committed[partition] = Number(line['position'])
      return stored[0]! > 300 && stored[1]! > 300
    })
    await writer.kill()
    const log = await open({ fsync })
    for (const partition of [0, 1]) {
      const values = await valuesOf(log, 't', partition)
      expect(values.length).toBeGreaterThan(stored[partition]!)
      expect(values).toEqual(values.map((_, n) => String(n)))
      const found = await log.positions().fetch(new Map([['g', [{ topic: 't', partition }]]]))
      expect(Number(found.get('g')?.[0]?.offset)).toBeGreaterThanOrEqual(committed[partition]!)
    }
  })
})

describe('a full disk', () => {
  it.runIf(process.platform === 'linux')(
    'fails appends with LogUnavailable, stores nothing of them, and heals by itself',
    async () => {
      // The child may write files of 2 MiB at most, until the limit is raised: the same to SQLite as a full disk.
      const writer = child(
        `
      const log = await open()
      await log.admin().ensureTopic({ name: 't', partitions: 1, replicationFactor: 1, config: {} })
      const appender = log.appender({ deadlineMs: 3000 })
      let n = 0
      const append = () => appender.append({ topic: 't', key: null, value: Buffer.from((n++ + ' ').padEnd(50000, '.')), headers: [] })
      for (;;) {
        try { say({ stored: Number((await append()).offset) }) } catch (error) { say({ code: error.code }) }
      }`,
        { maxFileKib: 2048 },
      )
      let stored = -1
      const count = (line: Line): boolean => {
        if (line['stored'] !== undefined) {
          expect(line['stored']).toBe(stored + 1)
          stored += 1
        }
        return false
      }
      await writer.heard((line) => count(line) || line['code'] === 'LogUnavailable')
      expect(stored).toBeGreaterThan(5)
      const full = stored
      await once(spawn('env', ['prlimit', '--pid', String(writer.process.pid), '--fsize=unlimited:unlimited']), 'exit')
      await writer.heard((line) => count(line) || stored > full + 20)
      await writer.kill()
      expect((await valuesOf(await open(), 't', 0)).length).toBeGreaterThan(stored)
    },
  )
})

describe('retention', () => {
  it('bounds the folder, and lets the oldest records go first', async () => {
    const log = await open({ retention: { bytes: 4 * MIB, ms: 3_600_000 } })
    await ensure(log, 't', 3)
    await fill(log, 't', 30 * MIB)
    await eventuallyPasses('the log is within its bound', async () => {
      const [range] = await log.reader().range([{ topic: 't', partition: 0 }])
      expect(range!.start).toBeGreaterThan(0n)
      expect(range!.end - range!.start).toBeGreaterThan(20n)
    })
    expect((await stat(join(dir, 'log.sqlite'))).size).toBeLessThan(10 * MIB)
    expect((await stat(join(dir, 'log.sqlite-wal'))).size).toBeLessThan(8 * MIB)
  })

  it('does not let a loud topic drive out a quiet one', async () => {
    const log = await open({ retention: { bytes: 4 * MIB, ms: 3_600_000 } })
    await ensure(log, 'quiet', 1)
    await ensure(log, 'loud', 1)
    await fill(log, 'quiet', 1_500_000)
    await fill(log, 'loud', 20 * MIB)
    const [quiet, loud] = await log.reader().range(['quiet', 'loud'].map((topic) => ({ topic, partition: 0 })))
    expect(quiet!.start).toBe(0n)
    expect(loud!.start).toBeGreaterThan(0n)
  })

  it('drops what is too old, and keeps offsets going also when nothing is left', async () => {
    const clock = new HeldClock()
    const options = { clock, retention: { bytes: 64 * MIB, ms: 10_000 } }
    const log = await open(options)
    await ensure(log, 't', 1)
    await fill(log, 't', 50_000)
    const end = (await log.reader().range([{ topic: 't', partition: 0 }]))[0]!.end
    clock.pass(9_000)
    await fill(log, 't', 1)
    clock.pass(2_000)
    await eventuallyPasses('the old ones are gone, the new one is there', async () => {
      expect(await log.reader().range([{ topic: 't', partition: 0 }])).toMatchObject([{ start: end, end: end + 1n }])
    })
    clock.pass(60_000)
    await eventually('all are gone', async () => {
      const [range] = await log.reader().range([{ topic: 't', partition: 0 }])
      return range!.start === end + 1n && range!.end === end + 1n
    })
    await log.close()
    const again = await open(options)
    const next = { topic: 't', partition: 0, key: null, value: null, headers: [] }
    expect((await again.appender().append(next)).offset).toBe(end + 1n)
  })

  it('keeps to the retention.ms of a topic', async () => {
    const clock = new HeldClock()
    const log = await open({ clock, retention: { bytes: 64 * MIB, ms: 400 * 60_000 } })
    await ensure(log, 'short', 1, { 'retention.ms': '1000' })
    await ensure(log, 'long', 1)
    await fill(log, 'short', 1)
    await fill(log, 'long', 1)
    clock.pass(60_000)
    await fill(log, 'short', 1)
    const both = ['short', 'long'].map((topic) => ({ topic, partition: 0 }))
    await eventually('the old record is gone', async () => (await log.reader().range(both))[0]!.start === 1n)
    expect(await log.reader().range(both)).toMatchObject([{ end: 2n }, { start: 0n, end: 1n }])
  })

  it('gives the space of deleted topics to others, also when the log was closed before it was free', async () => {
    let log = await open({ retention: { bytes: 256 * MIB, ms: 3_600_000 } })
    for (let round = 0; round < 4; round += 1) {
      await ensure(log, 't', 2)
      await fill(log, 't', 6 * MIB)
      await log.admin().deleteTopic('t')
      await log.close()
      log = await open()
      await ensure(log, 'other', 1)
    }
    await log.close()
    expect((await stat(join(dir, 'log.sqlite'))).size).toBeLessThan(14 * MIB)
  })
})

class HeldClock implements Clock {
  #now = 1_700_000_000_000
  now = (): number => this.#now
  monotonic = (): number => performance.now()
  pass(ms: number): void {
    this.#now += ms
  }
}

async function open(options: Partial<EmbeddedLogOptions> = {}): Promise<Log> {
  const retention = { bytes: 256 * MIB, ms: 3_600_000 }
  const logger = createLogger('silent')
  const log = await openEmbeddedLog({ dir, fsync: 'off', retention, clock: systemClock, logger, ...options })
  cleanUp.push(() => log.close())
  return log
}

async function ensure(log: Log, name: string, partitions: number, config: Record<string, string> = {}): Promise<void> {
  await log.admin().ensureTopic({ name, partitions, replicationFactor: 1, config })
}

/** Appends records of up to 10 KB to all partitions of a topic, `bytes` together. */
async function fill(log: Log, topic: string, bytes: number): Promise<void> {
  const appender = log.appender()
  const [{ partitions } = { partitions: 1 }] = await log.admin().describeTopics([topic])
  const value = Buffer.alloc(Math.min(bytes, 10_000))
  const count = Math.ceil(bytes / 10_000)
  await Promise.all(
    Array.from({ length: count }, (_, n) =>
      appender.append({ topic, partition: n % partitions, key: null, value, headers: [] }),
    ),
  )
}

async function valuesOf(log: Log, topic: string, partition: number): Promise<string[]> {
  const reader = log.reader()
  const values: string[] = []
  for (let from = 0n; ;) {
    const batch = await reader.read({ topic, partition }, from, MIB)
    if ('kind' in batch) throw new Error(batch.kind)
    if (batch.records.length === 0) return values
    values.push(...batch.records.map(({ value }) => String(value)))
    from = batch.next
  }
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error: unknown = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof Fault)) throw error
  return error
}

function alter(sql: string): void {
  const database = new DatabaseSync(join(dir, 'log.sqlite'))
  database.exec(sql)
  database.close()
}

type Line = Readonly<Record<string, unknown>>

interface Child {
  readonly process: ChildProcess
  /** Resolves at the first line that `match` says yes to; lines in between are shown to it once. */
  heard(match: (line: Line) => boolean): Promise<void>
  kill(): Promise<void>
}

/** Another process that runs `script` with `open(options)` on this test's folder and `say(object)`. */
function child(script: string, { maxFileKib }: { maxFileKib?: number } = {}): Child {
  const url = (file: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href)
  const source = `
    import { openEmbeddedLog } from ${url('embedded.ts')}
    import { systemClock as clock } from ${url('../../core/clock.ts')}
    import { createLogger } from ${url('../../telemetry/logger.ts')}
    const retention = { bytes: ${256 * MIB}, ms: 3600000 }
    const open = (more) => openEmbeddedLog({ dir: ${JSON.stringify(dir)}, fsync: 'off', retention, clock, logger: createLogger('silent'), ...more })
    const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n')
    ${script}`
  const limit = maxFileKib === undefined ? '' : `ulimit -S -f ${maxFileKib}; `
  const node = `exec "$0" --input-type=module-typescript -e "$1"`
  const process_ = spawn('bash', ['-c', limit + node, process.execPath, source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...compileCache },
  })
  const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]()
  const kill = async (): Promise<void> => {
    if (process_.exitCode !== null || process_.signalCode !== null) return
    process_.kill('SIGKILL')
    await once(process_, 'exit')
  }
  cleanUp.push(kill)
  const heard = async (match: (line: Line) => boolean): Promise<void> => {
    for (;;) {
      const next = await lines.next()
      if (next.done === true) throw new Error('the child ended')
      if (match(JSON.parse(next.value) as Line)) return
    }
  }
  return { process: process_, heard, kill }
}
