import { z } from 'zod'
import { attributeName, attributeNameAdvice, mostAttributes } from '../event/attribute-name.ts'
import { dialects, mostFilters } from '../event/filter-check.ts'
import { explainFilter, type Explanation } from '../event/explain.ts'
import { everything, FilterList, type FilterSpec } from '../event/filter-spec.ts'
import { crd, structural, type Rule } from './meta/structural.ts'

/** The name of a CloudEvents attribute, as a Trigger may ask for it. */
const AttributeName = z.string().regex(attributeName, { error: attributeNameAdvice })

const nameRule: Rule = {
  rule: "self.all(name, name.matches('^[a-z][a-z0-9]*$'))",
  message: 'the names of event attributes are lower-case letters and digits, a letter first, e.g. type or mytenant',
}
const Attributes = z
  .record(AttributeName, z.string())
  .refine((attributes) => Object.keys(attributes).length <= mostAttributes, `may have ${mostAttributes} attributes`)
  .meta(crd({ rules: [nameRule], maxProperties: mostAttributes }))

/** `filter.attributes`: every listed attribute must equal its value; '' asks only that it is there and not empty. */
export const TriggerFilter = z.strictObject({
  attributes: Attributes.optional().describe(
    "Attribute to value, all must be equal; '' = must be there and not empty. Empty: every event passes.",
  ),
})

const valueRule: Rule = {
  rule: "self.all(name, self[name] != '')",
  message: 'the text to compare with must not be empty',
}
const Texts = z
  .record(z.string(), z.string())
  .meta(crd({ rules: [nameRule, valueRule], minProperties: 1, maxProperties: mostAttributes }))
const nested = z.looseObject({}).describe('A filter: an object with exactly one dialect, as below filters.')
const list = z.array(nested).min(1)

/** An item of `filters` as far as a definition can say it, which knows no schema that contains itself: what is nested is for admission. */
const Dialect = z
  .looseObject({
    exact: Texts.optional().describe('All these attributes equal their value.'),
    prefix: Texts.optional().describe('All these attributes begin with their value.'),
    suffix: Texts.optional().describe('All these attributes end with their value.'),
    all: list.optional().describe('All of these filters pass.'),
    any: list.optional().describe('At least one of these filters passes.'),
    not: nested.optional().describe('This filter does not pass.'),
    cesql: z.string().optional().describe("This expression in CloudEvents SQL is true, e.g. type LIKE 'order.%'."),
  })
  .describe('A filter: an object with exactly one dialect.')
  .meta(
    crd({
      rules: [
        {
          rule: `[${dialects.map((name) => `has(self.${name})`).join(', ')}].filter(there, there).size() <= 1`,
          message: `exactly one of ${dialects.join(', ')} in each item of filters: begin each with "- "`,
        },
      ],
    }),
  )

/** `spec.filters`. */
export const TriggerFilters = FilterList.meta(
  crd({ as: structural(z.array(Dialect).meta(crd({ maxItems: mostFilters }))) }),
)

/** Where a Trigger says which events it wants. */
interface Filtered {
  readonly filter?: z.infer<typeof TriggerFilter> | undefined
  readonly filters?: readonly FilterSpec[] | undefined
}

/** What a Trigger asks of events: all of `filters`, or, when there is none of them, `filter` (Knative has it so). Neither: everything passes. */
export function filterOf({ filter, filters = [] }: Filtered): FilterSpec {
  if (filters.length > 0) return { all: filters }
  return filter?.attributes === undefined ? everything : { attributes: filter.attributes }
}

/** Whether a Trigger passes an event, and why; paths begin in its `spec`, e.g. `filters`, 0, `exact`, `type`. */
export function explainTrigger(spec: Filtered, attributes: ReadonlyMap<string, string>): Explanation {
  const { passes, reasons } = explainFilter(filterOf(spec), attributes)
  const inSpec = ([first, ...rest]: readonly PropertyKey[]): PropertyKey[] =>
    first === 'all' ? ['filters', ...rest] : ['filter', ...(first === undefined ? [] : [first]), ...rest]
  return { passes, reasons: reasons.map(({ path, fact }) => ({ path: inSpec(path), fact })) }
}
