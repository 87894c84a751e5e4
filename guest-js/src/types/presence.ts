import type { Usable } from './disposable.js'
import type { Subscription } from './subscription.js'

/**
 * A member of a room of presence.
 *
 * @example
 * ```ts
 * import { type Member, presence } from 'tauri-plugin-event-bus-api'
 *
 * const members: Member<{ user: string }>[] = await presence<{ user: string }>('doc:7').list()
 * console.log(members.map(({ label, state }) => `${state.user} in ${label ?? 'Rust'}`))
 * ```
 */
export interface Member<State = unknown> {
  /** The label of the webview whose page it is; `null` for the host. The host sets it, so no page can choose it. */
  label: string | null
  /** The key that tells several members of one page apart; empty by default. */
  key: string
  /** What it says of itself; of one that has left, the last of that. */
  state: State
}

/**
 * As which member a page joins a room.
 *
 * @example
 * ```ts
 * import { type JoinOptions, presence } from 'tauri-plugin-event-bus-api'
 *
 * const second: JoinOptions = { key: 'preview' }
 * await presence('doc:7').join({ cursor: 3 }, second)
 * ```
 */
export interface JoinOptions {
  /** Tells several members of one page apart, in at most 255 bytes; empty by default. */
  key?: string
}

/**
 * A room of presence, from {@link presence}.
 *
 * @example
 * ```ts
 * import { type Presence, presence } from 'tauri-plugin-event-bus-api'
 *
 * const room: Presence<{ user: string }> = presence('doc:7')
 * room.on('join', ({ state }) => console.log(state.user, 'is here'))
 * await room.join({ user: 'ada' })
 * room.stop()
 * ```
 */
export interface Presence<State = unknown> extends Usable {
  /**
   * Joins the room. The member lives through a reload within the grace of pages, if the page joins again, and ends with its
   * page.
   *
   * @throws {EventBusError} by rejection: `denied`, `invalid_event_name`, `invalid_payload`, `payload_too_large`, `queue_full`,
   * `rate_limited`, `unavailable`.
   */
  join(state: State, options?: JoinOptions): Promise<void>
  /** Says something else of a member of this page. Otherwise as `join`. */
  update(state: State, options?: JoinOptions): Promise<void>
  /** Leaves the room as one member. */
  leave(options?: JoinOptions): Promise<void>
  /** Everybody in the room whom a capability lets this page know of, itself and the host included. */
  list(): Promise<Member<State>[]>
  /**
   * Calls a function when a member joins, says something else of itself, or leaves. Those that are there already join at once.
   */
  on(change: 'join' | 'update' | 'leave', handler: (member: Member<State>) => unknown): Subscription
  /** Leaves the room as all members that joined through this, and watches it no more. */
  stop(): void
}
