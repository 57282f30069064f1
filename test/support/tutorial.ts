import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileCache } from './compile-cache.ts'
import { eventually } from './eventually.ts'
import { freePorts } from './free-ports.ts'
import { ownFolder } from './millrace.ts'

/**
 * A tutorial is Markdown whose fenced blocks say what they are, behind the language:
 *
 *     sh run        commands that a reader types; they must succeed, unless `exit=1` stands behind it
 *     sh start      a command that goes on: it runs until the tutorial ends
 *     sh watch      a command that is repeated until it prints what is expected, as a reader looks again
 *     yaml file=X   the reader saves it under this name; so for any language
 *     text          what the block before prints: each line comes, in this order; `…` stands for anything
 *     sh cluster    for a cluster: not run here
 */
export interface Block {
  readonly line: number
  readonly language: string
  readonly marks: readonly string[]
  readonly text: string
}

/** The fenced blocks of a page, in their order. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = []
  let open: { line: number; words: readonly string[]; lines: string[] } | null = null
  for (const [at, line] of markdown.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    if (fence === null) open?.lines.push(line)
    else if (open === null) open = { line: at + 1, words: (fence[1] ?? '').trim().split(/\s+/), lines: [] }
    else {
      const [language = '', ...marks] = open.words
      blocks.push({ line: open.line, language, marks, text: open.lines.join('\n') })
      open = null
    }
  }
  return blocks
}

/** What is missing in `printed`; null: all lines are there, in order. White space counts as one blank. */
export function missingLine(expected: string, printed: string): string | null {
  const plain = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()
  let rest = printed.split('\n').map(plain)
  for (const line of expected.split('\n').map(plain)) {
    if (line === '' || line === '…') continue
    const pattern = new RegExp(line.split('…').map(escaped).join('.*'))
    const at = rest.findIndex((one) => pattern.test(one))
    if (at < 0) return line
    rest = rest.slice(at + 1)
  }
  return null
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** A reader who follows tutorials in a folder of his own, with ports of his own in place of those that the text names. */
export class Reader {
  readonly #folder = ownFolder()
  readonly #ports: ReadonlyMap<string, number>
  readonly #started: ChildProcess[] = []
  readonly #environment: NodeJS.ProcessEnv

  private constructor(top: string, ports: ReadonlyMap<string, number>) {
    this.#ports = ports
    const bin = join(this.#folder, '.bin')
    mkdirSync(bin)
    symlinkSync(join(top, 'examples'), join(this.#folder, 'examples'))
    writeFileSync(
      join(bin, 'npx'),
      npx(join(top, 'src', 'main.ts'), this.#folder, (port) => this.#port(port)),
    )
    chmodSync(join(bin, 'npx'), 0o755)
    const path = [bin, join(top, 'node_modules', '.bin'), process.env['PATH']].join(':')
    const { KUBECONFIG: _, ...inherited } = process.env
    this.#environment = {
      ...inherited,
      ...compileCache,
      PATH: path,
      HOME: this.#folder,
      NO_COLOR: '1',
      PORT: this.#port('8081'),
    }
  }

  /** @param top the folder of the checkout. */
  static async sitsDown(top: string): Promise<Reader> {
    const free = await freePorts(named.length)
    return new Reader(top, new Map(named.map((name, i) => [name, free[i] ?? 0])))
  }

  /** Does what a block says. `expected`: the `text` that follows it. @throws Error that says which line of the page failed, and how. */
  async follow(block: Block, expected: string | undefined): Promise<void> {
    const { marks, text } = block
    const file = marks.find((mark) => mark.startsWith('file='))?.slice('file='.length)
    const wanted = expected === undefined ? undefined : this.#mine(expected)
    if (file !== undefined) writeFileSync(join(this.#folder, file), `${this.#mine(text)}\n`)
    else if (marks.includes('start')) await this.#start(block, wanted)
    else if (marks.includes('run')) await this.#once(block, wanted)
    else if (marks.includes('watch'))
      await eventually(`line ${block.line} prints what it shall`, () => this.#once(block, wanted).then(() => true))
  }

  async #once({ line, text, marks }: Block, wanted: string | undefined): Promise<void> {
    const child = this.#spawn(text)
    const printed = output(child)
    const [code] = (await once(child, 'close')) as [number | null]
    const exit = Number(marks.find((mark) => mark.startsWith('exit='))?.slice('exit='.length) ?? 0)
    if (code !== exit) throw new Error(`line ${line}: exit code ${code} in place of ${exit}\n${text}\n${printed()}`)
    const missing = wanted === undefined ? null : missingLine(wanted, printed())
    if (missing !== null) throw new Error(`line ${line}: does not print "${missing}" but\n${printed()}`)
  }

  async #start({ line, text }: Block, wanted = ''): Promise<void> {
    const child = this.#spawn(text)
    this.#started.push(child)
    const printed = output(child)
    await eventually(`line ${line} prints what it shall`, () => {
      const missing = missingLine(wanted, printed())
      if (missing !== null) throw new Error(`no "${missing}" in\n${printed()}`)
      return true
    })
  }

  #spawn(text: string): ChildProcess {
    const script = `set -e\n${this.#mine(text)}`
    return spawn('bash', ['-c', script], {
      ...{ cwd: this.#folder, env: this.#environment, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    })
  }

  /** The text, with ports of this reader. */
  #mine(text: string): string {
    return text.replaceAll(/\b\d{4}\b/g, (port) => this.#port(port))
  }

  #port(named: string): string {
    return String(this.#ports.get(named) ?? named)
  }

  /** Ends what goes on, the last first. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#started.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      process.kill(-(child.pid ?? 0), 'SIGINT')
      await once(child, 'close')
    }
  }
}

/** Ports that tutorials name: ingress, records of `dev` (the next one), display, services of the reader. */
const named = ['8080', '8081', '8090', '3000', '3001', '3002']

/** In place of npx: this checkout, on the ports of the reader. What the text says itself comes last and counts. */
function npx(main: string, folder: string, port: (named: string) => string): string {
  const [ingress, display] = [port('8080'), `http://127.0.0.1:${port('8090')}`]
  const flags = {
    dev: [
      `--port ${ingress} --display-port ${port('8090')} --data ${join(folder, '.millrace')} --metrics-port off`,
      // listens at PORT
      `--service classifier.knative-eventing-websocket-source=http://127.0.0.1:${port('8081')}`,
    ].join(' '),
    send: `--dev http://127.0.0.1:${ingress}`,
    tail: `--display ${display}`,
    trace: `--display ${display}`,
  }
  const cases = Object.entries(flags).map(([name, more]) => `${name}) exec node ${main} ${name} ${more} "$@" ;;`)
  return `#!/bin/sh
if [ "$1" = node ]; then exec "$@"; fi
shift; command=$1; shift
case $command in
${cases.join('\n')}
*) exec node ${main} "$command" "$@" ;;
esac
`
}

function output(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => (text += part))
  return () => text
}
