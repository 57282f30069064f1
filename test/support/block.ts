/** Blocks this thread for so long, as a machine without a free processor would, and costs none. */
export function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
