import type { JsonObject } from './json.ts'
import { pathName } from './problem.ts'
import type { Path } from './yaml-text.ts'

/**
 * Fields that Knative has and this version does not serve. They are refused by name: a field that is ignored would promise what does not
 * happen. The schemas leave them out, but for the hint `later` that keeps them in the definition (`meta/structural.ts`); whoever adds one to a
 * schema removes the hint, and its line here.
 */
const fields: readonly (readonly [path: RegExp, message: string])[] = [
  [
    /^spec\.brokerRef$/,
    'a Broker of another namespace comes in a later version; use broker, and a Broker in the same namespace',
  ],
  [/^spec\.filter\.sourceAndType$/, 'this is the form of an old version; use filter.attributes with source and type'],
  [/\.CACerts$/, 'own certificate authorities come in a later version; remove this field and use http'],
  [/\.audience$/, 'OIDC authentication comes in a later version; remove this field'],
  [/\.ref\.group$/, 'references by group come in a later version; use ref.apiVersion'],
  [/\.ref\.address$/, 'choosing an address by name comes in a later version; remove this field'],
  [
    /^spec\.net\.sasl\.(tokenProvider|roleARN)$/,
    'OAUTHBEARER comes in a later version; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 with user and password',
  ],
  [/^spec\.config\.(group|address)$/, 'it means nothing for a ConfigMap; remove this field'],
]

/** The message for a field of a later version, or null when the field is simply unknown. */
export function notYet(path: Path): string | null {
  const name = pathName(path)
  const found = fields.find(([pattern]) => pattern.test(name))
  return found === undefined ? null : `not yet: ${found[1]}`
}

/** Annotations of Knative that change nothing about what is delivered: said, not refused. */
const annotations: readonly (readonly [prefix: string, message: string])[] = [
  [
    'autoscaling.eventing.knative.dev/',
    'not yet: scaling by KEDA comes in a later version; this annotation is ignored',
  ],
  ['autoscaling.knative.dev/', 'not yet: scaling by KEDA comes in a later version; this annotation is ignored'],
  ['keda.autoscaling.knative.dev/', 'not yet: scaling by KEDA comes in a later version; this annotation is ignored'],
  ['eventing.knative.dev/injection', 'not yet: no Broker is made by this annotation; apply one'],
]

/** Those annotations of an object that this version ignores, with what to say about each. */
export function ignoredAnnotations(present: JsonObject): { annotation: string; message: string }[] {
  return Object.keys(present).flatMap((annotation) => {
    const found = annotations.find(([prefix]) => annotation.startsWith(prefix))
    return found === undefined ? [] : [{ annotation, message: found[1] }]
  })
}
