import type { JsonObject } from '../../src/api/json.ts'
import type { AdmissionRequest, Verdict } from '../../src/control-plane/webhook/review.ts'

/** What the API server asks of an object in namespace `shop`; `oldObject`: it is an update. */
export function admissionRequest(
  object: JsonObject,
  oldObject: JsonObject | null = null,
  user = 'jo',
): AdmissionRequest {
  return { kind: object['kind'] as AdmissionRequest['kind'], namespace: 'shop', user, object, oldObject }
}

/** An object as it is stored after admission. */
export interface Admitted {
  readonly metadata: {
    readonly annotations?: Record<string, string>
    readonly labels?: Record<string, string>
    readonly finalizers?: readonly string[]
  }
  readonly spec: Record<string, unknown> & { readonly filter?: object; readonly config?: object }
  readonly [field: string]: unknown
}

export function admitted(verdict: Verdict, object: JsonObject): Admitted {
  if (verdict.kind !== 'allowed') throw new Error('defaulting refuses nothing')
  return (verdict.object ?? object) as Admitted
}

/** What it is refused for; nothing: it is not. */
export function problemsOf(verdict: Verdict): string[] {
  return verdict.kind === 'refused' ? verdict.problems.map(({ path, message }) => `${path}: ${message}`) : []
}
