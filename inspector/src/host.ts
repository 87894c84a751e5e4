import { invoke } from '@tauri-apps/api/core'
import type { Endpoint, Inspection, PageInfo, Target } from 'tauri-plugin-event-bus-api'

/** A request that has no response yet. */
export interface RequestInFlight {
  request: string
  name: string
  caller: Endpoint
  responder: Endpoint
  ageMs: number
  dueInMs: number | null
  isStream: boolean
  isWaiting: boolean
}

/** What the host tells of the bus as it is now. */
export interface Snapshot {
  app: { name: string; version: string }
  at: number
  inspection: Inspection
  pages: PageInfo[]
  requestCount: number
  requests: RequestInFlight[]
  /** Lines of records; `null` unless they were asked for. */
  retained: string[] | null
  declared: { events: string[]; requests: string[] }
}

/** What can be done by hand. */
export type Act =
  | { kind: 'emit'; event: string; payload?: string; to?: Target; retain?: boolean }
  | { kind: 'request'; name: string; payload?: string; to?: Target; timeoutMs?: number }
  | { kind: 'pauseJob' | 'resumeJob' | 'runJob'; owner: Endpoint; id: string }
  | { kind: 'clearRetained'; event: string }

const TOKEN = (window as { __EVENT_BUS_INSPECTOR__?: string }).__EVENT_BUS_INSPECTOR__ ?? ''

const options = { headers: { 'Event-Bus-Inspector': TOKEN } }

const decoder = new TextDecoder()

/** Sends a command, and returns the text of its reply. Bytes come as a list where Tauri's IPC fell back to messages. */
async function send(command: string, args: Record<string, unknown> | Uint8Array): Promise<string> {
  const reply = await invoke<ArrayBuffer | number[]>(`plugin:event-bus|${command}`, args, options)
  return decoder.decode(Array.isArray(reply) ? new Uint8Array(reply) : reply)
}

/** The number of a text of records, and the text. */
export async function records(tap: string, after: number): Promise<{ number: number; text: string }> {
  const reply = await send('inspector_records', { tap, after })
  const end = reply.indexOf('\n')
  return { number: JSON.parse(reply.slice(0, end)).number, text: reply.slice(end + 1) }
}

/** The text of a {@link Snapshot}, with retained events or without. */
export function snapshot(retained: boolean): Promise<string> {
  return send('inspector_state', { retained })
}

export async function act(what: Act): Promise<unknown> {
  return JSON.parse(await send('inspector_act', { act: what }))
}

/** Sends a request by hand. Its response is the line of a record. */
export function request(what: Act & { kind: 'request' }): Promise<string> {
  return send('inspector_act', { act: what })
}

export async function exported(text: string): Promise<{ path: string; records: number }> {
  return JSON.parse(await send('inspector_export', new TextEncoder().encode(text)))
}

/** The message of whatever a command was rejected with. */
export function messageOf(error: unknown): string {
  if (typeof error === 'string') return error
  const { code, message } = Object(error) as { code?: string; message?: string }
  return code === undefined ? String(message ?? error) : `${code}: ${message}`
}
