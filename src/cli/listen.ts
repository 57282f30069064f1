/** Every address of this machine, of IPv6 and of IPv4: which of them pods have is up to their cluster. */
export const everywhere = '::'

/** What a system says that knows no IPv6. */
const withoutIpv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])

/**
 * Opens a server at `host`; where that is `everywhere` and there is no IPv6, at every address of IPv4.
 * @param open does not keep anything when it throws
 */
export async function listenOn<T>(host: string, open: (host: string) => Promise<T>): Promise<T> {
  try {
    return await open(host)
  } catch (error) {
    if (host !== everywhere || !withoutIpv6.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    return open('0.0.0.0')
  }
}
