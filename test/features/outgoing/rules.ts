import { afterAll, beforeAll, describe } from 'vitest'
import type { OpenLog } from '../delivery-rules-rig.ts'
import { answerRules } from './answers.ts'
import { deadLetterRules } from './dead-letters.ts'
import { formatRules } from './formats.ts'
import { replyRules } from './replies.ts'
import { retryRules } from './retries.ts'
import { OutgoingScene } from './scene.ts'

/** What docs/delivery.md promises of the way from the log to the subscriber, on a log. */
export function outgoingRules(log: () => Promise<OpenLog>): void {
  let scene: OutgoingScene
  beforeAll(async () => {
    scene = await OutgoingScene.open(log)
  })
  afterAll(() => scene[Symbol.asyncDispose]())
  const current = (): OutgoingScene => scene
  describe('answers', () => answerRules(current))
  describe('retries', () => retryRules(current))
  describe('formats', () => formatRules(current))
  describe('dead letters', () => deadLetterRules(current))
  describe('replies', () => replyRules(current))
}
