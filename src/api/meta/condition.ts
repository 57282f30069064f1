/** What is known about one aspect of an object (Kubernetes condition). Types and reasons are closed unions per kind. */
export interface Condition<Type extends string = string, Reason extends string = string> {
  readonly type: Type
  readonly status: 'True' | 'False' | 'Unknown'
  /** CamelCase; '' when True needs no reason. */
  readonly reason: Reason | ''
  /** A sentence for people that says what to do next; '' when there is nothing to say. */
  readonly message: string
}

/** The condition that is computed from the others and never set. */
export type ReadyCondition<Reason extends string = string> = Condition<'Ready', Reason | 'NotYetKnown'>

/** A condition that holds. */
export function holds<Type extends string>(type: Type): Condition<Type, never> {
  return { type, status: 'True', reason: '', message: '' }
}

/** A condition that does not hold, and why. */
export function fails<Type extends string, Reason extends string>(
  type: Type,
  reason: Reason,
  message: string,
): Condition<Type, Reason> {
  return { type, status: 'False', reason, message }
}

/** A condition of which nothing is known yet, and what it waits for. */
export function waits<Type extends string, Reason extends string>(
  type: Type,
  reason: Reason,
  message: string,
): Condition<Type, Reason> {
  return { type, status: 'Unknown', reason, message }
}

/**
 * Ready from its dependents, as knative.dev/pkg has it: all True: True. Any False: False with the reason and message of the first of them.
 * Otherwise Unknown with those of the first that is Unknown; a dependent that is not there counts as Unknown.
 */
export function ready<Type extends string, Reason extends string>(
  dependents: readonly Type[],
  conditions: readonly Condition<Type, Reason>[],
): ReadyCondition<Reason> {
  const byType = new Map(conditions.map((condition) => [condition.type, condition]))
  const found = dependents.map((type) => byType.get(type) ?? waits(type, 'NotYetKnown', `${type} is not known yet`))
  const decisive = found.find(({ status }) => status === 'False') ?? found.find(({ status }) => status === 'Unknown')
  if (decisive === undefined) return holds('Ready')
  return { ...decisive, type: 'Ready' }
}
