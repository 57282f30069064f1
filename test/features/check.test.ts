import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { crdFiles } from '../../src/cli/crds.ts'
import { cli } from '../support/cli.ts'
import { cliInside } from '../support/cli-inside.ts'
import { ownFolder } from '../support/millrace.ts'

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
  it('says in plain words what is wrong, where, and ends with 1', async () => {
    const file = join(ownFolder(), 'app.yaml')
    writeFileSync(file, misshapen)
    const { status, stdout } = await cliInside(['check', '-f', file])
    expect(status).toBe(1)
    expect(stdout).toContain(
      `error: ${file}:7:12: Trigger default/orders: spec.filters: must be a list (each item begins with "- "), not a map`,
    )
    expect(stdout).toContain(
      `error: ${file}:8:14: Trigger default/orders: spec.delivery.retries: there is no such field`,
    )
    expect(stdout).toContain('2 errors; 0 objects right')
  })

  it('reads folders and standard input together, and ends with 0 when all is right', async () => {
    const folder = ownFolder()
    writeFileSync(join(folder, 'a.yaml'), good)
    writeFileSync(join(folder, 'notes.txt'), 'not a manifest')
    const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\n'
    const { status, stdout } = await cli(['check', '-f', folder, '-f', '-'], {
      input: good.replace('orders', 'more') + '---\n' + service,
    })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '2 objects right, 1 of other kinds not looked into\n' })
  })

  it('gives notice of old versions without an error', async () => {
    const { status, stdout } = await cli(['check', '-f', '-'], { input: good.replace('/v1', '/v1beta1') })
    expect(status).toBe(0)
    expect(stdout).toMatch(/^notice: stdin:1:13: .*v1beta1 is an old version, read as v1/)
  })

  it('names a file that is not there', async () => {
    const { status, stderr } = await cliInside(['check', '-f', '/nowhere/a.yaml'])
    expect(status).toBe(1)
    expect(stderr).toContain('/nowhere/a.yaml does not exist')
  })

  it('asks for a file when there is none, and --help shows examples', async () => {
    expect(await cliInside(['check'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--filename is missing'),
    })
    expect((await cliInside(['check', '--help'])).stdout).toContain('millrace check -f app.yaml')
  })
})

describe('millrace crds', () => {
  it('prints what it writes', async () => {
    expect((await cliInside(['crds'])).stdout.trim()).toBe([...crdFiles().values()].join('---\n').trim())
    const folder = join(ownFolder(), 'new')
    expect((await cliInside(['crds', '--out', folder])).status).toBe(0)
    expect(await cliInside(['crds', '--compare', folder])).toMatchObject({ status: 0, stdout: '' })
    writeFileSync(join(folder, 'inlet.yaml'), '')
    const stale = await cliInside(['crds', '--compare', folder])
    expect(stale).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/inlet\.yaml is stale: millrace crds --out/),
    })
  })
})
