import type { ObjectStatus } from '../../control-plane/conclude.ts'

/** What `millrace dev` says on standard output: few lines, each once. */
export class Voice {
  readonly #displayUrl: string
  readonly #said = new Map<string, string>()
  #curlShown = false

  constructor(displayUrl: string) {
    this.#displayUrl = displayUrl
  }

  line(text: string): void {
    console.log(text)
  }

  /** Says `text` under a topic unless it was the last thing said under it; '' only remembers that all is well. */
  once(topic: string, text: string): void {
    if (this.#said.get(topic) === text) return
    this.#said.set(topic, text)
    if (text !== '') this.line(text)
  }

  /** Says what became of each object when that changed, and the curl line after the first Broker is Ready. */
  statuses(statuses: readonly ObjectStatus[]): void {
    for (const status of statuses) this.once(`status ${keyOf(status)}`, this.#sentence(status))
    const broker = statuses.find((status) => status.key.kind === 'Broker' && status.ready === 'True')
    if (broker?.address === undefined || this.#curlShown) return
    this.#curlShown = true
    this.line(`\nSend an event:\n\n  ${curl(broker.address)}\n`)
  }

  /** Forgets an object that is gone, and says so. */
  gone(kind: string, namespace: string, name: string): void {
    const topic = `status ${kind} ${namespace}/${name}`
    if (this.#said.delete(topic)) this.line(`${kind} ${namespace}/${name} deleted`)
  }

  #sentence(status: ObjectStatus): string {
    const name = keyOf(status)
    // Unknown is on its way: it is either Ready or False in a moment.
    if (status.ready === 'Unknown') return ''
    // The log being away is said once for all, not for each object.
    if (status.reason === 'LogUnavailable') return ''
    if (status.ready === 'False') return `${name} is not Ready: ${status.reason}: ${status.message}`
    if (status.address !== undefined) return `${name} Ready at ${status.address}`
    const display =
      status.subscriberUri?.startsWith(`${this.#displayUrl}/`) === true ? ' (the display: not mapped by --service)' : ''
    const reads = status.topics === undefined ? '' : `reads ${status.topics.join(', ')}, `
    return `${name} Ready, ${reads}delivers to ${status.subscriberUri ?? '?'}${display}`
  }
}

function keyOf({ key }: ObjectStatus): string {
  return `${key.kind} ${key.namespace}/${key.name}`
}

function curl(address: string): string {
  const headers = [
    'ce-specversion: 1.0',
    'ce-id: 1',
    'ce-source: /my/terminal',
    'ce-type: com.example.greeting',
    'content-type: application/json',
  ]
  return `curl -i ${address} ${headers.map((header) => `-H '${header}'`).join(' ')} -d '{"hello":"world"}'`
}
