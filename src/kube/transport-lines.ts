const newline = 0x0a

/**
 * Cuts bytes into lines. A line is decoded when it is complete, so neither its length nor where chunks end inside a character matters;
 * bytes of a long line are copied once.
 */
export class Lines {
  #pieces: Buffer[] = []

  /** Calls `on` for each line that `chunk` completes, empty ones left out. */
  add(chunk: Buffer, on: (line: string) => void): void {
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#pieces.push(chunk.subarray(start, end))
      start = end + 1
      const line = this.#take()
      if (line !== '') on(line)
    }
    if (start < chunk.length) this.#pieces.push(chunk.subarray(start))
  }

  /** Whether a line was begun and not ended. */
  get open(): boolean {
    return this.#pieces.length > 0
  }

  #take(): string {
    const bytes = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces)
    this.#pieces = []
    return bytes.toString('utf8').trim()
  }
}
