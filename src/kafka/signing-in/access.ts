import { Fault } from '../../core/fault.ts'

/** What Kafka guards by ACLs, and with which operations (https://kafka.apache.org/documentation/#operations_resources_and_protocols). */
export type AclOperation = 'Read' | 'Write' | 'Describe' | 'DescribeConfigs' | 'Create' | 'Delete'
export type AclResource = 'topic' | 'group' | 'cluster'

/** The user that Millrace signs in as lacks an ACL. @param answer how Kafka said so, e.g. TOPIC_AUTHORIZATION_FAILED. */
export function notAuthorized(operation: AclOperation, resource: AclResource, name: string, answer: string): Fault {
  const what = resource === 'cluster' ? 'the cluster' : `${resource} ${name}`
  const needs = `its user needs the ACL operation ${operation} on ${what}`
  return new Fault('NotAuthorized', `${what}: Millrace may not do this; ${needs} (Kafka answered ${answer})`)
}
