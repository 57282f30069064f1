import { Inlet } from './inlet.ts'
import { Outlet } from './outlet.ts'

/** Inlets, Outlets and Workers as Kubernetes keeps them: custom resources of this group, in the system namespace. */
export const contractGroup = 'internal.millrace.dev'
export const contractVersion = 'v1alpha1'

/** Labels that say which object of which user an Inlet or Outlet was compiled from. The name is the UID of that object. */
export const sourceLabels = {
  kind: 'millrace.dev/source-kind',
  namespace: 'millrace.dev/source-namespace',
  name: 'millrace.dev/source-name',
} as const

/** `spec` of the custom resources: the contract without what metadata says already (uid is the name, generation is the generation). */
export const InletSpec = Inlet.omit({ uid: true, generation: true })
export const OutletSpec = Outlet.omit({ uid: true, generation: true })

interface ContractObject {
  readonly metadata: { readonly name: string; readonly generation?: number }
  readonly [field: string]: unknown
}

/** @throws ZodError when it is not of this version of the contract: such an object is refused, never guessed at. */
export function inletOf({ metadata, ...object }: ContractObject): Inlet {
  return { ...InletSpec.parse(object['spec']), uid: metadata.name, generation: metadata.generation ?? 0 }
}

/** @throws ZodError as {@link inletOf}. */
export function outletOf({ metadata, ...object }: ContractObject): Outlet {
  return { ...OutletSpec.parse(object['spec']), uid: metadata.name, generation: metadata.generation ?? 0 }
}
