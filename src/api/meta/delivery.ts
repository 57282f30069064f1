import { z } from 'zod'
import { parseDuration } from '../../core/duration.ts'
import { Destination } from './reference.ts'
import { crd, type Rule } from './structural.ts'

/** The shape only, since the API server's rules are no place for a parser: what passes here is read by `parseDuration` at admission. */
const durationRule: Rule = {
  rule: "self.matches('^P([0-9]+([.,][0-9]+)?[YMWD])*(T([0-9]+([.,][0-9]+)?[HMS])+)?$') && self.matches('[0-9]')",
  message: 'must be an ISO 8601 duration such as PT0.2S (200 ms), PT30S, PT10M or P1DT2H',
}
const positiveRule: Rule = { rule: "self.matches('[1-9]')", message: 'must be longer than zero, e.g. PT0.2S' }
const longestDuration = 64

/** A duration longer than zero, in ISO 8601 as Knative writes it. */
export const PositiveDuration = z
  .string()
  .max(longestDuration)
  .superRefine((text, issue) => {
    const parsed = parseDuration(text)
    if (!parsed.ok) issue.addIssue(parsed.message)
    else if (parsed.ms <= 0) issue.addIssue('must be longer than zero, e.g. PT0.2S')
  })
  .meta(crd({ rules: [durationRule, positiveRule] }))

/** A duration, also of length zero, in ISO 8601 as Knative writes it. */
const Duration = z
  .string()
  .max(longestDuration)
  .superRefine((text, issue) => {
    const parsed = parseDuration(text)
    if (!parsed.ok) issue.addIssue(parsed.message)
  })
  .meta(crd({ rules: [durationRule] }))

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
  retryAfterMax: Duration.optional().describe(
    'The longest Retry-After of an answer 429 or 503 that is obeyed, ISO 8601; PT0S: none; default: PT10M.',
  ),
  format: z
    .enum(['json', 'binary'])
    .optional()
    .describe(
      'How events are written into requests: binary (headers and body, the default) or json (structured mode).',
    ),
})
export type DeliverySpec = z.infer<typeof DeliverySpec>
