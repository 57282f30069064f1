/** Set at CREATE, so that nothing of ours in Kafka outlives the object; taken away by the reconcilers. */
export const brokerFinalizer = 'brokers.eventing.knative.dev'
export const triggerFinalizer = 'kafka.triggers.eventing.knative.dev'

/** Names of the two configurations, and of the one webhook in each. */
export const mutatingName = 'webhook.millrace.dev'
export const validatingName = 'validation.webhook.millrace.dev'

/** Secret in the system namespace with what the webhooks are served with. */
export const certificateSecretName = 'millrace-webhook-certs'
