import { beforeAll, describe, expect, it } from 'vitest'
import { seededTree } from './seeded-tree.ts'

/** The few fields of oxlint's JSON that matter here. */
interface Lint {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[]
}

const union = "type Color = 'red' | 'green'\n"

/** [rule, file with the breach, its content]; those of `typescript` need the types: they say that the type-aware part works. */
const breaches: readonly (readonly [rule: string, file: string, content: string])[] = [
  ['typescript(no-floating-promises)', 'src/core/floating.ts', 'export function a(b: Promise<void>): void {\n  b\n}\n'],
  [
    'typescript(no-misused-promises)',
    'src/core/misused.ts',
    'export const a = (b: Promise<boolean>): number => (b ? 1 : 2)\n',
  ],
  [
    'typescript(await-thenable)',
    'src/core/thenable.ts',
    'export const a = async (b: number): Promise<number> => await b\n',
  ],
  [
    'typescript(switch-exhaustiveness-check)',
    'src/core/switch.ts',
    `${union}export function a(b: Color): void {\n  switch (b) {\n    case 'red':\n      return\n  }\n}\n`,
  ],
  [
    'typescript(consistent-type-imports)',
    'src/core/hidden.ts',
    "export type A = import('../kafka/log.ts').LogRecord\n",
  ],
  ['typescript(no-explicit-any)', 'src/core/any.ts', 'export const a = (b: any): unknown => b\n'],
  ['node(no-process-env)', 'src/data-plane/environment.ts', "export const a = process.env['A']\n"],
  ['node(no-process-env)', 'src/cli/environment.ts', "export const a = process.env['A']\n"],
  ['eslint(no-console)', 'src/kafka/chatty.ts', "console.log('a')\n"],
  [
    'eslint(no-restricted-imports)',
    'src/kube/heavy.ts',
    "import http from 'node:http'\nexport const a = http.METHODS\n",
  ],
  ['eslint(no-restricted-imports)', 'src/data-plane/heavy.ts', "export { Pool } from 'undici'\n"],
  ['eslint(max-lines)', 'src/core/long.ts', 'export {}\n'.padEnd(400, '\n')],
]

/** What the rules must leave alone. */
const allowed = {
  'src/cli/flags.ts': "export const a = process.env['A']\n",
  'src/cli/chatty.ts': "console.log('a')\n",
  'src/kube/light.ts': "export type { Agent } from 'node:http'\n",
}

describe('the lint rules', () => {
  let found: Lint['diagnostics']

  beforeAll(async () => {
    const files = { ...allowed, ...Object.fromEntries(breaches.map(([, file, content]) => [file, content])) }
    await using tree = await seededTree(files)
    found = (JSON.parse(await tree.run('oxlint', '--format', 'json', 'src')) as Lint).diagnostics
  })

  it.each(breaches)('%s catches %s', (rule, file) => {
    expect(found.filter(({ filename }) => filename === file).map(({ code }) => code)).toContain(rule)
  })

  it.each(Object.keys(allowed))('leave %s alone', (file) => {
    expect(found.filter(({ filename }) => filename === file)).toEqual([])
  })
})
