import { createRequire } from 'node:module'
import type * as Library from '@platformatic/kafka'

/**
 * The parts of the client library that we use: its encoders, decoders and errors. Its entry would load its clients too, with three schema
 * languages and all versions of all requests, of which we use none: 13 MiB in every worker. These files are no exports of the package; its
 * version is pinned exactly, and one that moved would fail the first import of this file.
 */
const entry = createRequire(import.meta.url).resolve('@platformatic/kafka')
const load = createRequire(entry)
const part = <Name extends keyof typeof Library>(file: string): Pick<typeof Library, Name> =>
  load(`./${file}.js`) as Pick<typeof Library, Name>

export const { AuthenticationError, GenericError, NetworkError, ResponseError, TimeoutError, UserError } = part<
  'AuthenticationError' | 'GenericError' | 'NetworkError' | 'ResponseError' | 'TimeoutError' | 'UserError'
>('errors')
export const { protocolErrors, protocolErrorsCodesById } = part<'protocolErrors' | 'protocolErrorsCodesById'>(
  'protocol/errors',
)
export const { Reader } = part<'Reader'>('protocol/reader')
export const { Writer } = part<'Writer'>('protocol/writer')
export const { crc32c } = part<'crc32c'>('protocol/crc32c')
export const { compressionsAlgorithmsByBitmask } = part<'compressionsAlgorithmsByBitmask'>('protocol/compression')
export const { readKnownTaggedFields } = part<'readKnownTaggedFields'>('apis/tagged-fields')

/** A request in one version, e.g. `request('metadata', 'metadataV12')`: it stands in `metadata/metadata-v12`. */
export function request<Name extends keyof typeof Library>(
  folder: 'admin' | 'consumer' | 'metadata' | 'producer',
  name: Name,
): (typeof Library)[Name] {
  const file = name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)
  return load(`./apis/${folder}/${file}.js`) as (typeof Library)[Name]
}
