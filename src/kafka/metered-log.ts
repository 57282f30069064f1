import type { KafkaMetrics, Operation } from './kafka-metrics.ts'
import type { Appender, Log, LogAdmin, LogReader, Positions } from './log.ts'

/** The time of one append in so many is taken: an append is the hottest call of all, and they share their round trips. */
const measureOneOf = 16

/** The same log, with its round trips measured. @param metrics undefined: nobody asks, the log as it is. */
export function meteredLog(log: Log, metrics: KafkaMetrics | undefined): Log {
  if (metrics === undefined) return log
  return {
    appender: (options) => meteredAppender(log.appender(options), metrics),
    reader: () => meteredReader(log.reader(), metrics),
    positions: () => meteredPositions(log.positions(), metrics),
    membership: (options, handler) => {
      const member = metrics.member(handler)
      const membership = log.membership(options, member.handler)
      return {
        share: (partitions, most) => membership.share(partitions, most),
        get alive() {
          return membership.alive
        },
        close: (how) => membership.close(how).finally(member.left),
      }
    },
    admin: () => meteredAdmin(log.admin(), metrics),
    close: () => log.close(),
  }
}

function meteredAppender(appender: Appender, metrics: KafkaMetrics): Appender {
  let count = 0
  return {
    append: (record) => {
      const appended = appender.append(record)
      if (++count % measureOneOf !== 1) return appended
      const since = performance.now()
      appended.then(
        () => metrics.took('append', performance.now() - since),
        (error: unknown) => metrics.failed('append', error),
      )
      return appended
    },
    get pendingBytes() {
      return appender.pendingBytes
    },
    close: (deadlineMs) => appender.close(deadlineMs),
  }
}

function meteredReader(reader: LogReader, metrics: KafkaMetrics): LogReader {
  return {
    tail: (handler) => reader.tail(handler),
    read: (at, from, maxBytes) => metrics.timed('read', reader.read(at, from, maxBytes)),
    range: (at) => metrics.timed('range', reader.range(at)),
    offsetsAt: (at, timestampMs) => metrics.timed('range', reader.offsetsAt(at, timestampMs)),
    epochEnds: (asked) => metrics.timed('range', reader.epochEnds(asked)),
    close: () => reader.close(),
  }
}

function meteredPositions(positions: Positions, metrics: KafkaMetrics): Positions {
  return {
    fetch: (asked) => metrics.timed('positions', positions.fetch(asked)),
    all: (group) => metrics.timed('positions', positions.all(group)),
    commit: (group, list, signal) => metrics.timed('commit', positions.commit(group, list, signal)),
    close: () => positions.close(),
  }
}

function meteredAdmin(admin: LogAdmin, metrics: KafkaMetrics): LogAdmin {
  const timed = <T>(request: Promise<T>): Promise<T> => metrics.timed('admin' satisfies Operation, request)
  return {
    ensureTopic: (spec, signal) => timed(admin.ensureTopic(spec, signal)),
    describeTopics: (names, signal) => timed(admin.describeTopics(names, signal)),
    clusterId: (signal) => timed(admin.clusterId(signal)),
    listTopics: (signal) => timed(admin.listTopics(signal)),
    deleteTopic: (name, signal) => timed(admin.deleteTopic(name, signal)),
    deleteGroup: (group, signal) => timed(admin.deleteGroup(group, signal)),
    describeGroup: (group, signal) => timed(admin.describeGroup(group, signal)),
    positionRetentionMs: (signal) => timed(admin.positionRetentionMs(signal)),
    close: () => admin.close(),
  }
}
