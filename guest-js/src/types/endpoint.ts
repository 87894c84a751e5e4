/**
 * The host, which is the Rust side of the app, wherever an {@link Endpoint} or a {@link Target} is expected.
 *
 * @example
 * ```ts
 * import { emitTo, HOST, request } from 'tauri-plugin-event-bus-api'
 *
 * await emitTo(HOST, 'settings:changed', { theme: 'dark' })
 * const sum = await request<number>(HOST, 'sum', [1, 2, 3])
 * ```
 */
export const HOST: { readonly kind: 'host' } = /* @__PURE__ */ Object.freeze({ kind: 'host' })

/**
 * The source of an event, the caller of a request or the owner of a job: the host, the page in a webview, or another
 * node, over a link. The host sets it; a page cannot forge it. An endpoint is a {@link Target}, too, so `emitTo(event.source, …)` sends to the emitter.
 *
 * @example
 * ```ts
 * import { type Endpoint, listen } from 'tauri-plugin-event-bus-api'
 *
 * const describe = (source: Endpoint) => {
 *   if (source.kind === 'node') return `the node ${source.node}`
 *   return source.kind === 'host' ? 'the host' : `the page in ${source.label}`
 * }
 * listen('chat:message', ({ source }) => console.log('from', describe(source)))
 * ```
 */
export type Endpoint = { kind: 'host' } | { kind: 'webview'; label: string } | { kind: 'node'; node: string }
