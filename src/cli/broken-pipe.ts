/**
 * Whoever reads us may have seen enough: `millrace --help | head -1` is no error. What runs on until it is told to stop is told to, so that it
 * drains and takes its programs along; anything else is done.
 */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.listeners('error').includes(readerIsGone)) stream.on('error', readerIsGone)
  }
}

function readerIsGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  if (process.listenerCount('SIGTERM') === 0) process.exit(0)
  // each further line fails in the same way, and a second signal would cut the drain short
  for (const stream of [process.stdout, process.stderr]) stream.off('error', readerIsGone).on('error', () => undefined)
  process.kill(process.pid, 'SIGTERM')
}
