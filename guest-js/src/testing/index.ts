/**
 * A bus in memory for an app's own tests, without Tauri.
 *
 * @module
 */

export { createTestBus } from './bus.js'
export type {
  EmittedEvent,
  TestBus,
  TestBusOptions,
  TestEmitOptions,
  TestPage,
  TestRequestOptions,
} from './types.js'
