import { createRequire } from 'node:module'
import type * as Library from '@platformatic/kafka'

/**
 * The parts of the client library that we use: its encoders, decoders and errors. Its entry would load its clients too, a schema
 * registry and all versions of all requests, of which we use none: 13 MiB in every worker. These files are no exports of the package
 * (docs/decisions/0003): its version is pinned exactly, and one that moved ends the process at once, with a sentence that says which
 * (library.test.ts finds it first).
 */
const entry = createRequire(import.meta.url).resolve('@platformatic/kafka')
const load = createRequire(entry)

export const { AuthenticationError, GenericError, NetworkError, ResponseError, TimeoutError } = part('errors', [
  'AuthenticationError',
  'GenericError',
  'NetworkError',
  'ResponseError',
  'TimeoutError',
])
export const { protocolErrors, protocolErrorsCodesById } = part('protocol/errors', [
  'protocolErrors',
  'protocolErrorsCodesById',
])
export const { Reader } = part('protocol/reader', ['Reader'])
export const { Writer } = part('protocol/writer', ['Writer'])
export const { crc32c } = part('protocol/crc32c', ['crc32c'])
export const { compressionsAlgorithmsByBitmask } = part('protocol/compression', ['compressionsAlgorithmsByBitmask'])
export const { readKnownTaggedFields } = part('apis/tagged-fields', ['readKnownTaggedFields'])

/** A request in one version, e.g. `request('metadata', 'metadataV12')`: it stands in `metadata/metadata-v12`. */
export function request<Name extends keyof typeof Library>(
  folder: 'admin' | 'consumer' | 'metadata' | 'producer' | 'security',
  name: Name,
): (typeof Library)[Name] {
  const file = name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)
  // what the entry exports under this name is this file as a whole
  return part(`apis/${folder}/${file}`, ['api', 'createRequest', 'parseResponse']) as unknown as (typeof Library)[Name]
}

/** @throws Error that says what is missing, and where to mend it. */
export function part<Name extends string>(
  file: string,
  names: readonly Name[],
): Pick<typeof Library, Name & keyof typeof Library> {
  try {
    const found = load(`./${file}.js`) as Pick<typeof Library, Name & keyof typeof Library>
    const missing = names.filter((name) => !(name in found))
    if (missing.length === 0) return found
    throw new Error(`it has no ${missing.join(', ')}`)
  } catch (cause) {
    const advice =
      'its version is not the one that Millrace was made for; src/kafka/platformatic/library.ts says what is used'
    throw new Error(`@platformatic/kafka: dist/${file}.js cannot be used: ${advice}.`, { cause })
  }
}
