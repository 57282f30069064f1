import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Who picks a port leaves a folder of its number here: so does test/env/lib.sh, which removes them some hours later. One user cannot write in that of another. */
const claims = join(tmpdir(), `millrace-test-ports-${process.geteuid?.()}`)

/**
 * Ports in a row for servers that begin later, or come back where they were: below those that systems hand out to outgoing connections, and picked by
 * no other test of this user meanwhile.
 * @throws the system's error when it cannot be noted that they are picked.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  mkdirSync(claims, { recursive: true })
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * (12_000 - count))
    const ports = Array.from({ length: count }, (_, i) => first + i)
    if (ports.every(claim) && (await Promise.all(ports.map(isFree))).every(Boolean)) return ports
  }
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

function claim(port: number): boolean {
  try {
    mkdirSync(join(claims, String(port)))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
