import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLogger } from '../telemetry/logger.ts'
import { fileCredentials } from './file-credentials.ts'
import { UsageError } from './flags.ts'
import { Credentials } from './workers/credentials.ts'

const plain = (password: string) => JSON.stringify({ sasl: { mechanism: 'PLAIN', username: 'u', password } })

test('a credential is a file of the folder, which may come late and may be replaced', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-credentials-'))
  const write = (text: string) => {
    writeFileSync(join(folder, 'new'), text)
    renameSync(join(folder, 'new'), join(folder, 'a.json'))
  }
  const texts = fileCredentials(folder)
  const source = new Credentials(() => texts, createLogger('silent')).of('a')
  let told = 0
  source.subscribe(() => told++)
  expect(() => source.current()).toThrow(`${join(folder, 'a.json')} does not exist (yet)`)
  write(plain('first'))
  await expect.poll(() => told).toBe(1)
  expect(source.current().sasl?.password).toBe('first')
  write(plain('second'))
  await expect.poll(() => told).toBe(2)
  expect(source.current().sasl?.password).toBe('second')
  texts.close()
})

test('without a folder there are none, which is said; what is no folder is refused', () => {
  const source = new Credentials(() => fileCredentials(undefined), createLogger('silent')).of('a')
  expect(() => source.current()).toThrow('--credentials')
  expect(() => fileCredentials('/does/not/exist')).toThrow(UsageError)
})
