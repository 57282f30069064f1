/** Who says that something is wrong with an Outlet, where that ends together with the work that met it. */
export const faultSource = {
  /** Following the partition fails. */
  tail: (partition: number): string => `tail of partition ${partition}`,
  /** Reading behind the head fails. */
  catchUp: (partition: number): string => `catch-up of partition ${partition}`,
  commit: 'commit',
  /** The log may forget them. */
  positions: 'positions',
  unparked: 'unparked',
  blocked: 'blocked',
} as const
