import type { Batch, LogRecord, OffsetMoved, TailHandler, TopicPartition } from '../../../src/kafka/log.ts'

/** A tail handler that remembers all it is told. */
export class Listener implements TailHandler {
  readonly batches: Batch[] = []
  readonly moves: (TopicPartition & { moved: OffsetMoved })[] = []
  readonly states: (TopicPartition & { fault: Error | null })[] = []
  /** What to answer to a batch. */
  goOn: (batch: Batch) => boolean = () => true

  batch(batch: Batch): boolean {
    this.batches.push(batch)
    return this.goOn(batch)
  }

  moved(at: TopicPartition, moved: OffsetMoved): void {
    this.moves.push({ ...at, moved })
  }

  state(at: TopicPartition, fault: Error | null): void {
    this.states.push({ ...at, fault })
  }

  records(at?: TopicPartition): LogRecord[] {
    return this.batches
      .filter(({ topic, partition }) => at === undefined || (topic === at.topic && partition === at.partition))
      .flatMap(({ records }) => records)
  }

  values(at?: TopicPartition): string[] {
    return this.records(at).map(({ value }) => String(value))
  }
}
