import type { Member } from '../types/presence.js'
import { type PayloadText, readPayload } from './payload.js'

/** An entry of `presence`. */
export interface PresenceEntry {
  room: string
  key?: string
  state?: PayloadText
  left?: boolean
}

/** The members of the rooms of presence. */
export class TestPresence {
  private readonly rooms = new Map<string, Map<string, Member>>()

  /** `tell` gets the name of an event and its payload. */
  constructor(private readonly tell: (event: string, payload: unknown) => void) {}

  change(label: string | null, { room, key = '', state, left }: PresenceEntry): Record<string, never> {
    const members = this.rooms.get(room) ?? new Map<string, Member>()
    this.rooms.set(room, members)
    const id = JSON.stringify([label, key])
    const before = members.get(id)
    const event = `event-bus:presence:${room}`
    if (left) {
      if (members.delete(id)) this.tell(event, { left: [{ label, key }] })
      return {}
    }
    const member = { label, key, state: readPayload(state) }
    members.set(id, member)
    if (!before) this.tell(event, { joined: [member] })
    else if (JSON.stringify(before.state) !== JSON.stringify(member.state)) this.tell(event, { updated: [member] })
    return {}
  }

  /** All members of the room whose events have this name; `undefined` for another event. */
  snapshot(event: string): { members: Member[] } | undefined {
    const room = event.startsWith('event-bus:presence:') ? event.slice('event-bus:presence:'.length) : ''
    return room === '' ? undefined : { members: [...(this.rooms.get(room)?.values() ?? [])] }
  }

  /** The page with this label is gone. */
  leave(label: string): void {
    for (const [room, members] of this.rooms) {
      for (const { label: own, key } of [...members.values()]) {
        if (own === label) this.change(label, { room, key, left: true })
      }
    }
  }
}
