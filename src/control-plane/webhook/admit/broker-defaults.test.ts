import { describe, expect, test } from 'vitest'
import { brokerDefaults } from './broker-defaults.ts'

const from = (yaml: string) => brokerDefaults({ 'default-br-config': yaml })

const shippedByKnative = `
clusterDefault:
  brokerClass: MTChannelBasedBroker
  apiVersion: v1
  kind: ConfigMap
  name: config-br-default-channel
  namespace: knative-eventing
  delivery: { retry: 10, backoffPolicy: exponential, backoffDelay: PT0.2S }
`
const layered = `
clusterDefault:
  brokerClass: Kafka
  name: of-cluster
  namespace: knative-eventing
  delivery: { retry: 1, timeout: PT5S, format: binary }
  brokerClasses:
    Kafka: { name: of-cluster-class, namespace: knative-eventing, disallowDifferentNamespaceConfig: true }
namespaceDefaults:
  shop: { brokerClass: Kafka, name: of-shop }
  other: { brokerClass: MTChannelBasedBroker, name: channels, delivery: { retry: 9 } }
  both: { brokerClass: MTChannelBasedBroker, name: channels, brokerClasses: { Kafka: { name: of-both } } }
`

describe('what a Broker gets that says nothing', () => {
  test('without the ConfigMap: class Kafka and nothing else', () => {
    const defaults = brokerDefaults(undefined)
    expect(defaults.classIn('shop')).toBe('Kafka')
    expect(defaults.configIn('shop')).toBeUndefined()
    expect(defaults.deliveryIn('shop')).toBeUndefined()
    expect(defaults.mayConfigElsewhere('shop')).toBe(true)
    expect(defaults.complaint).toBeNull()
  })

  test('with that of Knative: its class is honoured, its channels are not for ours', () => {
    const defaults = from(shippedByKnative)
    expect(defaults.classIn('shop')).toBe('MTChannelBasedBroker')
    expect(defaults.configIn('shop')).toBeUndefined()
    expect(defaults.deliveryIn('shop')).toBeUndefined()
  })

  test.each([
    ['shop', 'Kafka', 'shop/of-shop'],
    ['elsewhere', 'Kafka', 'knative-eventing/of-cluster-class'],
    ['other', 'MTChannelBasedBroker', 'knative-eventing/of-cluster-class'],
    ['both', 'MTChannelBasedBroker', 'both/of-both'],
    ['constructor', 'Kafka', 'knative-eventing/of-cluster-class'],
  ])('in namespace %s: class %s, config %s', (namespace, brokerClass, config) => {
    const defaults = from(layered)
    expect(defaults.classIn(namespace)).toBe(brokerClass)
    const found = defaults.configIn(namespace)
    expect(`${found?.namespace}/${found?.name}`).toBe(config)
    expect(found).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' })
  })

  test('a default delivery keeps all its fields, timeout and format too', () => {
    expect(from(layered).deliveryIn('shop')).toEqual({ retry: 1, timeout: 'PT5S', format: 'binary' })
    expect(from(layered).deliveryIn('other')).toEqual({ retry: 1, timeout: 'PT5S', format: 'binary' })
  })

  test('a ConfigMap of another namespace can be forbidden', () => {
    expect(from(layered).mayConfigElsewhere('shop')).toBe(false)
  })

  test.each([
    ['clusterDefault: [', 'the YAML is broken'],
    ['clusterDefault: {brokerClass: 3}', 'clusterDefault.brokerClass'],
    ['clusterDefault: {delivery: {retry: -1}}', 'clusterDefault.delivery.retry'],
    ['[]', 'expected'],
  ])('%s is ignored, and said', (yaml, complaint) => {
    const defaults = from(yaml)
    expect(defaults.classIn('shop')).toBe('Kafka')
    expect(defaults.complaint).toContain(complaint)
  })
})
