/**
 * Events between Rust and every page of a Tauri app, by way of `tauri-plugin-event-bus`: in one order, in
 * batches, and with a gap where something was lost.
 *
 * @module
 */

export type { Event, EventCallback, EventTarget, Options, UnlistenFn } from '@tauri-apps/api/event'
export {
  type Catalog,
  type ComponentDescription,
  catalog,
  type DeclaredEvent,
  type DeclaredRequest,
  type DescribedComponent,
} from './api/catalog.js'
export { type Component, component, type MessageOptions, type Namespace, namespace } from './api/component.js'
export { type Emit, type EmitOptions, type EmitTo, emit, emitTo, type Receipt } from './api/emit.js'
export { type EventStream, events, type StreamOptions } from './api/events.js'
export {
  type InspectedConsumer,
  type InspectedPage,
  type InspectedSubscription,
  type InspectedWebview,
  type Inspection,
  inspect,
  type Load,
} from './api/inspect.js'
export {
  getPeriodic,
  type JobOwner,
  listPeriodic,
  type MissedTicks,
  type Periodic,
  type PeriodicChanges,
  type PeriodicFailed,
  type PeriodicInfo,
  type PeriodicOptions,
  type PeriodicSource,
  type PeriodicStopped,
  pausePeriodic,
  resumePeriodic,
  type Schedule,
  startPeriodic,
  stopPeriodic,
  updatePeriodic,
} from './api/jobs.js'
export { listen, on, once, type PayloadHandler, unlisten } from './api/listen.js'
export { type RequestContext, type RequestOptions, type RespondOptions, request, respond } from './api/request.js'
export { type ErrorCode, EventBusError } from './core/error.js'
export type { ListenOptions, Subscription } from './core/subscription.js'
export type {
  ActionComplete,
  ActionFailed,
  BuiltInEvents,
  BuiltInEventsIn,
  Message,
  MessageLevel,
} from './types/built-in.js'
export {
  type BusEvent,
  type EventHandler,
  type EventSource,
  type Gap,
  type GapReason,
  isGap,
  type PeriodicTick,
} from './types/event.js'
// Only what a star exports can be augmented by apps under the name of the package.
export type * from './types/event-map.js'
export type * from './types/request-map.js'
export type { Target } from './types/target.js'
