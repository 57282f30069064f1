import { z } from 'zod'
import { parseDuration } from '../../core/duration.ts'
import { Destination } from './reference.ts'

/** A duration longer than zero, in ISO 8601 as Knative writes it. */
export const PositiveDuration = z.string().superRefine((text, issue) => {
  const parsed = parseDuration(text)
  if (!parsed.ok) issue.addIssue(parsed.message)
  else if (parsed.ms <= 0) issue.addIssue('must be longer than zero, e.g. PT0.2S')
})

/** How hard to try, and where to put what could not be delivered (Knative DeliverySpec). Defaults are applied elsewhere. */
export const DeliverySpec = z.strictObject({
  deadLetterSink: Destination.optional().describe('Takes the events that could not be delivered.'),
  retry: z.int32().min(0).optional().describe('Attempts after the first one; a whole number, 0 or more.'),
  backoffPolicy: z
    .enum(['linear', 'exponential'])
    .optional()
    .describe('How the wait grows with retry n = 1, 2, ...: linear backoffDelay * n, exponential backoffDelay * 2^n.'),
  backoffDelay: PositiveDuration.optional().describe('Base of the wait between attempts, ISO 8601, e.g. PT0.2S.'),
  timeout: PositiveDuration.optional().describe('How long one request may take, ISO 8601, e.g. PT30S.'),
  format: z
    .enum(['json', 'binary'])
    .refine(
      (format) => format !== 'json',
      'not yet: json (structured mode) comes in a later version; leave it out or use binary',
    )
    .optional()
    .describe('How events are written into requests: binary (headers and body) or json (structured mode).'),
})
export type DeliverySpec = z.infer<typeof DeliverySpec>
