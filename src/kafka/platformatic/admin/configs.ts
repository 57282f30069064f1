import { Fault } from '../../../core/fault.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import { notAuthorized } from '../../signing-in/access.ts'
import { errorsInside, faultCodeOf, kafkaErrorName } from '../faults.ts'
import type { AnswerTo, Calls } from '../versions.ts'

/** ConfigResource.Type of Kafka. */
export const configResource = { topic: 2, broker: 4 } as const

/**
 * One setting of many topics, or of brokers, by name. Topics that do not exist are missing in the answer; where we
 * may not look, there is the fault NotAuthorized in place of the value.
 * @throws Fault when Kafka does not tell; the client library's error when it did not answer.
 */
export async function readConfig(
  connection: BrokerConnection,
  type: (typeof configResource)[keyof typeof configResource],
  names: readonly string[],
  setting: string,
): Promise<ReadonlyMap<string, string | Fault>> {
  const resources = names.map((resourceName) => ({ resourceType: type, resourceName, configurationKeys: [setting] }))
  const asked = resources as Parameters<Calls['describeConfigs']['async']>[1]
  const call = connection.calls.describeConfigs.async(connection, asked, false, false)
  const values = new Map<string, string | Fault>()
  for (const { resourceName, errorCode, configs } of (await errorsInside<AnswerTo<'describeConfigs'>>(call)).results) {
    const error = kafkaErrorName(errorCode)
    const code = faultCodeOf(error)
    if (errorCode !== 0 && code === 'NotAuthorized') {
      values.set(resourceName, lacking(type, resourceName, error))
    } else if (errorCode !== 0 && code !== 'TopicNotFound') {
      throw new Fault(code, `settings of ${resourceName}: Kafka answered ${error}`)
    }
    const value = configs.find(({ name }) => name === setting)?.value
    if (errorCode === 0 && typeof value === 'string') values.set(resourceName, value)
  }
  return values
}

/** The settings of a broker belong to the cluster. */
function lacking(type: number, name: string, error: string): Fault {
  return notAuthorized('DescribeConfigs', type === configResource.topic ? 'topic' : 'cluster', name, error)
}
