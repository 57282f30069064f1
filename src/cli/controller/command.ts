import type { Command } from 'commander'
import { environment } from '../flags.ts'
import { readResolvConf } from './cluster-domain.ts'
import { controllerFlags } from './flags.ts'

/** The process that makes Brokers and Triggers true in a cluster. */
export function addController(millrace: Command): void {
  millrace
    .command('controller')
    .description('Reconcile Brokers and Triggers of a cluster, run the workers, and answer admission webhooks.')
    .option('-n, --namespace <name>', 'the system namespace (default: that of the pod)')
    .option('--kubeconfig <file>', 'how to reach the cluster from outside (default: as a pod of it)')
    .option('--host <address>', 'address of the webhooks (default: :: in a pod, all of IPv6 and IPv4, else 127.0.0.1)')
    .option('--port <port>', 'port of the webhooks and of GET /healthz and /readyz, https', '8443')
    .option('--metrics-port <port|off>', 'port of GET /metrics for Prometheus (default: 9090 in a pod, else off)')
    .option('--image <name>', 'image of the workers (default: that of this pod)')
    .option(
      '--cluster-domain <domain>',
      'domain of the Services of the cluster (default: that of /etc/resolv.conf in a pod, else cluster.local)',
    )
    .option('--adopt', 'take over the Brokers and Triggers of another manager, which must be stopped')
    .option('--no-workers', 'leave the ingress and the dispatcher to someone else')
    .addHelpText(
      'after',
      '\nAny number may run: all answer webhooks, one of them leads.\n\nExamples:\n  millrace controller\n  millrace controller --kubeconfig ~/.kube/config --namespace knative-eventing --no-workers',
    )
    .action(async (options: unknown) => {
      const env = environment()
      const flags = controllerFlags(options, env, await readResolvConf())
      const { controller } = await import('./controller.ts')
      await controller(flags, env)
    })
}
