/**
 * The raw limit of a dispatcher, fixed: raw fetches from all partitions of a topic from their start, undici `dispatch` to one subscriber, 100 in
 * flight. No filter, no retry, no position: nothing that does the job can be cheaper. Arguments: bootstrap servers, topic, URL, and how many
 * are in flight if not 100.
 */
import { Connection, fetchV17, metadataV12 } from '@platformatic/kafka'
import { Pool } from 'undici'

const [bootstrap = '', topic = '', url = '', most = '100'] = process.argv.slice(2)
const [host = '', port = ''] = bootstrap.split(',')[0]!.split(':')
const window = Number(most)

const connection = new Connection('baseline')
await connection.connect(host, Number(port))
const metadata = await metadataV12.api.async(connection, [topic], false, false)
const { topicId: id, partitions } = metadata.topics[0]!
const next = partitions.map(() => 0n)

const { origin, pathname } = new URL(url)
const pool = new Pool(origin, { connections: window, pipelining: 1 })
let inFlight = 0
let wake: (() => void) | null = null
const finished = () => {
  inFlight -= 1
  wake?.()
  wake = null
}
const handler = {
  onRequestStart() {},
  onResponseStart() {},
  onResponseData() {},
  onResponseEnd: finished,
  onResponseError: finished,
}

for (;;) {
  const request = partitions.map((_, partition) => ({
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: next[partition]!,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 1_048_576,
  }))
  const answer = await fetchV17.api.async(
    connection,
    500,
    1,
    10_485_760,
    1,
    0,
    -1,
    [{ topicId: id, partitions: request }],
    [],
    '',
  )
  for (const { partitionIndex, records } of answer.responses.flatMap((response) => response.partitions)) {
    for (const batch of records ?? []) {
      for (const record of batch.records) {
        if (batch.firstOffset + BigInt(record.offsetDelta) < next[partitionIndex]!) continue
        if (inFlight === window) await new Promise<void>((resolve) => (wake = resolve))
        inFlight += 1
        const headers = record.headers.flatMap(([name, value]) => [
          name!.toString().replace('_', '-'),
          value!.toString(),
        ])
        pool.dispatch({ path: pathname, method: 'POST', headers, body: record.value }, handler)
      }
      next[partitionIndex] = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
    }
  }
}
