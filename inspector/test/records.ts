import type { Endpoint, TapRecord } from 'tauri-plugin-event-bus-api'
import type { Entry } from '../src/model/entry.js'
import { type Bounds, Store } from '../src/model/store.js'

export const HOST: Endpoint = { kind: 'host' }

export const page = (label: string): Endpoint => ({ kind: 'webview', label })

let newest = 0

/** The record of an event. */
export function event(name: string, more: Partial<TapRecord & { kind: 'event' }> = {}): TapRecord {
  newest += 1
  return { at: 1000 + newest, kind: 'event', seq: newest, name, source: HOST, routes: [], payload: null, ...more }
}

export function refused(name: string, more: Partial<TapRecord & { kind: 'refused' }> = {}): TapRecord {
  return { at: 5, kind: 'refused', action: 'emit', name, source: page('main'), code: 'denied', message: 'no', ...more }
}

export function storeOf(records: readonly TapRecord[], bounds?: Bounds): Store {
  const store = new Store(bounds)
  for (const record of records) add(store, record)
  return store
}

export function add(store: Store, record: TapRecord): Entry | undefined {
  const { at, ...rest } = record
  return store.add(JSON.stringify({ at, ...rest }))
}

export const names = (entries: Iterable<Entry>): string[] => [...entries].map(({ name }) => name)
