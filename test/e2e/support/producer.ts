import { workload } from '../../support/workloads.ts'
import { cluster } from './kube.ts'

export type ProducerKind = 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'ReplicaSet' | 'Job' | 'CronJob'

interface Options {
  readonly replicas?: number
  readonly tier?: string
}

/** A workload whose pods send JSON to K_SINK, and know no other address: `/NAME` is the source of its events. */
export function producer(kind: ProducerKind, name: string, { replicas, tier }: Options = {}): object {
  const made = workload(kind, '', name, tier === undefined ? {} : { labels: { tier } }) as Workload
  const container = {
    name: 'app',
    image: cluster().appImage,
    args: ['produce', `--source=/${name}`],
    resources: { requests: { cpu: '10m', memory: '32Mi' } },
    securityContext: {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  }
  const { namespace: _, ...metadata } = made.metadata
  const pod = (template: Template): Template => ({
    ...template,
    spec: { ...template.spec, terminationGracePeriodSeconds: 1, containers: [container] },
  })
  const { template, jobTemplate, ...rest } = made.spec
  const count = replicas === undefined ? {} : { replicas }
  const every = kind === 'CronJob' ? { schedule: '* * * * *' } : {}
  const templates = {
    ...(template === undefined ? {} : { template: pod(template) }),
    ...(jobTemplate === undefined ? {} : { jobTemplate: { spec: { template: pod(jobTemplate.spec.template) } } }),
  }
  return { ...made, metadata, spec: { ...rest, ...count, ...every, ...templates } }
}

interface Template {
  readonly spec: Readonly<Record<string, unknown>>
}

interface Workload {
  readonly metadata: { readonly namespace: string; readonly name: string }
  readonly spec: {
    readonly template?: Template
    readonly jobTemplate?: { readonly spec: { readonly template: Template } }
    readonly [field: string]: unknown
  }
}
