import { afterAll, beforeAll, describe } from 'vitest'
import { applying } from './kube/applying.ts'
import { deleting } from './kube/deleting.ts'
import { reading } from './kube/reading.ts'
import type { KubeUnderTest } from './kube/subject.ts'
import { watching } from './kube/watching.ts'
import { writing } from './kube/writing.ts'

export { widgets, type KubeUnderTest } from './kube/subject.ts'

/**
 * The promises of the port of src/kube/client.ts, on one adapter. What is not promised here, no room relies on.
 * Tests keep apart by namespaces, so one API server serves them all.
 */
export function kubeSuite(name: string, open: () => Promise<KubeUnderTest>): void {
  describe(name, () => {
    let current: KubeUnderTest
    const subject = (): KubeUnderTest => current
    beforeAll(async () => {
      current = await open()
    })
    afterAll(() => current.close())

    describe('read', () => reading(subject))
    describe('write', () => writing(subject))
    describe('delete', () => deleting(subject))
    describe('apply', () => applying(subject))
    describe('watch', () => watching(subject))
  })
}
