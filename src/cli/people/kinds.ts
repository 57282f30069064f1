import { didYouMean } from '../../core/edit-distance.ts'
import type { Resource } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import { UsageError } from '../flags.ts'

/** A kind that commands for people know. */
export interface PeopleKind {
  readonly resource: Resource
  /** Stands in the system namespace, and tells what the data plane was told. */
  readonly internal: boolean
}

const ofUsers: readonly PeopleKind[] = [kinds.broker, kinds.trigger, kinds.sinkBinding, kinds.kafkaSource].map(
  (resource) => ({ resource, internal: false }),
)

const ofWorkers: readonly PeopleKind[] = [kinds.inlet, kinds.outlet, kinds.worker].map((resource) => ({
  resource,
  internal: true,
}))

export const peopleKinds: readonly PeopleKind[] = [...ofUsers, ...ofWorkers]

/** What `all` means: what users write. */
export const kindsOfUsers = ofUsers

/** `brokers.eventing.knative.dev`. */
export function fullName({ plural, group }: Resource): string {
  return `${plural}.${group}`
}

/** Plurals, and `all`: what completion offers. */
export const kindWords: readonly string[] = [...peopleKinds.map(({ resource }) => resource.plural), 'all']

/**
 * The kinds that a word names: `trigger`, `triggers`, `Trigger`, `triggers.eventing.knative.dev`, several with commas, or `all`.
 * @throws UsageError with the one that was probably meant.
 */
export function kindsNamed(text: string): readonly PeopleKind[] {
  return text.split(',').flatMap((word) => (word.toLowerCase() === 'all' ? ofUsers : [kindNamed(word)]))
}

/** @throws UsageError as {@link kindsNamed}. */
export function kindNamed(word: string): PeopleKind {
  const found = peopleKinds.find(({ resource }) => namesOf(resource).includes(word.toLowerCase()))
  if (found !== undefined) return found
  const meant = didYouMean(word, kindWords)
  const hint = meant === null ? `there are ${kindWords.join(', ')}` : `did you mean ${meant}?`
  throw new UsageError(`there is no kind ${JSON.stringify(word)}; ${hint}`)
}

function namesOf({ plural, kind, group }: Resource): readonly string[] {
  const singular = kind.toLowerCase()
  return [plural, singular, `${plural}.${group}`, `${singular}.${group}`]
}

/** A kind and names: `trigger orders`, `trigger/orders`, or a kind alone. @throws UsageError */
export function objectsNamed(
  words: readonly string[],
): readonly { readonly kinds: readonly PeopleKind[]; readonly name?: string }[] {
  const [first = '', ...names] = words
  if (!first.includes('/')) {
    const kinds = kindsNamed(first)
    return names.length === 0 ? [{ kinds }] : names.map((name) => ({ kinds, name: nameAlone(name) }))
  }
  return words.map((word) => {
    const [kind = '', name = '', ...more] = word.split('/')
    if (name === '' || more.length > 0)
      throw new UsageError(`${JSON.stringify(word)} must be KIND/NAME, e.g. trigger/orders`)
    return { kinds: [kindNamed(kind)], name }
  })
}

function nameAlone(name: string): string {
  if (!name.includes('/')) return name
  throw new UsageError(`write either KIND NAME or KIND/NAME, not both: ${JSON.stringify(name)}`)
}
