import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Inlet } from '../../src/contract/inlet.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import { startChild, type Child } from './child.ts'
import { uniqueName } from './kafka.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** The command line of this checkout as a process: `millrace ARGS`. */
export function millrace(...args: readonly string[]): Child {
  return startChild(main, args)
}

/** `millrace dev` on ports of its own, with its data in this folder. */
export function millraceDev(data: string, ...args: readonly string[]): Child {
  return millrace('dev', '--port', '0', '--display-port', '0', '--data', data, ...args)
}

/** A folder of its own for a test. */
export function ownFolder(): string {
  return mkdtempSync(join(tmpdir(), 'millrace-test-'))
}

/** A routes file that workers follow. */
export class RoutesFile {
  readonly path = join(ownFolder(), 'routes.json')

  constructor(routes: { inlets?: readonly Inlet[]; outlets?: readonly Outlet[] }) {
    this.replace(routes)
  }

  replace(routes: { inlets?: readonly Inlet[]; outlets?: readonly Outlet[] }): void {
    writeFileSync(`${this.path}.new`, JSON.stringify(routes))
    renameSync(`${this.path}.new`, this.path)
  }
}

/** An Inlet of Broker test/default on a topic. */
export function inletOn(topic: string): Inlet {
  return {
    uid: `inlet-${topic}`,
    generation: 1,
    source: { kind: 'Broker', namespace: 'test', name: 'default' },
    path: '/test/default',
    topic,
  }
}

/** An Outlet of a Trigger of its own; everything passes, no retry, unless `more` says otherwise. */
export function outletOn(topic: string, url: string, more: Partial<Outlet> = {}): Outlet {
  const name = uniqueName('trigger')
  return {
    uid: name,
    generation: 1,
    source: { kind: 'Trigger', namespace: 'test', name },
    topic,
    group: `knative-trigger-test-${name}`,
    start: 'earliest',
    filter: { attributes: {} },
    subscriber: { url },
    delivery: { retry: 10, backoffPolicy: 'exponential', backoffDelayMs: 50, timeoutMs: 30_000 },
    parking: { topic: `${topic}__parked`, partitions: 1, replicationFactor: 1 },
    order: 'unordered',
    ...more,
  }
}

/** An ingress worker on a routes file, listening. */
export async function startIngress(routes: RoutesFile, kafka: string): Promise<{ child: Child; url: string }> {
  const child = millrace('ingress', '--routes', routes.path, '--kafka', kafka, '--port', '0')
  const line = await child.line('ingress ')
  return { child, url: `${line.slice('ingress '.length)}/test/default` }
}

/** A dispatcher worker on a routes file. */
export function startDispatcher(routes: RoutesFile, kafka: string, instance: string, group: string): Child {
  return millrace(
    'dispatcher',
    '--routes',
    routes.path,
    '--kafka',
    kafka,
    '--instance',
    instance,
    '--group',
    group,
    '--data',
    ownFolder(),
  )
}
