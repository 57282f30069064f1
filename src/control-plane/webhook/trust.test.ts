import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { KubeClient } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { followCertificates, type CertificateSource } from './certificates.ts'
import { webhookConfigurations } from './configuration.ts'
import { rotateCertificates } from './rotation.ts'
import { awaitTrust } from './trust.ts'

const namespace = 'knative-eventing'
const logger = createLogger('silent')
const address = { namespace, serviceName: 'millrace-webhook' }
let client: KubeClient
let stop: AbortController

beforeEach(async () => {
  stop = new AbortController()
  client = new MemoryApi().client()
  const [mutating, validating] = webhookConfigurations(address)
  await client.create(
    kinds.namespace,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    stop.signal,
  )
  await client.create(kinds.mutatingWebhook, mutating!, stop.signal)
  await client.create(kinds.validatingWebhook, validating!, stop.signal)
})
afterEach(() => stop.abort())

const certificates = () => ({ client, namespace, identity: 'a', names: ['a'], clock, logger })
/** It comes by so rarely that what is there soon was looked for in between. */
const rarely = { pollMs: 3_600_000 }
const lead = (more: object = {}): void =>
  void rotateCertificates({ ...certificates(), replicas: async () => ['a'], ...more }, stop.signal)
/** For what hangs, milliseconds. */
const deadlineMs = 60_000
const until = async (withinMs: number, holds: () => boolean): Promise<boolean> => {
  const end = clock.monotonic() + withinMs
  while (!holds() && clock.monotonic() < end) await new Promise((resolve) => setTimeout(resolve, 20))
  return holds()
}
const wait = (certificate: CertificateSource, more: object = {}, through = client) =>
  awaitTrust({ client: through, certificate, clock, logger, pollMs: 20, settleMs: 0, ...more }, stop.signal)

describe('the first install', () => {
  it('is Ready once the leader has written whom to trust, which is soon', async () => {
    // The leader looks before there is a Secret.
    lead(rarely)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const certificate = followCertificates(certificates(), stop.signal)
    const trust = wait(certificate)
    expect(trust.unready()).toContain('caBundle')
    expect(await until(deadlineMs, () => trust.unready() === null)).toBe(true)
  })

  it('is not Ready as long as there is no leader', async () => {
    const certificate = followCertificates(certificates(), stop.signal)
    // an event loop that stands still for that long would look like an API server that is away
    const trust = wait(certificate, { patienceMs: 2_000 })
    expect(await until(deadlineMs, () => certificate.current() !== null)).toBe(true)
    expect(await until(2_500, () => trust.unready() === null)).toBe(false)
    lead()
    expect(await until(deadlineMs, () => trust.unready() === null)).toBe(true)
  })
})

it('a restart while the API server is away is Ready all the same, and stays so', async () => {
  const certificate = followCertificates(certificates(), stop.signal)
  await until(deadlineMs, () => certificate.current() !== null)
  const away = Promise.reject(new Fault('ApiUnavailable', 'away'))
  away.catch(() => undefined)
  const trust = wait(certificate, { patienceMs: 300 }, { ...client, get: () => away })
  expect(trust.unready()).not.toBeNull()
  expect(await until(deadlineMs, () => trust.unready() === null)).toBe(true)
})
