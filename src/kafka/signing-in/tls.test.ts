import { expect, it } from 'vitest'
import { tlsFault, tlsOptions } from './tls.ts'

it('names a server by its name, and not by an address', () => {
  expect(tlsOptions({}, 'kafka.example')).toMatchObject({ servername: 'kafka.example', minVersion: 'TLSv1.2' })
  for (const address of ['10.0.0.1', '::1', 'fe80::1']) expect(tlsOptions({}, address)).not.toHaveProperty('servername')
})

it('trusts those of the system unless others are given', () => {
  expect(tlsOptions({}, 'kafka')).not.toHaveProperty('ca')
  const ca = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n'
  expect(tlsOptions({ ca }, 'kafka')).toMatchObject({ ca })
})

it.each([
  [{ ca: 'nothing' }, /authorities to trust cannot be read/],
  [{ certificate: 'x' }, /certificate without its key/],
  [{ key: 'x' }, /key without its certificate/],
  [{ certificate: 'x', key: 'x' }, /certificate cannot be read/],
])('refuses %o before it connects', (tls, message) => {
  expect(() => tlsOptions(tls, 'kafka')).toThrow(
    expect.objectContaining({ code: 'TlsFailed', message: expect.stringMatching(message) }),
  )
})

it.each([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'x', /signed by none of the system's authorities/],
  ['CERT_HAS_EXPIRED', 'x', /has expired/],
  ['CERT_NOT_YET_VALID', 'x', /clock/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', "Host: a. is not in the cert's altnames: DNS:b", /another name .*DNS:b/],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'x', /TLS 1\.2/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'x', /no TLS on this port/],
  [
    'ECONNRESET',
    'Client network socket disconnected before secure TLS connection was established',
    /no TLS on this port/,
  ],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'x', /asks for a client certificate/],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'x', /asks for a client certificate/],
  ['ERR_SSL_SOMETHING_NEW', 'what it is', /what it is/],
])('says of %s what to do', (code, message, why) => {
  const fault = tlsFault(Object.assign(new Error(message), { code }), 'kafka:9093', {})
  expect(fault).toMatchObject({ code: 'TlsFailed', message: expect.stringMatching(why) })
  expect(fault?.message).toContain('kafka:9093')
})

it('says of our certificate that it is not taken, and of authorities that were given that they did not sign', () => {
  const error = (code: string) => Object.assign(new Error('x'), { code })
  const alert = error('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')
  expect(tlsFault(alert, 'k', { certificate: 'c', key: 'k' })?.message).toMatch(
    /does not accept our client certificate \(unknown ca\)/,
  )
  expect(tlsFault(error('CERT_SIGNATURE_FAILURE'), 'k', { ca: 'c' })?.message).toMatch(/authority that was given/)
})

it.each(['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'ECONNRESET', ''])('has nothing to say of %s', (code) => {
  expect(tlsFault(Object.assign(new Error('x'), { code }), 'kafka:9093', {})).toBeNull()
})
