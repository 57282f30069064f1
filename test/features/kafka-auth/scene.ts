import { afterAll, beforeAll } from 'vitest'
import { credentialsNamespace } from '../../../src/contract/credential.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { ControlPlaneRig, type Told } from '../../support/control-plane-rig.ts'
import { useAuthKafka, type AuthKafka, type Listener } from '../../support/kafka-auth.ts'
import { KubeScene } from '../../support/kube-workers.ts'
import { startRealApi } from '../../support/real-api.ts'
import { makePod } from '../../support/simulated-workers.ts'

export const always = new AbortController().signal
/** A Secret is read again within a minute; then what it says takes its way through controller and workers. */
export const patience = { withinMs: 240_000, everyMs: 100 }

/** A Kafka that asks who one is and what one may, with the controller, an ingress and a dispatcher on an API server. */
export interface AuthScene {
  readonly auth: AuthKafka
  readonly rig: ControlPlaneRig
  readonly scene: KubeScene
  /** `http://host:port` of the ingress. */
  readonly ingress: string
}

/** One for a test file: call it at the top, and the result in a test. */
export function useAuthScene(): () => AuthScene {
  const auth = useAuthKafka({ set: { 'allow.everyone.if.no.acl.found': 'false' } })
  const cleanup = new AsyncDisposableStack()
  let open: AuthScene | undefined

  beforeAll(async () => {
    const real = await startRealApi()
    cleanup.defer(() => real.close())
    const scene = cleanup.use(await KubeScene.open(real.access))
    const { client, namespace: system } = scene
    const metadata = { name: credentialsNamespace }
    await client.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata }, always)
    const names = { system, credentials: credentialsNamespace }
    const rig = cleanup.use(await ControlPlaneRig.start(real.api, { kafka: null, ...names }))
    rig.startPlane()
    const ingress = await scene.ingress()
    const dispatcher = await scene.dispatcher('d-0', { kafka: auth().address('PLAINTEXT') })
    for (const [{ name }, role] of [[ingress, 'ingress'] as const, [dispatcher, 'dispatcher'] as const])
      await makePod(client, { namespace: system, client, name, role }, always)
    open = { auth: auth(), rig, scene, ingress: ingress.url }
  }, 300_000)
  afterAll(() => cleanup.disposeAsync(), 120_000)

  return () => {
    if (open === undefined) throw new Error('the scene has not been opened yet')
    return open
  }
}

/** What a Secret says to sign in on a listener, beside what tells the listener and the mechanism. */
export function secretValues(auth: AuthKafka, listener: Listener): Record<string, string> {
  const { ca, certificate, key } = auth.tls
  const { sasl } = auth.credential(listener)
  return {
    ...(listener === 'SSL' ? { 'user.crt': certificate, 'user.key': key } : {}),
    ...(listener.endsWith('SSL') ? { 'ca.crt': ca } : {}),
    ...(sasl === undefined ? {} : { user: sasl.username, password: sasl.password }),
  }
}

/** Secret `kafka` as it is now, whatever it was. */
export async function putSecret(rig: ControlPlaneRig, ns: string, stringData: Record<string, string>): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: ns, name: 'kafka' }, stringData }
  await rig.client.delete(kinds.secret, { namespace: ns, name: 'kafka' }, always)
  await rig.client.create(kinds.secret, object, always)
}

/** What the condition Ready says. */
export const messageOf = (told: Told): string => told.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''
