import { currentWay } from './transport.js'

/** What the plugin's initialization script says of compatible mode. */
export interface CompatibleParts {
  /** Listeners are registered in core, too. */
  readonly core: boolean
  /** Payloads are written as Tauri's `invoke` does. */
  readonly values: boolean
}

/** What Tauri and the plugin leave on the window, as far as it matters here. */
interface Page {
  readonly __TAURI_INTERNALS__?: {
    readonly __TAURI_PATTERN__?: { readonly pattern?: string }
    readonly metadata?: { readonly currentWebview?: { readonly label: string } }
  }
  readonly __TAURI_EVENT_BUS_INTERNALS__?: { readonly compatible?: CompatibleParts | null }
}

/** Marks the internals that a test bus has put in the place of Tauri's. */
export const TEST_BUS = Symbol.for('tauri-plugin-event-bus/testing')

function page(): Page {
  return typeof window === 'undefined' ? {} : (window as unknown as Page)
}

/** Whether the plugin's initialization script has run in this page. */
export function hasInitializationScript(): boolean {
  return '__TAURI_EVENT_BUS_INTERNALS__' in page()
}

/** The parts of compatible mode that are on in this page; `null` without the mode. */
export function compatibleParts(): CompatibleParts | null {
  return page().__TAURI_EVENT_BUS_INTERNALS__?.compatible ?? null
}

/** The label of this page's webview. */
export function ownLabel(): string {
  return currentWay()?.label ?? page().__TAURI_INTERNALS__?.metadata?.currentWebview?.label ?? ''
}

/** Whether messages to the host pass the hook of Tauri's isolation pattern. */
export function isIsolated(): boolean {
  return page().__TAURI_INTERNALS__?.__TAURI_PATTERN__?.pattern === 'isolation'
}

/** Whether a test has mocked Tauri's IPC: Tauri defines `invoke` as not writable, and mocks assign it. */
export function isMocked(): boolean {
  const internals = page().__TAURI_INTERNALS__
  if (!internals || TEST_BUS in internals) return false
  return Object.getOwnPropertyDescriptor(internals, 'invoke')?.writable === true
}

/** What a test with mocked IPC has to write. */
export const MOCKED =
  "Tauri's IPC is mocked here, without the event bus: import { createTestBus } from " +
  "'tauri-plugin-event-bus-api/testing' and write const bus = createTestBus() before the code that is tested"
