/**
 * The event bus in a frame of any origin, through the page that embeds it.
 *
 * @module
 */

import { EventBusError } from './core/error.js'
import { type Exposed, Gate } from './members/gate.js'
import { type Connection, join, type Member } from './members/member.js'
import { type Hello, kindOf } from './members/messages.js'
import type { Allowed } from './members/rights.js'

export type { Exposed } from './members/gate.js'
export type { Connection } from './members/member.js'
export type { Allowed } from './members/rights.js'

/** How many entries a frame may send in a second, unless its page says otherwise. */
const MAX_PER_SECOND = 100

/** How long a frame waits before it knocks again, in milliseconds: at first, and at most. */
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 5_000

/**
 * Which document of a frame may use the bus, and for what. A list that is left out allows nothing.
 *
 * @example
 * ```ts
 * import { expose, type ExposeOptions } from 'tauri-plugin-event-bus-api/frame'
 *
 * const options: ExposeOptions = { origin: 'https://chat.example', name: 'chat', listen: ['chat:*'], emit: ['chat:sent'] }
 * expose(document.querySelector('iframe')!, options)
 * ```
 */
export interface ExposeOptions extends Allowed {
  /** The origins whose documents are let in, such as `https://chat.example`. That of a sandboxed frame is `null`, as text. */
  origin: string | readonly string[]
  /** The name of the frame: 1 to 64 letters, digits and `- _ .`; a number by default. Its source is `frame:<name>`. */
  name?: string
  /**
   * How many events, requests, subscriptions and responders it may send in a second, and twice as many at once; 100 by default. Its
   * payloads may have 1 MiB in a second.
   */
  maxPerSecond?: number
  /** Takes the bus away from the frame when it aborts. */
  signal?: AbortSignal
}

/**
 * Which pages a frame trusts.
 *
 * @example
 * ```ts
 * import { connect, type ConnectOptions } from 'tauri-plugin-event-bus-api/frame'
 *
 * const options: ConnectOptions = { origin: ['tauri://localhost', 'http://tauri.localhost'] }
 * connect(options)
 * ```
 */
export interface ConnectOptions {
  /** The origins of the pages that may embed it; its own by default. */
  origin?: string | readonly string[]
}

/**
 * Passes the event bus of this page on to a frame, whose document calls {@link connect}. It may do what the lists name, and
 * nothing else. What it emits has the component `frame:<name>`.
 *
 * @throws {EventBusError} `unavailable` where this page has no bus; `invalid_argument` for an origin or a name that is invalid, or a
 * name in use; `invalid_pattern` and `invalid_event_name` for an entry of a list.
 *
 * @example
 * ```ts
 * import { expose } from 'tauri-plugin-event-bus-api/frame'
 *
 * const frame = document.createElement('iframe')
 * frame.src = 'https://chat.example/embed.html'
 * expose(frame, { origin: 'https://chat.example', name: 'chat', listen: ['chat:*'], emit: ['chat:sent'] })
 * document.body.append(frame)
 * ```
 */
export function expose(frame: HTMLIFrameElement, options: ExposeOptions): Exposed {
  const { origin, name, maxPerSecond = MAX_PER_SECOND, signal, ...allowed } = options
  const origins = originsOf(origin)
  const receive = (event: MessageEvent<Hello>) => {
    const { source, data, ports } = event
    // Another frame may send the same, and so may this one after it has gone elsewhere.
    if (!source || source !== frame.contentWindow || !origins.includes(event.origin)) return
    if (kindOf(data) !== 'hello') return
    event.stopImmediatePropagation()
    // Locks belong to an origin.
    gate.admit(event.origin === globalThis.origin ? data : { ...data, lock: undefined }, ports[0])
  }
  const gate: Gate = new Gate({
    kind: 'frame',
    name,
    allowed,
    perSecond: maxPerSecond,
    signal,
    hasLocks: true,
    isGone: () => !frame.isConnected,
    closed: () => removeEventListener('message', receive),
  })
  if (signal?.aborted) gate.stop()
  else addEventListener('message', receive)
  return gate
}

/**
 * Connects this frame to the bus of the page that embeds it, which has called {@link expose}. From then on the package works
 * here as it does in the page, as far as the page allows. Calls that are made before the page is there wait for it.
 *
 * @throws {EventBusError} by rejection: `denied` where the page is of another origin, as far as the browser tells;
 * `invalid_argument` where there is no page around, or for an invalid origin; `unavailable` where the page has another version of
 * this package.
 *
 * @example
 * ```ts
 * import { emit, listen } from 'tauri-plugin-event-bus-api'
 * import { connect } from 'tauri-plugin-event-bus-api/frame'
 *
 * connect({ origin: ['tauri://localhost', 'http://tauri.localhost'] })
 * listen('chat:*', (event) => console.log(event.payload))
 * emit('chat:sent', { text: 'hello' })
 * ```
 */
export function connect({ origin = globalThis.origin }: ConnectOptions = {}): Promise<Connection> {
  let origins: readonly string[]
  try {
    origins = trustedOrigins(origin)
  } catch (error) {
    return Promise.reject(error)
  }
  const { parent } = window
  // Where none of them is the parent's, the browser delivers nothing.
  const post = (hello: Hello, port: MessagePort, target: string) => parent.postMessage(hello, target, [port])
  const knock = (member: Member) => {
    for (const target of origins) void member.knock((hello, port) => post(hello, port, target))
  }
  let isLeft = false
  const knockUntilLinked = (member: Member, wait = FIRST_WAIT_MS) => {
    if (member.isLinked || isLeft) return
    knock(member)
    setTimeout(() => knockUntilLinked(member, Math.min(wait * 2, LONGEST_WAIT_MS)), wait)
  }
  return join(
    (member) => {
      addEventListener('pagehide', ({ persisted }) => {
        if (persisted) return
        isLeft = true
        member.leave()
      })
      knockUntilLinked(member)
    },
    (member) => knockUntilLinked(member),
  )
}

/** The origins to knock at: those that are trusted, and only that of the page where the browser tells it. */
function trustedOrigins(origin: string | readonly string[]): readonly string[] {
  if (window.parent === window) {
    throw new EventBusError('invalid_argument', 'connect() of /frame is for a page in a frame, and this one is in none')
  }
  const origins = originsOf(origin)
  if (origins.includes('null')) {
    throw new EventBusError('invalid_argument', 'this frame has no origin of its own: give connect() that of its page')
  }
  const page = location.ancestorOrigins?.[0]
  if (page === undefined) return origins
  if (origins.includes(page)) return [page]
  const trusted = origins.join(', ')
  throw new EventBusError('denied', `the page around this frame is of ${page}, and connect() trusts ${trusted}`)
}

function originsOf(origin: string | readonly string[]): readonly string[] {
  const origins = typeof origin === 'string' ? [origin] : origin
  if (!Array.isArray(origins) || origins.length === 0) {
    throw new EventBusError('invalid_argument', 'an origin is missing: expected text such as "https://chat.example"')
  }
  const wrong = origins.find((one) => one !== 'null' && !/^[a-z][\w+.-]*:\/\/[^/?#*]+$/.test(one))
  if (wrong !== undefined) {
    const text = `invalid origin ${JSON.stringify(wrong)}: expected a scheme and a host, such as "https://chat.example"`
    throw new EventBusError('invalid_argument', text)
  }
  return origins
}
