import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { crdFiles } from '../../src/cli/crds.ts'
import { ownFolder } from '../support/millrace.ts'

const root = join(import.meta.dirname, '..', '..')

function millrace(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'src', 'main.ts'), ...args], {
    input,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

const good = `apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: orders}
spec:
  broker: default
  subscriber: {uri: http://a/}
`
/** What the API server refuses by structure, in words that a newcomer cannot use. */
const misshapen = good + '  filters: {exact: {type: a}}\n  delivery: {retries: 3}\n'

describe('millrace check', () => {
  it('says in plain words what is wrong, where, and ends with 1', () => {
    const file = join(ownFolder(), 'app.yaml')
    writeFileSync(file, misshapen)
    const { status, stdout } = millrace(['check', '-f', file])
    expect(status).toBe(1)
    expect(stdout).toContain(
      `error: ${file}:7:12: Trigger default/orders: spec.filters: must be a list (each item begins with "- "), not a map`,
    )
    expect(stdout).toContain(
      `error: ${file}:8:14: Trigger default/orders: spec.delivery.retries: there is no such field`,
    )
    expect(stdout).toContain('2 errors; 0 objects right')
  })

  it('reads folders and standard input together, and ends with 0 when all is right', () => {
    const folder = ownFolder()
    writeFileSync(join(folder, 'a.yaml'), good)
    writeFileSync(join(folder, 'notes.txt'), 'not a manifest')
    const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\n'
    const { status, stdout } = millrace(
      ['check', '-f', folder, '-f', '-'],
      good.replace('orders', 'more') + '---\n' + service,
    )
    expect({ status, stdout }).toEqual({ status: 0, stdout: '2 objects right, 1 of other kinds not looked into\n' })
  })

  it('gives notice of old versions without an error', () => {
    const { status, stdout } = millrace(['check', '-f', '-'], good.replace('/v1', '/v1beta1'))
    expect(status).toBe(0)
    expect(stdout).toMatch(/^notice: stdin:1:13: .*v1beta1 is an old version, read as v1/)
  })

  it('names a file that is not there', () => {
    const { status, stderr } = millrace(['check', '-f', '/nowhere/a.yaml'])
    expect(status).toBe(1)
    expect(stderr).toContain('/nowhere/a.yaml does not exist')
  })

  it('asks for a file when there is none, and --help shows examples', () => {
    expect(millrace(['check'])).toMatchObject({ status: 1, stderr: expect.stringContaining('--filename is missing') })
    expect(millrace(['check', '--help']).stdout).toContain('millrace check -f app.yaml')
  })
})

describe('millrace crds', () => {
  it('prints what it writes', () => {
    expect(millrace(['crds']).stdout.trim()).toBe([...crdFiles().values()].join('---\n').trim())
    const folder = join(ownFolder(), 'new')
    expect(millrace(['crds', '--out', folder]).status).toBe(0)
    expect(millrace(['crds', '--compare', folder])).toMatchObject({ status: 0, stdout: '' })
    writeFileSync(join(folder, 'inlet.yaml'), '')
    const stale = millrace(['crds', '--compare', folder])
    expect(stale).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/inlet\.yaml is stale: millrace crds --out/),
    })
  })
})
