import { expect, it } from 'vitest'
import { Fault } from '../../core/fault.ts'
import { adviceFor } from './advice.ts'

const object = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'system' } })
const [deployment, statefulSet] = [
  object('Deployment', 'millrace-ingress'),
  object('StatefulSet', 'millrace-dispatcher'),
]
const command = (what: string): string =>
  `kubectl delete ${what} -n system --cascade=orphan; it is made anew and takes over its pods`

it.each([
  [
    deployment,
    'Deployment.apps "millrace-ingress" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable',
    command('deployment millrace-ingress'),
  ],
  [
    statefulSet,
    `StatefulSet.apps "millrace-dispatcher" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden`,
    command('statefulset millrace-dispatcher'),
  ],
  [
    deployment,
    'Deployment.apps "millrace-ingress" is invalid: spec.template.spec.tolerations[0].operator: Unsupported value',
    '',
  ],
  [object('Service', 'broker-ingress'), 'Service "broker-ingress" is invalid: spec.clusterIP: field is immutable', ''],
])('what to do about %o', (desired, message, advice) => {
  const said = adviceFor(desired, new Fault('ApiRefused', message))
  if (advice === '') expect(said).toBe('')
  else expect(said).toContain(advice)
})
