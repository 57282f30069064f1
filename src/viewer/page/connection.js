/**
 * The stream of events:
 *
 *     EventSource ─► hello (which run, the rates so far) ─► event, event, tick, event, missed …
 *         └ broken: the browser comes back by itself with the id of the last; refused: we do, with the same
 */
export class Connection {
  #on
  /** @type {EventSource | null} */
  #source = null
  #query = ''
  #lastId = ''
  #last = 0
  #run = ''
  #retry = 0

  /**
   * @param {{ hello(hello: object): void, event(event: object): void, missed(count: number): void, tick(tick: object): void,
   *   state(state: 'live' | 'lost'): void }} on
   */
  constructor(on) {
    this.#on = on
  }

  /**
   * From now on these events, from the oldest that is kept.
   * @param {URLSearchParams} query
   */
  open(query) {
    this.#query = query.toString()
    this.#lastId = ''
    this.#last = 0
    this.#join()
  }

  #join() {
    clearTimeout(this.#retry)
    this.#source?.close()
    const after = this.#lastId === '' ? '' : `&after=${encodeURIComponent(this.#lastId)}`
    const source = new EventSource(`events?${this.#query}${after}`)
    this.#source = source
    source.addEventListener('hello', (message) => {
      const hello = JSON.parse(message.data)
      if (hello.run !== this.#run) this.#last = 0
      this.#run = hello.run
      this.#on.state('live')
      this.#on.hello(hello)
    })
    source.addEventListener('message', (message) => this.#take(message))
    source.addEventListener('missed', (message) => this.#on.missed(JSON.parse(message.data).count))
    source.addEventListener('tick', (message) => {
      this.#lastId = message.lastEventId
      this.#on.tick(JSON.parse(message.data))
    })
    source.addEventListener('error', () => {
      if (source !== this.#source) return
      this.#on.state('lost')
      if (source.readyState === EventSource.CLOSED) this.#retry = setTimeout(() => this.#join(), 1_000)
    })
  }

  /** @param {MessageEvent<string>} message */
  #take(message) {
    if (message.lastEventId !== '') this.#lastId = message.lastEventId
    const event = JSON.parse(message.data)
    // After a break the last ones may come again.
    if (event.number <= this.#last) return
    this.#last = event.number
    event.run = this.#run
    this.#on.event(event)
  }
}
