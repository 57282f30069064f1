import { once } from 'node:events'
import { connect } from 'node:net'
import { Latencies } from './latency.ts'

/** ApiVersions v0 (Kafka protocol guide): the smallest question, answered by the broker at once. Length, key 18, version 0, id 0, no client id. */
const question = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
const questions = 200

/** Median round trip to a broker, milliseconds. @param address `host:port` */
export async function roundTrip(address: string): Promise<number> {
  const [host, port] = address.split(':')
  const socket = connect({ host, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  const latencies = new Latencies()
  for (let i = 0; i < questions; i++) {
    const asked = performance.now()
    socket.write(question)
    await once(socket, 'data')
    latencies.add(performance.now() - asked)
  }
  socket.destroy()
  return latencies.quantile(0.5)
}
