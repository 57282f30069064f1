/** A page of metrics, as text: its samples by name and labels. */
export class MetricsPage {
  readonly text: string
  readonly #samples: readonly { readonly name: string; readonly labels: string; readonly value: number }[]

  constructor(text: string) {
    this.text = text
    this.#samples = text.split('\n').flatMap((line) => {
      const match = /^([a-z_:0-9]+)(?:\{(.*)\})? (\S+)$/i.exec(line)
      return match === null ? [] : [{ name: match[1] ?? '', labels: match[2] ?? '', value: Number(match[3]) }]
    })
  }

  static async at(url: string): Promise<MetricsPage> {
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
    return new MetricsPage(await answer.text())
  }

  /** The sum of all samples of this name whose labels contain all of these; undefined: there is none. */
  value(name: string, ...labels: readonly string[]): number | undefined {
    const found = this.#samples.filter((each) => each.name === name && labels.every((one) => each.labels.includes(one)))
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
  }

  /** Names of all families that have a sample or a header. */
  get families(): readonly string[] {
    return [...this.text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '')
  }

  /** Names of all labels in use. */
  get labels(): ReadonlySet<string> {
    return new Set(
      this.#samples.flatMap(({ labels }) => [...labels.matchAll(/(\w+)="/g)].map(([, name]) => name ?? '')),
    )
  }
}
