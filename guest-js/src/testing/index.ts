/**
 * A bus in memory for an app's own tests, without Tauri.
 *
 * @module
 */

// An app that exports functions of a test bus names these in its declarations.
export type {
  EventArguments,
  EventPayload,
  NameOf,
  PartPayload,
  RequestPayload,
  RequestPayloadArguments,
  ResponsePayload,
} from '../types/map.js'
export { createTestBus } from './bus.js'
export type { Replay, ReplayDifference, ReplayedEvent, ReplayOptions } from './compare.js'
export { parseRecording, type Recording } from './recording.js'
export type {
  EmittedEvent,
  TestBus,
  TestBusOptions,
  TestChannel,
  TestEmitHandledOptions,
  TestEmitOptions,
  TestPage,
  TestRequestOptions,
  TestStreamRequestOptions,
  TestTask,
} from './types.js'
