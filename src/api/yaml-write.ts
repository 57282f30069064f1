import { stringify } from 'yaml'

/** A value as YAML that every reader of Kubernetes takes alike: words that YAML 1.1 reads as booleans are quoted, nothing is an alias. */
export function toYaml(value: unknown): string {
  return stringify(value, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 120 })
}
