import { z } from 'zod'
import { crd, structural, type Rule } from './meta/structural.ts'

/** As `user: {}`: written by tools whose forms leave nothing out. */
const SecretValue = z.strictObject({
  secretKeyRef: z
    .strictObject({
      name: z.string().min(1).max(253).describe('Name of the Secret, in the namespace of the KafkaSource.'),
      key: z.string().min(1).max(253).describe('Key in its data.'),
      optional: z.boolean().optional().describe('May be false, which is the default.'),
    })
    .superRefine(({ optional }, issue) => {
      if (optional === true)
        issue.addIssue({ code: 'custom', path: ['optional'], message: 'must be false: what is named here is needed' })
    })
    .optional()
    .describe('Where it stands.'),
})
export type SecretValue = z.infer<typeof SecretValue>

const later = {
  tokenProvider: structural(SecretValue.describe('Not yet: which provider of tokens is asked (OAUTHBEARER).')),
  roleARN: structural(SecretValue.describe('Not yet: the role that tokens are asked for (OAUTHBEARER).')),
}

const named = (what: string): string => `has(self.${what}) && has(self.${what}.secretKeyRef)`

const saslRule: Rule = {
  rule: `!has(self.enable) || !self.enable || (${named('user')} && ${named('password')})`,
  message: 'needs user and password beside enable: true, each with secretKeyRef: {name, key}',
}
const certificateRule: Rule = {
  rule: `!has(self.enable) || !self.enable || (${named('cert')}) == (${named('key')})`,
  message: 'needs both cert and key for a client certificate, or neither',
}

const Sasl = z
  .strictObject({
    enable: z.boolean().optional().describe('Whether to sign in by SASL; default: false.'),
    user: SecretValue.optional().describe('Who signs in; secretKeyRef: {name, key}.'),
    password: SecretValue.optional().describe('The password; secretKeyRef: {name, key}.'),
    type: SecretValue.optional().describe(
      'The mechanism, PLAIN (default), SCRAM-SHA-256 or SCRAM-SHA-512; it stands in a Secret too, secretKeyRef: {name, key}.',
    ),
  })
  .superRefine(({ enable = false, user, password }, issue) => {
    if (enable && (user?.secretKeyRef === undefined || password?.secretKeyRef === undefined))
      issue.addIssue(saslRule.message)
  })
  .meta(crd({ later, rules: [saslRule] }))

const Tls = z
  .strictObject({
    enable: z.boolean().optional().describe('Whether to connect by TLS; default: false.'),
    cert: SecretValue.optional().describe('Our certificate, PEM, where the Kafka cluster asks for one.'),
    key: SecretValue.optional().describe('Its key, PEM: PKCS#1, PKCS#8 or SEC1.'),
    caCert: SecretValue.optional().describe('Authorities to trust, PEM; default: those of the system.'),
  })
  .superRefine(({ enable = false, cert, key }, issue) => {
    if (enable && (cert?.secretKeyRef === undefined) !== (key?.secretKeyRef === undefined))
      issue.addIssue(certificateRule.message)
  })
  .meta(crd({ rules: [certificateRule] }))

/** How to sign in to Kafka, with values that stand in Secrets of the same namespace. Neither enabled: as anybody, in plain text. */
export const KafkaNet = z.strictObject({
  sasl: Sasl.optional().describe('User and password.'),
  tls: Tls.optional().describe('Encryption, and certificates.'),
})
export type KafkaNet = z.infer<typeof KafkaNet>
