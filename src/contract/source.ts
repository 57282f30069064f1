import { z } from 'zod'

/** The user's object that an Inlet or Outlet was compiled from. */
export const Source = z.strictObject({
  kind: z.string().min(1),
  namespace: z.string().min(1),
  name: z.string().min(1),
})
export type Source = z.infer<typeof Source>

/** `Trigger shop/orders`: how messages name an object. */
export function sourceName(source: Source): string {
  return `${source.kind} ${source.namespace}/${source.name}`
}
