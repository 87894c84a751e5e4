import type { Batch } from '../core/batch.js'
import type { ErrorCode } from '../types/error-code.js'

/** Marks the messages with which a page and a member find each other. */
export const KEY = 'tauri-plugin-event-bus'

/** Changes whenever a page could not understand a member that has another one. */
export const MEMBER_VERSION = 2

/** What a member posts to a page, with its port. */
export interface Hello {
  readonly [KEY]: 'hello'
  readonly version: number
  /** 128 random bits, one id for each realm. */
  readonly id: string
  /** The name of a Web Lock that it holds as long as it lives. */
  readonly lock?: string | undefined
  /** The number of the link, where its page may post to the worker itself. That is faster than a port in WebKit. */
  readonly link?: number | undefined
}

/** What a page posts to a worker itself, instead of over the port of this link. */
export interface Posted {
  readonly [KEY]: 'posted'
  readonly link: number
  readonly message: ToMember
}

/** What a page posts to a member that may not have been there before. */
export interface Invite {
  readonly [KEY]: 'invite'
}

/** How a page introduces itself over the port. */
export interface Welcome {
  /** The source of what the member emits, such as `worker:indexer`. */
  readonly name: string
  /** The label of the page. */
  readonly label: string
  /** The name of a Web Lock that the page holds as long as it lives. */
  readonly lock?: string | undefined
}

/** An error without its class. */
export interface PlainError {
  readonly code: ErrorCode
  readonly message: string
  readonly retryAfterMs?: number | undefined
  readonly failure?: { readonly name: string; readonly message: string; readonly stack?: string | undefined }
}

/** What a member sends over its port. */
export type ToPage =
  | { readonly call: number; readonly command: string; readonly args: Record<string, unknown> }
  | { readonly done: number; readonly responses?: readonly unknown[] }
  | { readonly busy: number; readonly responses?: readonly unknown[] }
  | { readonly bye: true }

/** What a page sends over the port of a member. */
export type ToMember =
  | { readonly welcome: Welcome }
  | { readonly refusal: string }
  | { readonly reply: number; readonly value?: unknown; readonly error?: PlainError }
  | { readonly batch: Batch; readonly number: number; readonly texts?: readonly [item: number, text: string][] }
  | { readonly refused: readonly PlainError[] }
  | { readonly bye: true }

const KINDS = ['hello', 'invite', 'posted'] as const

/** Reads a message that comes without a port of its own; `undefined` if the bus has not sent it. */
export function kindOf(data: unknown): (typeof KINDS)[number] | undefined {
  const kind = typeof data === 'object' && data !== null ? (data as Partial<Hello | Invite | Posted>)[KEY] : undefined
  return KINDS.find((known) => known === kind)
}

/** 128 random bits as hexadecimal digits. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
