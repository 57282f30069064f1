import { describe, expect, it } from 'vitest'
import { choose } from './versions.ts'
import type { OfferedApi } from './versions.ts'

/** What brokers of these releases say, as asked on 2026-11-21: key, oldest, newest. */
const kafka: Readonly<Record<string, readonly (readonly [key: number, oldest: number, newest: number])[]>> = {
  // prettier-ignore
  '3.5.2': [
    [0, 0, 9], [1, 0, 15], [2, 0, 8], [3, 0, 12], [8, 0, 8], [9, 0, 8], [10, 0, 4], [11, 0, 9], [12, 0, 4], [13, 0, 5],
    [14, 0, 5], [15, 0, 5], [16, 0, 4], [22, 0, 4], [23, 0, 4], [32, 0, 4],
  ],
  // prettier-ignore
  '3.9.1': [
    [0, 0, 11], [1, 0, 17], [2, 0, 9], [3, 0, 12], [8, 0, 9], [9, 0, 9], [10, 0, 6], [11, 0, 9], [12, 0, 4], [13, 0, 5],
    [14, 0, 5], [15, 0, 5], [16, 0, 4], [22, 0, 5], [23, 0, 4], [32, 0, 4],
  ],
  // prettier-ignore
  '4.2.1': [
    [0, 0, 13], [1, 4, 18], [2, 1, 11], [3, 0, 13], [8, 2, 10], [9, 1, 10], [10, 0, 6], [11, 0, 9], [12, 0, 4], [13, 0, 5],
    [14, 0, 5], [15, 0, 6], [16, 0, 5], [22, 0, 5], [23, 2, 4], [32, 1, 4],
  ],
}

/** What a broker of a release says, with `changed` instead of what it says about these keys. */
function says(
  release: string,
  changed: Readonly<Record<number, readonly [oldest: number, newest: number]>> = {},
): OfferedApi[] {
  return (kafka[release] ?? []).map(([apiKey, oldest, newest]) => {
    const [minVersion, maxVersion] = changed[apiKey] ?? [oldest, newest]
    return { apiKey, minVersion, maxVersion }
  })
}

const versions = (offered: readonly OfferedApi[]): Record<string, number> =>
  Object.fromEntries(Object.entries(choose(offered, 'k:9092')).map(([name, { version }]) => [name, version]))

const FETCH = 1
const newest = {
  produce: 11,
  fetch: 17,
  listOffsets: 9,
  offsetForLeaderEpoch: 4,
  metadata: 12,
  offsetCommit: 9,
  offsetFetch: 9,
  findCoordinator: 6,
  joinGroup: 9,
  heartbeat: 4,
  leaveGroup: 5,
  syncGroup: 5,
  describeGroups: 5,
  listGroups: 4,
  initProducerId: 5,
  describeConfigs: 4,
}

describe('the versions of requests to a broker', () => {
  it('are the newest that both sides know', () => {
    expect(versions(says('4.2.1'))).toEqual(newest)
    expect(versions(says('3.9.1'))).toEqual(newest)
    expect(versions(says('4.2.1', { [FETCH]: [4, 16] }))).toEqual({ ...newest, fetch: 16 })
    expect(versions(says('3.5.2'))).toEqual({
      ...newest,
      produce: 9,
      fetch: 15,
      listOffsets: 8,
      offsetCommit: 8,
      offsetFetch: 8,
      findCoordinator: 4,
      initProducerId: 4,
    })
  })

  it('cannot be agreed on with a Kafka before 3.5, nor with one that forgot them: it is said which side is too old', () => {
    const refused = (message: string) => expect.objectContaining({ code: 'LogRefused', message }) as Error
    expect(() => choose(says('3.5.2', { [FETCH]: [0, 13] }), 'k:9092')).toThrow(
      refused(
        'the Kafka broker at k:9092 is too old (it knows Fetch up to version 13, not 15): Millrace needs Kafka 3.5 or newer',
      ),
    )
    expect(() =>
      choose(
        says('3.5.2').filter(({ apiKey }) => apiKey !== 22),
        'k:9092',
      ),
    ).toThrow(
      refused(
        'the Kafka broker at k:9092 is too old (it does not know InitProducerId): Millrace needs Kafka 3.5 or newer',
      ),
    )
    expect(() => choose(says('4.2.1', { [FETCH]: [18, 20] }), 'k:9092')).toThrow(
      refused(
        'the Kafka broker at k:9092 is too new (it knows Fetch from version 18 on, Millrace up to 17): a newer Millrace is needed',
      ),
    )
  })
})
