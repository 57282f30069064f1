/** Where something stands in a text that a user wrote. Line and column count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Which object: kind, namespace and name tell objects apart. */
export interface ObjectKey {
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

/** `Trigger shop/orders`: how messages name an object. */
export function objectName({ kind, namespace, name }: ObjectKey): string {
  return `${kind} ${namespace}/${name}`
}

/** Something in a manifest that is wrong (`error`: the object is refused) or worth knowing (`notice`). */
export interface Problem extends Place {
  readonly severity: 'error' | 'notice'
  /** The field, e.g. `spec.delivery.retry`; '' when it is about the whole object or text. */
  readonly path: string
  /** A sentence for someone who is new to this, with what to do. */
  readonly message: string
  /** The object, when it could be told which one it is. */
  readonly object?: ObjectKey
}

/** `orders.yaml:12:5: Trigger default/orders: spec.delivery.retry must be 0 or more`. */
export function formatProblem({ file, line, column, object, path, message }: Problem): string {
  const about = object === undefined ? '' : `${objectName(object)}: `
  const field = path === '' ? '' : `${path}: `
  return `${file}:${line}:${column}: ${about}${field}${message}`
}

/** `spec.filter.attributes.type`; parts that hold dots or slashes are quoted. */
export function pathName(path: readonly PropertyKey[]): string {
  let name = ''
  for (const part of path) {
    if (typeof part === 'number') name += `[${part}]`
    else if (/^[\w-]+$/.test(String(part))) name += name === '' ? String(part) : `.${String(part)}`
    else name += `[${JSON.stringify(String(part))}]`
  }
  return name
}
