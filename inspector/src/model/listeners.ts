import type { Inspection } from 'tauri-plugin-event-bus-api'
import { type Entry, type LaneKey, laneName } from './entry.js'
import { matches } from './pattern.js'
import type { Store } from './store.js'

/** Why a page has not got an event. */
export interface Missing {
  lane: LaneKey
  why: string
  /** The entry of a capability that would change it. */
  permission?: string
}

/** The patterns of these subscriptions, as far as they still exist. */
export function patternsOf(inspection: Inspection | undefined, lane: LaneKey, ids: readonly number[]): string[] {
  const wanted = new Set(ids)
  return subscriptionsOf(inspection, lane)
    .filter(({ id }) => wanted.has(id))
    .map(({ event }) => event)
}

function subscriptionsOf(inspection: Inspection | undefined, lane: LaneKey) {
  if (lane === 'host') return inspection?.consumers.flatMap(({ subscriptions }) => subscriptions) ?? []
  const webview = inspection?.webviews.find(({ label }) => `page:${label}` === lane)
  return webview?.page?.subscriptions ?? []
}

/** The pages and the host that have not got an event, and why, as far as that is known. */
export function missingOf(store: Store, inspection: Inspection | undefined, entry: Entry): Missing[] {
  const lanes: LaneKey[] = ['host', ...(inspection?.webviews.map(({ label }) => `page:${label}`) ?? [])]
  const got = new Set(entry.ways.map(({ lane }) => lane))
  return lanes.filter((lane) => !got.has(lane)).map((lane) => whyMissing(store, inspection, entry, lane))
}

function whyMissing(store: Store, inspection: Inspection | undefined, entry: Entry, lane: LaneKey): Missing {
  const refusal = [...store.refusals].findLast(
    ({ action, lane: own, name }) => action === 'listen' && own === lane && matches(name, entry.name),
  )
  if (refusal) {
    const why = `its listener was refused: ${refusal.message ?? refusal.code ?? ''}`
    return { lane, why, permission: permissionIn(refusal.message ?? '') }
  }
  if (entry.keptFor.some((label) => `page:${label}` === lane)) {
    return { lane, why: 'its page had not started; the event was kept for it' }
  }
  const listens = subscriptionsOf(inspection, lane).some(({ event }) => matches(event, entry.name))
  if (listens && entry.to !== undefined) return { lane, why: `the event was sent to ${entry.to}` }
  if (listens && entry.except !== undefined) return { lane, why: `the event was sent to all except ${entry.except}` }
  if (listens) return { lane, why: 'its listener came later, or its permission does not let it receive this event' }
  const webview = inspection?.webviews.find(({ label }) => `page:${label}` === lane)
  if (lane !== 'host' && webview && webview.page === null) return { lane, why: 'its page does not use the bus' }
  return { lane, why: `${laneName(lane)} has no listener for it` }
}

/** The entry of a capability that a refusal names. */
export function permissionIn(message: string): string | undefined {
  const start = message.indexOf('{', message.indexOf('To allow it, add '))
  if (!message.includes('To allow it, add ') || start < 0) return undefined
  let [depth, isText] = [0, false]
  for (let at = start; at < message.length; at += 1) {
    const character = message[at]
    if (isText) {
      if (character === '\\') at += 1
      else if (character === '"') isText = false
    } else if (character === '"') isText = true
    else if (character === '{') depth += 1
    else if (character === '}') {
      depth -= 1
      if (depth === 0) return message.slice(start, at + 1)
    }
  }
  return undefined
}
