/** Names of the configurations, and of the one webhook in each. */
export const mutatingName = 'webhook.millrace.dev'
export const validatingName = 'validation.webhook.millrace.dev'
/** Of workloads, for SinkBindings. */
export const bindingName = 'bindings.webhook.millrace.dev'
/** Of workloads of kinds that others brought: the leader fills it in. */
export const bindingKindsName = 'kinds.bindings.webhook.millrace.dev'

/** Secret in the system namespace with what the webhooks are served with. */
export const certificateSecretName = 'millrace-webhook-certs'
