import { afterAll, beforeAll, describe } from 'vitest'
import { children } from './kube-loop/children.ts'
import { controlling } from './kube-loop/controlling.ts'
import { informing } from './kube-loop/informing.ts'
import { leading } from './kube-loop/leading.ts'
import { recording } from './kube-loop/recording.ts'
import type { LoopUnderTest } from './kube-loop/subject.ts'

/** The promises of our small controller-runtime (src/kube), on one adapter of its client. */
export function kubeLoopSuite(name: string, open: () => Promise<LoopUnderTest>): void {
  describe(name, () => {
    let current: LoopUnderTest
    const subject = (): LoopUnderTest => current
    beforeAll(async () => {
      current = await open()
    })
    afterAll(() => current.close())

    describe('informer', () => informing(subject))
    describe('controller', () => controlling(subject))
    describe('child', () => children(subject))
    describe('events', () => recording(subject))
    describe('lead', () => leading(subject))
  })
}
