import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { webhookConfigurations } from '../../src/control-plane/webhook/configuration.ts'
import { startApiServer, type RunningApiServer } from '../support/api-server.ts'
import type { Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { kubectl, kubectlPath } from '../support/kubectl.ts'
import { kubeconfigOf, Kubelet } from '../support/kubelet.ts'
import { millrace, ownFolder } from '../support/millrace.ts'
import { sendEvents } from '../support/sender.ts'
import { blocksOf } from '../support/tutorial.ts'

const top = join(import.meta.dirname, '..', '..')
const system = 'knative-eventing'
export const patience = { withinMs: 60_000, everyMs: 100 }
const groupTool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'

/** What "Back up and restore" tells to type, by its mark behind `sh`. */
export const commands = new Map(
  blocksOf(readFileSync(join(top, 'docs', 'operations.md'), 'utf8'))
    .filter(({ language }) => language === 'sh')
    .map(({ marks, text }) => [marks.join(' '), text]),
)

/** A reader of the document, at a prompt with kubectl, the tools of Kafka and a checkout. */
export class Operator {
  readonly typed = new Set<string>()
  /** Of the cluster that is looked after now. */
  kubeconfig = ''
  readonly #folder = ownFolder()
  readonly #kafka: string

  constructor(kafka: string) {
    this.#kafka = kafka
    const bin = join(this.#folder, '.bin')
    mkdirSync(bin)
    symlinkSync(join(top, 'config'), join(this.#folder, 'config'))
    const program = (name: string, script: string): void => {
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    // works out differences in a way that takes a quarter of the time
    const apply = `[ "$1" != apply ] || { shift; set -- apply --openapi-patch=false "$@"; }`
    program('kubectl', `${apply}\nexec ${kubectlPath()} "$@"`)
    program('kafka-consumer-groups', `exec ${join(top, 'test', 'env', 'kafka-tool')} ${groupTool} "$@"`)
  }

  /** Types a block of the document. @param edited what a reader puts in place of examples. @throws Error with what it printed when a command fails. */
  async types(mark: string, edited = (block: string): string => block): Promise<string> {
    this.typed.add(mark)
    const block = commands.get(mark)
    if (block === undefined) throw new Error(`docs/operations.md has no block "sh ${mark}"`)
    const path = `${join(this.#folder, '.bin')}:${process.env['PATH']}`
    const env = { ...process.env, PATH: path, KUBECONFIG: this.kubeconfig, KAFKA: this.#kafka }
    const script = `set -e -o pipefail\n${edited(block)}`
    const child = spawn('bash', ['-c', script], { cwd: this.#folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const closed = once(child, 'close') as Promise<[number | null]>
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed])
    if (code !== 0) throw new Error(`${block}\nexit code ${code}\n${stdout}${stderr}`)
    return stdout + stderr
  }
}

/** A Kubernetes cluster: an API server, Millrace installed on it as the document says, and the node that its workers run on. */
export class Cluster implements AsyncDisposable {
  readonly api: RunningApiServer
  readonly kubelet: Kubelet
  #controller: Child
  #over = false

  private constructor(api: RunningApiServer, kubelet: Kubelet, controller: Child) {
    this.api = api
    this.kubelet = kubelet
    this.#controller = controller
  }

  static async installed(operator: Operator): Promise<Cluster> {
    const api = await startApiServer()
    operator.kubeconfig = api.kubeconfig
    await operator.types('install')
    await kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'], api)
    const flags = ['--kubeconfig', await kubeconfigOf(api, 'millrace-controller', system), '-n', system]
    const start = (port: string): Child =>
      millrace('controller', ...flags, '--host', '127.0.0.1', '--port', port, '--image', 'millrace:1')
    const first = start('0')
    const url = (await first.line('controller ')).slice('controller '.length)
    const cluster = new Cluster(api, new Kubelet(api, system), first)
    cluster.#keep(() => start(new URL(url).port))
    await cluster.#askFor(url)
    return cluster
  }

  /** One that ends by itself, as when its Lease could not be renewed in time, is started again. */
  #keep(again: () => Child): void {
    void this.#controller.exited.then(() => {
      if (this.#over) return
      this.#controller = again()
      this.#keep(again)
    })
  }

  /** Has the API server ask the controller there: no Service leads to a process beside it. */
  async #askFor(url: string): Promise<void> {
    const items = webhookConfigurations({ namespace: system, serviceName: 'millrace-webhook', url })
    await this.k(['replace', '-f', '-'], { apiVersion: 'v1', kind: 'List', items })
    const metadata = { name: 'probe', namespace: 'default' }
    const probe = { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata }
    await eventually('the webhooks answer', () => this.k(['create', '--dry-run=server', '-f', '-'], probe), patience)
  }

  async configure({ kafka, partitions }: { kafka: string; partitions: number }): Promise<void> {
    const data = {
      'bootstrap.servers': kafka,
      'default.topic.partitions': String(partitions),
      'default.topic.replication.factor': '1',
    }
    const patch = (name: string, data: object) =>
      this.k(['patch', 'configmap', name, '-n', system, '--type', 'merge', '-p', JSON.stringify({ data })])
    await patch('kafka-broker-config', data)
    await patch('config-millrace', { 'ingress.replicas': '1' })
  }

  async ready(): Promise<void> {
    await this.k(['wait', 'brokers,triggers,kafkasources', '--all', '-A', '--for=condition=Ready', '--timeout=60s'])
  }

  /** As far as ConfigMaps go. */
  async upgraded(): Promise<void> {
    const files = ['300-config-millrace.yaml', '310-config-knative.yaml'].flatMap((name) => [
      '-f',
      join(top, 'config', name),
    ])
    await this.k(['apply', ...files])
  }

  /** Of all that users have made. */
  names(): Promise<string> {
    return this.k(['get', 'brokers,triggers,sinkbindings,kafkasources', '-A', '-o', 'name'])
  }

  k(args: readonly string[], stdin?: object): Promise<string> {
    return kubectl(args, { ...this.api, ...(stdin === undefined ? {} : { stdin: JSON.stringify(stdin) }) })
  }

  /** All that the user said. */
  async settings(): Promise<string> {
    const names = ['kafka-broker-config', 'config-millrace']
    return this.k(['get', 'configmaps', ...names, '-n', system, '-o', 'jsonpath={.items[*].data}'])
  }

  async send(from: number, count: number): Promise<void> {
    const [ingress] = await eventually(
      'an ingress',
      () => this.kubelet.urls('ingress').length > 0 && this.kubelet.urls('ingress'),
      patience,
    )
    await sendEvents({ url: `${ingress}/shop/default`, from, count })
  }

  /** Everything of it is gone at once. */
  async lost(): Promise<void> {
    this.#over = true
    await this.kubelet.powerCut()
    this.#controller.signal('SIGKILL')
    await this.api.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true
    await this.kubelet[Symbol.asyncDispose]()
    await this.#controller.stop()
    await this.api.close()
  }
}

/** What users have applied. */
export function objects(subscriber: string, legacy: string, kafka: string): object {
  const eventing = 'eventing.knative.dev/v1'
  const named = (name: string) => ({ name, namespace: 'shop' })
  const delivery = { retry: 1_000, backoffPolicy: 'linear', backoffDelay: 'PT0.2S' }
  const source = { bootstrapServers: [kafka], topics: ['legacy'], sink: { uri: legacy } }
  const subject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'till' }
  const toBroker = { ref: { apiVersion: eventing, kind: 'Broker', name: 'default' } }
  const items = [
    { apiVersion: eventing, kind: 'Broker', metadata: named('default') },
    {
      apiVersion: eventing,
      kind: 'Trigger',
      metadata: named('orders'),
      spec: { broker: 'default', subscriber: { uri: subscriber }, delivery },
    },
    // names no group
    { apiVersion: 'sources.knative.dev/v1', kind: 'KafkaSource', metadata: named('legacy'), spec: source },
    {
      apiVersion: 'sources.knative.dev/v1',
      kind: 'SinkBinding',
      metadata: named('till'),
      spec: { subject, sink: toBroker },
    },
  ]
  return { apiVersion: 'v1', kind: 'List', items }
}
