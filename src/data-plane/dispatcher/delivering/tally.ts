import { Answers } from '../../../telemetry/metrics/distribution.ts'

/** What is counted of the attempts of one Outlet. There is one only where someone asks for metrics. */
export class Tally {
  /** Of each attempt: of subscriber and dead letter sink. */
  readonly answers = new Answers()
  /** Attempts after the first that were, or will be, made. */
  retries = 0
}
