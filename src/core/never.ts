/**
 * Proves to the compiler that every member of a union was handled.
 * @throws Error when, against the types, an unknown member arrives at run time: we fail closed.
 */
export function never(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`)
}
