/**
 * The Rust side of the app, wherever an {@link Endpoint} or a {@link Target} is expected.
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
 * Where an event or a request comes from, or who owns a job: the Rust side of the app, or a webview. The host sets it; a
 * page cannot forge it. An endpoint is a {@link Target}, too, so `emitTo(event.source, …)` answers the sender.
 *
 * @example
 * ```ts
 * import { type Endpoint, listen } from 'tauri-plugin-event-bus-api'
 *
 * const describe = (source: Endpoint) => (source.kind === 'host' ? 'Rust' : `the page in ${source.label}`)
 * listen('chat:message', ({ source }) => console.log('from', describe(source)))
 * ```
 */
export type Endpoint = { kind: 'host' } | { kind: 'webview'; label: string }
