import { z } from 'zod'
import { crd, type Rule } from './structural.ts'

/** Far above what anybody writes: the API server refuses CEL rules about lists of any size. */
const most = 64

const valuesRule: Rule = {
  rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
  message: 'In and NotIn need values, a list; Exists and DoesNotExist have none',
}

const Requirement = z
  .strictObject({
    key: z.string().min(1).describe('Name of the label.'),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the label is compared with values.'),
    values: z
      .array(z.string().describe('A value of the label.'))
      .meta(crd({ maxItems: most }))
      .optional()
      .describe('For In and NotIn.'),
  })
  .refine(
    ({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') === values.length > 0,
    valuesRule.message,
  )
  .describe('What a label must be.')
  .meta(crd({ rules: [valuesRule] }))

/** Kubernetes LabelSelector: all of it must hold; an empty one selects everything. */
export const LabelSelector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional().describe('Labels that must be there, with these values.'),
  matchExpressions: z
    .array(Requirement)
    .meta(crd({ maxItems: most }))
    .optional()
    .describe('What else labels must be.'),
})
export type LabelSelector = z.infer<typeof LabelSelector>

/** Whether a selector selects what has these labels. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value)
  return equal && matchExpressions.every((requirement) => holds(requirement, labels[requirement.key]))
}

function holds({ operator, values = [] }: z.infer<typeof Requirement>, value: string | undefined): boolean {
  if (operator === 'Exists') return value !== undefined
  if (operator === 'DoesNotExist') return value === undefined
  // As Kubernetes has it, NotIn also selects what has no such label.
  if (operator === 'NotIn') return value === undefined || !values.includes(value)
  return value !== undefined && values.includes(value)
}
