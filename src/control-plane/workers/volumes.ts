/** A volume of a worker, and where its container sees it. */
export interface Mounted {
  readonly name: string
  readonly mountPath: string
  readonly readOnly?: boolean
  /** As the API server fills it in, defaults included: else a pod that is as it shall be would not compare equal. */
  readonly source: Readonly<Record<string, unknown>>
}

/** `volumes` of a pod: no list at all where there is nothing. */
export function volumes(mounted: readonly Mounted[]) {
  return mounted.length === 0 ? {} : { volumes: mounted.map(({ name, source }) => ({ name, ...source })) }
}

/** `volumeMounts` of its container. */
export function volumeMounts(mounted: readonly Mounted[]) {
  return mounted.length === 0 ? {} : { volumeMounts: mounted.map(({ source: _source, ...mount }) => mount) }
}
