import { z } from 'zod'

/** How far a consumer of events is, as the status of Triggers, KafkaSources and Outlets tells it. */

const count = (description: string) => z.int().nonnegative().optional().describe(description)

/** The last delivery that failed. */
export const LastError = z
  .object({
    time: z.string().describe('When, RFC 3339.'),
    message: z.string().describe('Where, and what went wrong.'),
  })
  .describe(
    'The last try of a delivery that failed, at the subscriber or the dead letter sink; it may have gone well later.',
  )
export type LastError = z.infer<typeof LastError>

/** What became of an event that the subscriber did not take. */
export const fates = ['deadLettered', 'parked', 'dropped', 'expired'] as const
export type Fate = (typeof fates)[number]

/** The last event that the subscriber did not take. */
export const LastUndelivered = z
  .object({
    time: z.string().describe('When it was given up, RFC 3339.'),
    fate: z.string().describe('What became of it: deadLettered, parked or dropped.'),
    id: z.string().optional().describe('Attribute id of the event, for millrace trace; absent: it is no CloudEvent.'),
    destination: z.string().optional().describe('Where it was refused last.'),
    reason: z.string().optional().describe('Why.'),
    takenBy: z.string().optional().describe('The dead letter sink, or kafka:<topic>, that took it.'),
  })
  .describe('The last one of them.')
export type LastUndelivered = z.infer<typeof LastUndelivered>

/** Events that the subscriber did not take. Counts never fall while Millrace reads for the object; what a worker had not written when it ended is missing. */
export const Undelivered = z
  .object({
    deadLettered: count('Events that the dead letter sink took in place of the subscriber.'),
    parked: count('Events that no retry and no dead letter sink could take, and that are kept in the parking topic.'),
    dropped: count('Events that nobody took, and that were dropped, as onExhausted Drop asks for.'),
    expired: count('Records that retention removed before they were read.'),
    last: LastUndelivered.optional(),
  })
  .describe(
    'Events that the subscriber did not take, counted by what became of them since Millrace reads for this object; absent: none.',
  )
export type Undelivered = z.infer<typeof Undelivered>

/** Meaning and unit of `rate`. */
export const rateDescription =
  'Events that the subscriber took, a second: the mean over the last minute (at least half of it), rounded to two digits. 0: none in that time.'

/** Fields of a status. */
export const progressFields = {
  lag: z
    .int()
    .nonnegative()
    .optional()
    .describe('Records of the topic that are not finished yet, matching or not, some seconds ago.'),
  rate: z.number().nonnegative().optional().describe(rateDescription),
  lastDelivery: z.string().optional().describe('When an event was delivered last, RFC 3339, some seconds ago.'),
  lastError: LastError.optional(),
  undelivered: Undelivered.optional(),
}

/** Meaning of `replied`. */
export const repliedDescription =
  'Events that the subscriber answered with and that were stored, since Millrace reads for this object; absent: none.'

/** Fields of a status, where answers may be events. */
export const replyingFields = { ...progressFields, replied: count(repliedDescription) }

/** How far an object is. */
export const ProgressStatus = z.object(replyingFields)
export type ProgressStatus = z.infer<typeof ProgressStatus>
