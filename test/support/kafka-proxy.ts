import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { openConnection, type BrokerConnection } from '../../src/kafka/platformatic/broker-connection.ts'
import { Cluster, type ClusterOptions } from '../../src/kafka/platformatic/cluster.ts'

/** What happens on the way back from the broker. */
export type Fate = 'pass' | 'lose' | 'hold'

/**
 * A cluster whose broker connections (not the questions about the cluster itself) run through a wire that we can cut:
 * `lose` cuts the connection instead of passing a broker's answer on, `hold` passes nothing on, like a broker that hangs.
 */
export class CuttableCluster extends Cluster {
  readonly #clientId: string
  readonly #wires: Promise<Server>[] = []
  readonly #sockets = new Set<Socket>()
  /** Asked for each piece of an answer of broker `nodeId`, but for what it says on being connected to. */
  fate: (nodeId: number) => Fate = () => 'pass'

  constructor(options: ClusterOptions) {
    super(options)
    this.#clientId = options.clientId
  }

  override async connect(nodeId: number, options?: { requestTimeoutMs?: number }): Promise<BrokerConnection> {
    const direct = await super.connect(nodeId)
    const { host, port } = direct
    await direct.close()
    let connected = false
    const wire = this.#wire(host, port, () => (connected ? this.fate(nodeId) : 'pass'))
    this.#wires.push(wire)
    const address = (await wire).address() as AddressInfo
    const connection = await openConnection(
      this.#clientId,
      { host: '127.0.0.1', port: address.port },
      { connectTimeoutMs: 2_000, requestTimeoutMs: options?.requestTimeoutMs ?? 5_000 },
    )
    connected = true
    return connection
  }

  override async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    for (const wire of this.#wires) (await wire).close()
    await super.close()
  }

  #wire(host: string, port: number, fateOfAnswer: () => Fate): Promise<Server> {
    const server = createServer((near) => {
      const far = connect(port, host)
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          near.destroy()
          far.destroy()
        })
      }
      near.on('data', (bytes) => far.write(bytes))
      far.on('data', (bytes) => {
        const fate = fateOfAnswer()
        if (fate === 'pass') near.write(bytes)
        if (fate === 'lose') near.destroy()
      })
    })
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
  }
}
