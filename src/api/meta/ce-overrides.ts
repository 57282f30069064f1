import { z } from 'zod'
import { crd, type Rule } from './structural.ts'

/** Far above what anybody writes: the API server refuses CEL rules about maps of any size. */
const most = 64

/** Names and values of all extensions together, bytes of JSON. */
const largest = 32_768

/** Attributes that an event has by the specification (CloudEvents 1.0): to override one would make another event of it. */
const coreAttributes = [
  'id',
  'source',
  'specversion',
  'type',
  'datacontenttype',
  'dataschema',
  'subject',
  'time',
  'data',
]

const nameRule: Rule = {
  rule: "self.all(name, name.matches('^[a-z0-9]+$'))",
  message: 'the names of extensions are lower-case letters and digits, e.g. mytenant',
}
const coreRule: Rule = {
  rule: `self.all(name, !(name in [${coreAttributes.map((name) => `'${name}'`).join(', ')}]))`,
  message: `must not name an attribute that each event has by itself (${coreAttributes.join(', ')}); choose another name, e.g. mysource`,
}

const ExtensionName = z.string().superRefine((name, issue) => {
  if (!/^[a-z0-9]+$/.test(name)) issue.addIssue(`is no name: ${nameRule.message}`)
  else if (coreAttributes.includes(name)) issue.addIssue(coreRule.message)
})

/** One that is too long by itself is told by itself. */
function isBounded(extensions: Readonly<Record<string, string>>): boolean {
  const told = Object.values(extensions).some(({ length }) => length > largest)
  return told || Buffer.byteLength(JSON.stringify(extensions)) <= largest
}

/** What is added to each event (Knative CloudEventOverrides). `why`: why there is a bound on the whole. */
export function ceOverrides(why: string) {
  const sizeRule: Rule = {
    rule: `self.map(name, size(name) + size(self[name])).sum() <= ${largest}`,
    message: `may have ${largest} bytes in all: ${why}`,
  }
  return z.strictObject({
    extensions: z
      .record(ExtensionName, z.string().max(largest))
      .refine((extensions) => Object.keys(extensions).length <= most, `may have ${most} extensions`)
      .refine((extensions) => isBounded(extensions), sizeRule.message)
      .meta(crd({ rules: [nameRule, coreRule, sizeRule], maxProperties: most }))
      .optional()
      .describe('Name to value.'),
  })
}
