/** Limits and addresses of the ingress. All have defaults but the address. */
export interface IngressOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Largest body in bytes. Default: 1 MiB less what the attributes and the record around them may take. Beyond it: 413. */
  readonly maxEventBytes?: number
  /** Largest body of a batch in bytes. Default 4 MiB; each of its events must keep the bound of one event too. Beyond it: 413. */
  readonly maxBatchBytes?: number
  /** Bound on the bytes of all requests that are not answered yet. Default 64 MiB. Beyond it: 429 before the body is read. */
  readonly maxBytesInFlight?: number
  /** From the first byte of a request to the end of its headers. Default 10,000 ms. Beyond it: 408. */
  readonly headersTimeoutMs?: number
  /** From the first byte of a request to the end of its body. Default 30,000 ms. Beyond it: 408. */
  readonly requestTimeoutMs?: number
  /** How long an idle connection stays open. Default 75,000 ms: longer than the usual 60 s of a load balancer, so that it closes first. */
  readonly keepAliveTimeoutMs?: number
  /** On closing: how long requests are still taken while /readyz already says no. Default 0; in a cluster about 1,000 ms. */
  readonly lameDuckMs?: number
}

export type Limits = Required<IngressOptions>

/** Largest head of a request in bytes, beyond it: 431. Bounds the attributes of an event too. */
export const maxHeadBytes = 16 * 1024

export function withDefaults(options: IngressOptions): Limits {
  return {
    maxEventBytes: 1024 * 1024 - maxHeadBytes,
    maxBatchBytes: 4 * 1024 * 1024,
    maxBytesInFlight: 64 * 1024 * 1024,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    keepAliveTimeoutMs: 75_000,
    lameDuckMs: 0,
    ...options,
  }
}
