/**
 * `@peculiar/x509` finds its algorithms through tsyringe, which asks `Reflect` for metadata of classes (the abandoned decorator proposal) and
 * uses these three functions of it. Import this file before it. Where somebody brought a whole implementation, that one stays.
 */
type Metadata = Map<unknown, unknown>

interface ReflectWithMetadata {
  getMetadata?(key: unknown, target: object): unknown
  getOwnMetadata?(key: unknown, target: object): unknown
  defineMetadata?(key: unknown, value: unknown, target: object): void
}

const known = new WeakMap<object, Metadata>()
const reflect = Reflect as ReflectWithMetadata

if (reflect.getMetadata === undefined) {
  reflect.defineMetadata = (key, value, target) => {
    const metadata = known.get(target) ?? new Map<unknown, unknown>()
    known.set(target, metadata.set(key, value))
  }
  reflect.getOwnMetadata = (key, target) => known.get(target)?.get(key)
  reflect.getMetadata = (key, target) => {
    for (let at: object | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
      const metadata = known.get(at)
      if (metadata?.has(key) === true) return metadata.get(key)
    }
    return undefined
  }
}
