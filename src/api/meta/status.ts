import { z } from 'zod'
import { replyingFields } from './progress.ts'
import { crd } from './structural.ts'

/** `status` as Knative writes it and as tools read it. These schemas make CRDs: what they leave out the API server drops. */

const StatusCondition = z
  .strictObject({
    type: z.string().describe('Which aspect, e.g. Ready.'),
    status: z
      .enum(['True', 'False', 'Unknown'])
      .describe('True: it holds. False: it does not. Unknown: not known yet.'),
    severity: z.string().optional().describe("'' or Error: Ready depends on it; Warning or Info: it does not."),
    lastTransitionTime: z.string().optional().describe('When status last changed.'),
    reason: z.string().optional().describe('Why, one word in CamelCase.'),
    message: z.string().optional().describe('Why, a sentence that says what to do next.'),
  })
  .describe('What is known about one aspect of the object.')

const text = (description: string) => z.string().optional().describe(description)

/** Where to send events to (Knative Addressable). */
export const Addressable = z.strictObject({
  name: text('http or https.'),
  url: text('Where to POST events to.'),
  CACerts: text('Certificate authorities to trust, PEM.'),
  audience: text('Audience of the OIDC token that requests carry.'),
})

/** What the status of each kind has. */
export const commonStatus = {
  observedGeneration: z
    .int()
    .optional()
    .describe('The metadata.generation that this status speaks of; below it: the last change is not in force yet.'),
  conditions: z
    .array(StatusCondition)
    .meta(crd({ listKeys: ['type'] }))
    .optional()
    .describe('What is known about each aspect. Ready sums them up.'),
  annotations: z.record(z.string(), z.string()).optional().describe('Facts for tools, name to value.'),
}

const deadLetterSink = {
  deadLetterSinkUri: text('Where events go that could not be delivered.'),
  deadLetterSinkCACerts: text('Certificate authorities to trust there, PEM.'),
  deadLetterSinkAudience: text('Audience of the OIDC token that requests to it carry.'),
}

const policies = z
  .array(
    z
      .strictObject({
        apiVersion: text('API group and version of the policy.'),
        name: text('Name of the policy, in the same namespace.'),
      })
      .describe('An EventPolicy.'),
  )
  .optional()
  .describe('The EventPolicies that apply.')

/** `status` of a Broker. */
export const BrokerStatus = z.strictObject({
  ...commonStatus,
  annotations: commonStatus.annotations.describe(
    'Facts for tools, name to value. default.topic: the Kafka topic in use. dead.letter.topic: the one that takes, with the reason in their ' +
      'attributes, events that no retry and no dead letter sink could deliver; it is made on first use, so it may not exist.',
  ),
  address: Addressable.optional().describe('Where to send events to.'),
  addresses: z
    .array(Addressable.describe('One of the addresses.'))
    .optional()
    .describe('All addresses, when there are several.'),
  ...deadLetterSink,
  policies,
})

/** `status.auth` of what delivers. */
export const deliveryIdentity = z
  .strictObject({
    serviceAccountName: text('The service account whose tokens requests carry.'),
    serviceAccountNames: z
      .array(z.string().describe('Name of a service account.'))
      .optional()
      .describe('All such service accounts.'),
  })
  .optional()
  .describe('The identity that deliveries have.')

/** `status` of a Trigger. */
export const TriggerStatus = z.strictObject({
  ...commonStatus,
  subscriberUri: text('Where events are delivered to: the subscriber, resolved.'),
  subscriberCACerts: text('Certificate authorities to trust there, PEM.'),
  subscriberAudience: text('Audience of the OIDC token that requests to it carry.'),
  ...deadLetterSink,
  auth: deliveryIdentity,
  ...replyingFields,
})
