import type { TestProject } from 'vitest/node'
import { startKafka, type RunningKafka } from './kafka-process.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** `host:port[,host:port]` of the Kafka of this run. */
    kafka: string
  }
}

interface Shared {
  users: number
  readonly kafka: Promise<RunningKafka>
}

/** vitest loads this file once a project, so what the projects share stands outside of modules. */
const home = globalThis as typeof globalThis & { millraceTestKafka?: Shared | undefined }

/**
 * Starts the Kafka of this run with the first project that needs it and stops it with the last one.
 * `MILLRACE_TEST_KAFKA=host:port` names one that runs already: it is used, and left alone.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['MILLRACE_TEST_KAFKA']
  if (given !== undefined) {
    project.provide('kafka', given)
    return () => Promise.resolve()
  }
  const shared = (home.millraceTestKafka ??= { users: 0, kafka: startKafka() })
  shared.users += 1
  const kafka = await shared.kafka
  project.provide('kafka', kafka.bootstrap)
  return async () => {
    shared.users -= 1
    if (shared.users > 0) return
    home.millraceTestKafka = undefined
    await kafka.close()
  }
}
