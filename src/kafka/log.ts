/**
 * Our idea of a log: what the planes may ask of Kafka, and no more. Two adapters keep the same promises
 * (`test/suites/log.suite.ts`): the embedded log and Apache Kafka. What the suite does not promise, no room relies on. Every call that has
 * to reach the log may also fail with AuthenticationFailed, TlsFailed or CredentialNotFound: all three pass when the credential is mended.
 *
 *     append ──► topic/partition ──► tail (follows the head of many partitions)
 *                                └─► read (from an offset, for cursors that are behind)
 *     positions: where a group stands, committed without membership
 *     membership: which process of a fleet owns which partition
 */

/** One partition of one topic. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A record header. Names repeat in real life, so headers are a list. A value may be null in Kafka. */
export type Header = readonly [name: string, value: Buffer | null]

/** A record as it is stored. Buffers may share one backing buffer: see {@link Batch.bytes}. */
export interface LogRecord {
  readonly offset: bigint
  /** Milliseconds since 1970, the producer's time. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
  /** Tells the same as `headers` with each value read as UTF-8, where that is cheaper than to make buffers of them first. */
  eachHeader?(visit: (name: string, value: string | null) => void): void
}

/** A record to append. */
export interface NewRecord {
  readonly topic: string
  /** Set: exactly this partition. Unset: by key as the Java client does (murmur2), without key sticky per micro-batch. */
  readonly partition?: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

/** Where an appended record now stands. */
export interface Appended extends TopicPartition {
  readonly offset: bigint
}

/**
 * Appends, acknowledged by all in-sync replicas and idempotent. In each partition records are stored in the order in which `append` was
 * called, across retries and failover; our own retries store nothing twice; a slow or dead leader delays only its own partitions.
 */
export interface Appender {
  /**
   * Resolves once the record is stored safely.
   * @throws Fault TopicNotFound, RecordTooLarge (details.limit), LogOverloaded (nothing was sent), LogTimeout and LogUnavailable
   *   (the record may have been stored; surely not when details.sent is 0), NotAuthorized, Closed.
   */
  append(record: NewRecord): Promise<Appended>
  /** Bytes accepted and not yet answered. */
  readonly pendingBytes: number
  /** Takes no more, answers what is pending, at the latest after `deadlineMs`; then the rest fail with Closed. */
  close(deadlineMs: number): Promise<void>
}

/** A run of records as it came from the log, in order of offset. May hold no record (only aborted or control batches). */
export interface Batch extends TopicPartition {
  readonly records: readonly LogRecord[]
  /** Where this batch starts to speak: all committed records in [from, next) are in `records`. */
  readonly from: bigint
  /** The offset to read next: past aborted, control and compacted records. Greater than `from` unless nothing was there. */
  readonly next: bigint
  /** The offset after the last readable (committed) record of the partition at the time of reading. */
  readonly end: bigint
  readonly logStart: bigint
  /** That of the last record, -1 when unknown: goes with a commit. */
  readonly leaderEpoch: number
  /** Size of the memory that the records keep alive as long as any of them is referenced. */
  readonly bytes: number
}

/** The requested offset is not in the log any more (or not yet again). */
export type OffsetMoved =
  /** Retention removed records: `lost` of them were never read; go on at `next` (the log start). */
  | { readonly kind: 'expired'; readonly next: bigint; readonly lost: bigint }
  /** The log was cut below the position (unclean failover): go back to `next`. */
  | { readonly kind: 'truncated'; readonly next: bigint }
  /** Topic was deleted and made again: `next` is the new log start. */
  | { readonly kind: 'recreated'; readonly next: bigint }

/** What a tail tells. Called in order per partition, never concurrently for one partition, and never after `remove` returned. */
export interface TailHandler {
  /** @returns false to be paused: no batch of this partition comes until `resume`. */
  batch(batch: Batch): boolean
  /** The tail goes on at `moved.next` by itself. */
  moved(at: TopicPartition, moved: OffsetMoved): void
  /** The state of a partition's reading changed: a fault, or null when it reads again. */
  state(at: TopicPartition, fault: Error | null): void
}

/** Follows the heads of many partitions with few connections (one fetch session per leader). Errors are retried for ever. */
export interface Tail {
  add(at: TopicPartition, from: bigint): void
  remove(at: TopicPartition): void
  resume(at: TopicPartition): void
  close(): Promise<void>
}

/** Reads from an offset, for cursors that are behind. */
export interface LogReader {
  tail(handler: TailHandler): Tail
  /**
   * One read of at most about `maxBytes` (at least one record when there is one), without waiting for new records.
   * @throws Fault LogUnavailable, TopicNotFound, NotAuthorized.
   */
  read(at: TopicPartition, from: bigint, maxBytes: number): Promise<Batch | OffsetMoved>
  /** The range of readable offsets: `start` of the first record, `end` after the last committed one. Same faults as `read`. */
  range(at: readonly TopicPartition[]): Promise<readonly (TopicPartition & { start: bigint; end: bigint })[]>
  /** The offset of the first record whose timestamp is `timestampMs` (since 1970) or later; the end where there is none. Same faults as `read`. */
  offsetsAt(
    at: readonly TopicPartition[],
    timestampMs: number,
  ): Promise<readonly (TopicPartition & { offset: bigint })[]>
  /**
   * How far the log is what it was when it was written under an epoch of its leaders: what was read under that epoch or an earlier one, from
   * there on, was cut away since (an unclean failover), and other records may stand in its place. The log's start where it knows no epoch as late.
   * What was never cut may be told as longer than it is. Same faults as `read`.
   */
  epochEnds(asked: readonly LeaderEpoch[]): Promise<readonly (LeaderEpoch & { end: bigint })[]>
  close(): Promise<void>
}

/** Records of a partition say under which epoch of its leaders they were written: it grows with each change of the leader. */
export interface LeaderEpoch extends TopicPartition {
  /** -1 when unknown. */
  readonly leaderEpoch: number
}

/** A committed position: the next offset that the group has not finished. */
export interface Position extends LeaderEpoch {
  readonly offset: bigint
  /** Opaque to the log, at most 4,096 bytes; '' for none. */
  readonly metadata: string
}

/** Positions of groups, without membership: visible to every Kafka tool as group offsets. */
export interface Positions {
  /**
   * The committed positions of many groups at once; partitions without one are missing in the answer.
   * @throws Fault LogUnavailable, NotAuthorized.
   */
  fetch(asked: ReadonlyMap<string, readonly TopicPartition[]>): Promise<ReadonlyMap<string, readonly Position[]>>
  /** All committed positions of a group, of whatever topic. Same faults as `fetch`. */
  all(group: string): Promise<readonly Position[]>
  /**
   * Commits positions of one group. The caller keeps one commit a group in flight.
   * @param signal aborted: it is not tried (again). What is under way then may still be stored.
   * @throws Fault GroupInUse when the group has live members of someone else; LogUnavailable, LogTimeout, NotAuthorized, LogRefused (a
   *   `details.error` of OFFSET_METADATA_TOO_LARGE: without metadata it may pass); Closed, also when the signal was aborted.
   */
  commit(group: string, positions: readonly Position[], signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** What a member is told. */
export interface MembershipHandler {
  /** These partitions are ours now, in addition to what we had. */
  assigned(partitions: readonly TopicPartition[]): void
  /**
   * Stop these, finish or abort what is in flight, commit. Only when the promise resolves (or the deadline passed) may the next owner
   * start. @param deadlineMs how long there is.
   */
  revoked(partitions: readonly TopicPartition[], deadlineMs: number): Promise<void>
  /** We were away too long: someone else may own these already. Abort, commit nothing. */
  lost(partitions: readonly TopicPartition[]): void
}

/** Membership of one process in the dispatcher fleet. Handler calls never overlap. */
export interface Membership {
  /**
   * The partitions that the fleet shares out; every member must be told the same sooner or later.
   * @param most by topic: at most so many members get partitions of it. Topics that are not named: all members.
   */
  share(partitions: readonly TopicPartition[], most?: ReadonlyMap<string, number>): void
  /** False when no heartbeat was answered for 2/3 of the session timeout: send nothing, commit nothing (checked before each). */
  readonly alive: boolean
  /** Hands back all partitions (revoked), then leaves; a static member stays known unless `forGood`. */
  close(options: { forGood: boolean; deadlineMs: number }): Promise<void>
}

/** How a member presents itself. */
export interface MembershipOptions {
  readonly group: string
  /** Stable name of this process (the pod's name): a restart under it moves no partition. */
  readonly instance: string
  /** Default 10,000 ms. */
  readonly sessionTimeoutMs?: number
  /** How long a handover may take before the fleet goes on without the slow member. Default 30,000 ms. */
  readonly rebalanceTimeoutMs?: number
}

/** A topic as it is. */
export interface TopicDescription {
  readonly name: string
  /** Changes when the topic is deleted and made again. */
  readonly id: string
  readonly partitions: number
  /** Largest record batch in bytes (`max.message.bytes`); where we may not look (Kafka's ACL DescribeConfigs), Kafka's default. */
  readonly maxMessageBytes: number
  /** False: our user may see it, and not write to it. Absent: whoever sees it may. */
  readonly mayWrite?: boolean
}

/** What a topic shall be. */
export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  /** Kafka topic configuration, e.g. `retention.ms`. */
  readonly config: Readonly<Record<string, string>>
}

/** Administration. Every call retries what is transient until `signal` aborts or 30 s passed. Faults: LogUnavailable, NotAuthorized, AuthenticationFailed, TlsFailed, CredentialNotFound, LogRefused. */
export interface LogAdmin {
  /**
   * Creates the topic unless it exists; an existing one is left as it is, and needs no right to make topics. Returns once it can be written
   * and read.
   */
  ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<'created' | 'exists'>
  /** Missing topics are missing in the answer. */
  describeTopics(names: readonly string[], signal?: AbortSignal): Promise<readonly TopicDescription[]>
  /** Tells this log from any other, under whatever address: Kafka's id of the cluster. */
  clusterId(signal?: AbortSignal): Promise<string>
  /** The names of all topics that we may see, Kafka's internal ones left out. */
  listTopics(signal?: AbortSignal): Promise<readonly string[]>
  /** No error when it does not exist. */
  deleteTopic(name: string, signal?: AbortSignal): Promise<void>
  /** No error when it does not exist. @throws Fault GroupInUse while it has live members. */
  deleteGroup(group: string, signal?: AbortSignal): Promise<void>
  /** `consumer`: it has or had members, so its offsets expire some time after it became empty; `simple`: it never had. */
  describeGroup(
    group: string,
    signal?: AbortSignal,
  ): Promise<{ kind: 'missing' | 'simple' | 'consumer'; liveMembers: number }>
  /**
   * How long the log keeps a position of a simple group after its last commit, in milliseconds; null: for ever. Kafka:
   * `offsets.retention.minutes`, the least of all live brokers. It counts for a `consumer` group from the moment it became empty.
   * @throws Fault NotAuthorized where we may not look (Kafka's ACL DescribeConfigs on the cluster): Kafka's default is 7 days.
   */
  positionRetentionMs(signal?: AbortSignal): Promise<number | null>
  close(): Promise<void>
}

/** A whole log: what an adapter offers. Who opens it closes it, after all that it opened through it. */
export interface Log {
  appender(options?: AppenderOptions): Appender
  reader(): LogReader
  positions(): Positions
  membership(options: MembershipOptions, handler: MembershipHandler): Membership
  admin(): LogAdmin
  close(): Promise<void>
}

export interface AppenderOptions {
  /** After this long without an acknowledgement a caller gets LogTimeout. Default 30,000 ms. */
  readonly deadlineMs?: number
  /** Bound on bytes accepted and not yet acknowledged. Default 64 MiB. */
  readonly maxPendingBytes?: number
}
