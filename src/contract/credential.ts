import { z } from 'zod'

/** Where the controller keeps credentials for the workers. Workers may read Secrets here and nowhere else. */
export const credentialsNamespace = 'millrace-credentials'

/** The key in the data of such a Secret: a {@link Credential} as JSON. */
export const credentialKey = 'credential.json'

/** How to sign in to a Kafka cluster. The controller makes it of the user's Secrets, whatever form those have. */
export const Credential = z.strictObject({
  /** Present: the connection is TLS 1.2 or newer, and the name of the server is checked. */
  tls: z
    .strictObject({
      /** Authorities to trust, PEM; absent: those of the system. */
      ca: z.string().optional(),
      /** Our certificate and its key, PEM (PKCS#1, PKCS#8 or SEC1); both or none. */
      certificate: z.string().optional(),
      key: z.string().optional(),
    })
    .optional(),
  sasl: z
    .strictObject({
      mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
      username: z.string(),
      password: z.string(),
    })
    .optional(),
})
export type Credential = z.infer<typeof Credential>
