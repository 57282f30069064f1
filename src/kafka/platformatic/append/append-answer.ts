import { faultCodeOf, kafkaErrorName } from '../faults.ts'

/** What an answer of the leader about one batch asks us to do. */
export type Verdict =
  | 'stored'
  /** May be stored; the same batch again, after asking who leads. */
  | 'unclear'
  /** Not stored; the same batch again, later. */
  | 'later'
  /** Not stored: too large, or one of its records is bad. Smaller batches tell which. */
  | 'split'
  /** The leader has lost track of our sequence numbers: again under a new producer id. */
  | 'identify'
  /** Not stored, and will not be. */
  | 'refused'

/** Names as in the Kafka protocol guide, "Error codes". */
const verdicts: Readonly<Record<string, Verdict>> = {
  NONE: 'stored',
  // An earlier attempt was stored, longer ago than the leader remembers offsets (5 batches).
  DUPLICATE_SEQUENCE_NUMBER: 'stored',
  // A leader that loses the partition while it waits for its followers answers these too: the batch may have reached the next leader.
  NOT_LEADER_OR_FOLLOWER: 'unclear',
  UNKNOWN_TOPIC_OR_PARTITION: 'unclear',
  UNKNOWN_TOPIC_ID: 'unclear',
  LEADER_NOT_AVAILABLE: 'unclear',
  REQUEST_TIMED_OUT: 'unclear',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'unclear',
  KAFKA_STORAGE_ERROR: 'unclear',
  NOT_ENOUGH_REPLICAS: 'later',
  CORRUPT_MESSAGE: 'later',
  THROTTLING_QUOTA_EXCEEDED: 'later',
  MESSAGE_TOO_LARGE: 'split',
  RECORD_LIST_TOO_LARGE: 'split',
  INVALID_RECORD: 'split',
  INVALID_TIMESTAMP: 'split',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'identify',
  UNKNOWN_PRODUCER_ID: 'identify',
  INVALID_PRODUCER_EPOCH: 'identify',
  INVALID_PRODUCER_ID_MAPPING: 'identify',
  PRODUCER_FENCED: 'identify',
}

/** The verdict on a numeric error code of a Produce answer. */
export function verdictOf(errorCode: number): Verdict {
  if (errorCode === 0) return 'stored'
  const name = kafkaErrorName(errorCode)
  return verdicts[name] ?? (faultCodeOf(name) === 'LogUnavailable' ? 'unclear' : 'refused')
}
