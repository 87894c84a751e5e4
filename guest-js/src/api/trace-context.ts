import { setTrace } from '../core/realm.js'

/**
 * Sets what tells the trace that this page is in, as `traceparent` of W3C Trace Context spells it. What the page emits and
 * requests carries it, so that a trace goes on in Rust and in other pages, where `event.traceparent` and
 * `context.traceparent` have it. Without an argument nothing tells it any more.
 *
 * The function is called at each `emit` and `request`. Where it returns `undefined`, what a handler emits has the trace of
 * what it handles. A text of another shape, or what the function throws, is reported (`reportError`), and costs the trace
 * alone.
 *
 * @example
 * ```ts
 * import { emit, listen, setTraceContext } from 'tauri-plugin-event-bus-api'
 *
 * let current: string | undefined
 * setTraceContext(() => current)
 *
 * current = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
 * await emit('order:created', 7)
 * listen('order:paid', ({ traceparent }) => console.log(traceparent))
 * ```
 */
export function setTraceContext(current?: () => string | undefined): void {
  setTrace(current)
}
