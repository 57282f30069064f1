import { expect, test } from 'vitest'
import { environment } from '../flags.ts'
import { clusterDomainIn } from './cluster-domain.ts'
import { controllerFlags } from './flags.ts'

const pod = `search knative-eventing.svc.corp.example svc.corp.example corp.example eu-west-1.compute.internal
nameserver 10.96.0.10
options ndots:5
`
const twice = `# by hand
search svc.old.example
nameserver 10.96.0.10
search\tknative-eventing.svc.cluster.local\tsvc.cluster.local.\tcluster.local
`
const laptop = `domain svc.lan
nameserver 192.168.1.1
search lan mysvc.example.com
`

test.each([
  ['a pod', pod, 'corp.example'],
  ['a pod with a search line before', twice, 'cluster.local'],
  ['a laptop', laptop, undefined],
  ['a machine without it', '', undefined],
])('the domain of the cluster, from resolv.conf of %s', (_, text, domain) => {
  expect(clusterDomainIn(text)).toBe(domain)
})

test('what is said goes before it, and cluster.local comes last', () => {
  const domain = (resolvConf: string, clusterDomain?: string) =>
    controllerFlags({ port: '8443', workers: true, clusterDomain }, environment({}), resolvConf).clusterDomain
  expect(domain(pod)).toBe('corp.example')
  expect(domain(pod, 'other.example')).toBe('other.example')
  expect(domain(laptop)).toBe('cluster.local')
})
