import { Fault } from '../../core/fault.ts'
import type { TopicPartition } from '../log.ts'
import { isPassing } from './database.ts'

export function closedFault(): Fault {
  return new Fault('Closed', 'the embedded log was closed')
}

export function topicMissing(where: { topic: string; partition?: number | undefined }): Fault {
  const suffix = where.partition === undefined ? '' : ` with a partition ${where.partition}`
  return new Fault('TopicNotFound', `there is no topic ${where.topic}${suffix}`)
}

/** Whatever reading threw, as a fact. */
export function readFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  const text = `the embedded log cannot read: ${String(error)}`
  return new Fault(isPassing(error) ? 'LogUnavailable' : 'LogRefused', text, { cause: error })
}

/** Whatever the handler of a tail threw, as a fact. */
export function handlerFault(where: TopicPartition, error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault('LogRefused', `handling a batch of ${nameOf(where)}: ${String(error)}`, { cause: error })
}

/** Whatever writing threw, as a fact; it was rolled back. */
export function writeFault(error: unknown): Fault {
  const text = `the embedded log cannot write: ${String(error)}`
  return new Fault(isPassing(error) ? 'LogUnavailable' : 'LogRefused', text, { cause: error })
}

/** One name for a partition; `/` is in no topic's name. */
export function nameOf(where: TopicPartition): string {
  return `${where.topic}/${where.partition}`
}
