import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventuallyPasses } from '../support/eventually.ts'
import { kubectl as run, kubectlPath } from '../support/kubectl.ts'
import { postFromPod, startSender } from './support/app.ts'
import { arrival, createFlow } from './support/flow.ts'
import { kafkaState } from './support/kafka.ts'
import { apply, cluster, kubectl, systemNamespace, waitFor, type KubeObject } from './support/kube.ts'
import { tagImage } from './support/machine.ts'
import { installMillrace, manifests, workersReady } from './support/millrace.ts'

const root = join(import.meta.dirname, '..', '..')
const rate = 100

/** A program of this repository, with the kubeconfig of this run. */
async function program(...command: readonly [string, ...string[]]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, KUBECONFIG: cluster().kubeconfig, KUBECTL: kubectlPath() }
  const [file, ...args] = command
  return promisify(execFile)(file, args, { cwd: root, env }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      output: error.stdout + error.stderr,
    }),
  )
}

const uninstall = (...args: string[]) => program(join(root, 'config', 'uninstall'), ...args)
const preflight = () => program(process.execPath, 'src/main.ts', 'preflight')

beforeAll(installMillrace)

describe('applied again', () => {
  it('nothing changes', async () => {
    const text = await manifests()
    const versions = async (): Promise<Record<string, string | undefined>> => {
      const found = await run(['get', '-f', '-', '-o', 'json'], { ...cluster(), stdin: text })
      const { items } = JSON.parse(found) as { items: KubeObject[] }
      return Object.fromEntries(
        items.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.resourceVersion]),
      )
    }
    // what the cluster still has to say about a rollout that has just ended changes a Deployment, too
    await eventuallyPasses(
      'applying changes nothing',
      async () => {
        const before = await versions()
        await apply(text)
        expect(await versions()).toEqual(before)
        expect(Object.keys(before).length).toBeGreaterThan(30)
      },
      { withinMs: 60_000, everyMs: 1_000 },
    )
  })
})

/** Brokers of others would go with the definitions: only where the cluster is ours. */
describe.skipIf(!cluster().ours)('the life of an installation', () => {
  afterAll(installMillrace)

  it('goes one version back and forth under load: no event is refused or lost', async () => {
    await using flow = await createFlow('upgrade')
    const { namespace } = flow
    const [current, previous] = [cluster().image, 'millrace:previous']
    await tagImage(current, previous)
    const runs = async (image: string): Promise<void> => {
      await apply(await manifests(image))
      const has = ({ spec }: KubeObject): boolean => JSON.stringify(spec).includes(`"image":"${image}"`)
      await waitFor('deployment', 'millrace-ingress', has, { namespace: systemNamespace, withinMs: 90_000 })
      await waitFor('statefulset', 'millrace-dispatcher', has, { namespace: systemNamespace })
      await workersReady()
    }
    const sender = await startSender(namespace, { url: flow.url, prefix: 'u', count: rate * 60, rate, resend: true })
    await waitFor('pod', sender.pod, ({ status }) => status?.['phase'] === 'Running', { namespace })
    await runs(previous)
    await runs(current)

    const outcome = await sender.outcome(120_000)
    const { lost, duplicates } = await arrival(flow.app, 'u', outcome)
    console.log(`back and forth: ${duplicates} of ${outcome.sent} delivered again, ${outcome.resent} sent again`)
    expect(outcome).toMatchObject({ sent: rate * 60, statuses: { '202': rate * 60 }, refused: [] })
    expect(lost).toEqual([])
    await waitFor('trigger', 'all', 'Ready', { namespace })
  })

  it('does not end by mistake while there are Brokers', async () => {
    await using flow = await createFlow('stays')
    const { code, output } = await uninstall()
    expect(code).toBe(1)
    expect(output).toMatch(
      /there are 2 Brokers, Triggers, SinkBindings and KafkaSources.*--keep-topics or --delete-topics/s,
    )
    const outcome = await postFromPod(flow.namespace, { url: flow.url, prefix: 's' })
    expect((await arrival(flow.app, 's', outcome)).lost).toEqual([])
  })

  it('ends without a trace, topics included', async () => {
    await using flow = await createFlow('ends')
    const { namespace } = flow
    const [topic, group] = [`knative-broker-${namespace}-default`, `knative-trigger-${namespace}-all`]
    expect(await kafkaState(topic, group)).toEqual({ topic: true, group: 'simple' })

    const { code, output } = await uninstall('--delete-topics')

    expect(output).toMatch(/Millrace is removed\.\n$/)
    expect(code).toBe(0)
    expect(await kafkaState(topic, group)).toEqual({ topic: false, group: 'missing' })
    expect(await traces()).toEqual([])
  })

  it('is not begun where another manager of Brokers is', async () => {
    expect(await preflight()).toMatchObject({ code: 0 })
    const other = [
      webhook('MutatingWebhookConfiguration', 'webhook.eventing.knative.dev'),
      webhook('ValidatingWebhookConfiguration', 'validation.webhook.kafka.eventing.knative.dev'),
      foreignDefinition,
    ]
    await apply(other)
    try {
      const { code, output } = await preflight()
      expect(code).toBe(1)
      expect(output).toContain(
        'another manager of Brokers and Triggers is installed: CustomResourceDefinition brokers.eventing.knative.dev',
      )
      expect(output).toContain('MutatingWebhookConfiguration webhook.eventing.knative.dev')
      expect(output).toContain('ValidatingWebhookConfiguration validation.webhook.kafka.eventing.knative.dev')
    } finally {
      await run(['delete', '--ignore-not-found', '-f', '-'], {
        ...cluster(),
        stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: other }),
      })
    }
  })

  it('begins again, and works', async () => {
    await installMillrace()
    await using flow = await createFlow('again')
    const outcome = await postFromPod(flow.namespace, { url: flow.url, prefix: 'g' })
    expect((await arrival(flow.app, 'g', outcome)).lost).toEqual([])
  })
})

/** What another Knative leaves in a cluster, with nothing behind it. */
function webhook(kind: string, name: string): object {
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name }, webhooks: [] }
}

const foreignDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'brokers.eventing.knative.dev' },
  spec: {
    group: 'eventing.knative.dev',
    scope: 'Namespaced',
    names: { plural: 'brokers', singular: 'broker', kind: 'Broker' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
}

/** Whatever in the cluster bears our name, or a group of ours; the node of the test cluster has a similar one. */
async function traces(): Promise<string[]> {
  const resources = (await kubectl('api-resources', '--verbs=list', '-o', 'name')).split('\n')
  const kinds = resources.filter((kind) => kind !== '' && !kind.startsWith('events'))
  const columns =
    '{{range .items}}{{.kind}} {{.metadata.namespace}}/{{.metadata.name}} {{.metadata.labels}}{{"\\n"}}{{end}}'
  const all = (await kubectl('get', kinds.join(','), '-A', '-o', `go-template=${columns}`)).split('\n')
  const found = all.filter((line) => /millrace|knative/.test(line.replaceAll('millrace-node', '')))
  return [...kinds.filter((kind) => /knative|millrace/.test(kind)), ...found]
}
