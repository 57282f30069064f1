/** What a condition is about, in words that a newcomer knows. By kind where the same type means different things. */
const meanings: Readonly<Record<string, string>> = {
  Ready: 'All of these hold',
  // Broker
  ConfigParsed: 'Its ConfigMap says where Kafka is, and is understood',
  TopicReady: 'Its topic is there',
  DataPlaneAvailable: 'An ingress takes its events',
  Addressable: 'It has an address',
  // Trigger
  BrokerReady: 'Its Broker is Ready',
  SubscriberResolved: 'Its subscriber has an address',
  DeadLetterSinkResolved: 'Its dead letter sink, if it has one, has an address',
  DependencyReady: 'The object that it depends on, if any, is Ready',
  SubscriptionReady: 'Dispatchers deliver its events',
  // SinkBinding, KafkaSource
  KafkaReady: 'It can sign in to Kafka',
  TopicsReady: 'Its topics are there',
  ConsumerGroup: 'Dispatchers read as its consumer group',
  OIDCIdentityCreated: 'It has the identity that it needs, if it needs one',
  SinkProvided: 'Its sink has an address',
  SinkBindingAvailable: 'Its subjects have the variables',
}

/** '' when we do not know. */
export function meaningOf(type: string): string {
  return meanings[type] ?? ''
}
