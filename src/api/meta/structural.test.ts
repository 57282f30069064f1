import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { crd, structural } from './structural.ts'

const rule = { rule: 'true', message: 'always' }
const Part = z
  .strictObject({ name: z.string().min(1).describe('Its name.') })
  .superRefine(() => undefined)
  .meta(crd({ rules: [rule], later: { more: { type: 'string' } } }))

describe('the structural schema of a zod schema', () => {
  it('is plain where the schema is strict, and keeps the unknown where it is loose', () => {
    expect(structural(z.strictObject({ a: z.looseObject({}).optional() }))).toEqual({
      type: 'object',
      properties: { a: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    })
  })

  it('has the rules and later fields of a part wherever the part is used, with the description of the place', () => {
    const whole = structural(
      z.strictObject({ one: Part.describe('One.'), list: z.array(Part).optional().describe('All.') }),
    )
    const part = {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string', minLength: 1, description: 'Its name.' }, more: { type: 'string' } },
      'x-kubernetes-validations': [rule],
    }
    expect(whole).toEqual({
      type: 'object',
      required: ['one'],
      properties: {
        one: { ...part, description: 'One.' },
        list: { type: 'array', items: part, description: 'All.' },
      },
    })
  })

  it('bounds maps and lists, and merges lists by key', () => {
    const map = z.record(z.string(), z.string()).meta(crd({ maxProperties: 3 }))
    expect(structural(map)).toMatchObject({ additionalProperties: { type: 'string' }, maxProperties: 3 })
    const list = z.array(z.strictObject({ type: z.string() })).meta(crd({ listKeys: ['type'] }))
    expect(structural(list)).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    })
  })

  it('may have fields that are called as keywords are', () => {
    const fields = z.strictObject({ not: z.string(), required: z.string(), properties: z.string(), $ref: z.string() })
    expect(Object.keys(structural(fields).properties ?? {})).toEqual(['not', 'required', 'properties', '$ref'])
  })

  it.each([
    ['a choice of types', z.strictObject({ a: z.strictObject({ b: z.union([z.string(), z.int()]) }) }), '.a.b: anyOf'],
    ['a tuple', z.array(z.tuple([z.string()])), '[]: '],
  ])('is refused for %s, and it is said where', (_, schema, where) => {
    expect(() => structural(schema)).toThrow(where)
  })

  it('is refused for what contains itself', () => {
    const Tree = z.strictObject({
      get branches() {
        return z.array(Tree)
      },
    })
    expect(() => structural(Tree)).toThrow(/[Cc]ycle/)
  })
})
