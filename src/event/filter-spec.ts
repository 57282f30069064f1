import { z } from 'zod'
import { FilterCheck } from './filter-check.ts'

/** Attribute name to what is asked of its value. */
export type AttributeMap = Readonly<Record<string, string>>

/**
 * Which events pass, as data: exactly one dialect of the CloudEvents Subscriptions API 1.0 §3.2.4.1, as Knative writes them, or `attributes`,
 * which is `spec.filter.attributes` of a Trigger. Comparisons are by character and case-sensitive; an attribute that is missing equals,
 * begins with and ends with nothing, so that `not` of it passes.
 */
export type FilterSpec =
  /** All equal their value; '' asks that the attribute is there and not empty. Empty map: everything passes. */
  | { readonly attributes: AttributeMap }
  /** All equal their value. */
  | { readonly exact: AttributeMap }
  /** All begin with their value. */
  | { readonly prefix: AttributeMap }
  /** All end with their value. */
  | { readonly suffix: AttributeMap }
  /** All of these pass. */
  | { readonly all: readonly FilterSpec[] }
  /** At least one of these passes. */
  | { readonly any: readonly FilterSpec[] }
  /** This does not pass. */
  | { readonly not: FilterSpec }
  /** This expression in CloudEvents SQL gives true, without an error. */
  | { readonly cesql: string }

/** What a filter without anything asks: every event passes. */
export const everything: FilterSpec = { attributes: {} }

/** A filter of the contract. What is not understood, be it a dialect of a later version, makes it invalid. */
export const FilterSpec = z.looseObject({}).transform((value, { issues }): FilterSpec => {
  const check = new FilterCheck({ legacy: true })
  if (check.filter(value)) return value as unknown as FilterSpec
  issues.push(...check.issues)
  return z.NEVER
})

/** `spec.filters` of a Trigger, which must all pass: as {@link FilterSpec}, without `attributes`. */
export const FilterList = z.array(z.unknown()).transform((values, { issues }): readonly FilterSpec[] => {
  const check = new FilterCheck({ legacy: false })
  if (check.list(values)) return values as FilterSpec[]
  issues.push(...check.issues)
  return z.NEVER
})
