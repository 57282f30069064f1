/** Starts the whole example: `millrace dev`, the classifier and the generator. Ctrl-C ends all three. More arguments go to `millrace dev`. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'

const here = import.meta.dirname
const main = join(dirname(dirname(here)), 'src', 'main.ts')
const namespace = 'knative-eventing-websocket-source'
const start = (...args: string[]) => spawn(process.execPath, args, { stdio: 'inherit' })

const dev = start(
  main,
  'dev',
  '-f',
  here,
  '--service',
  `classifier.${namespace}=http://127.0.0.1:8081`,
  ...process.argv.slice(2),
)
const helpers = [start(join(here, 'classifier.ts')), start(join(here, 'generator.ts'))]

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const helper of helpers) helper.kill()
    dev.kill('SIGTERM')
  })
}
dev.on('exit', (code) => {
  for (const helper of helpers) helper.kill()
  process.exitCode = code ?? 1
})
