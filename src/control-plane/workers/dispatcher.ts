import type { KubeObject } from '../../kube/client.ts'
import { childMetadata, podTemplate, replicas, selectorLabels } from './pod.ts'
import type { WorkersInput } from './pod.ts'

const healthPort = 8081

/**
 * The dispatchers: a StatefulSet, because the name of a pod is its static membership of the Kafka group, so a restart moves no partition.
 * Where the settings say no `replicas`, see withReplicas.
 */
export function dispatcherStatefulSet(input: WorkersInput): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: childMetadata('millrace-dispatcher', 'dispatcher', input),
    spec: {
      ...replicas('dispatcher', input),
      // No Service has this name: nobody calls a dispatcher.
      serviceName: 'millrace-dispatcher',
      // They do not need each other to start.
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: selectorLabels('dispatcher') },
      template: podTemplate('dispatcher', input, {
        args: [
          '--kubernetes',
          '--instance',
          '$(POD_NAME)',
          '--group',
          input.settings.fleetGroup,
          '--health-port',
          String(healthPort),
          ...mainCluster(input),
        ],
        port: { name: 'health', containerPort: healthPort },
        resources: { requests: { cpu: '200m', memory: '256Mi' }, limits: { cpu: '2', memory: '1Gi' } },
      }),
    },
  }
}

/** A dispatcher that is told another one starts anew: two fleets would share nothing. */
function mainCluster({ kafka }: WorkersInput): readonly string[] {
  if (kafka === undefined) return []
  const credential = kafka.credential === undefined ? [] : ['--kafka-credential', kafka.credential]
  return ['--kafka', kafka.bootstrapServers, ...credential]
}
