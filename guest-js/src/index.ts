/**
 * Broadcast, targeted and periodic events, and requests, between Rust and the pages of a Tauri app, through
 * `tauri-plugin-event-bus`: ordered, batched, with a gap where something was lost.
 *
 * @module
 */

export type { Event, EventCallback, EventTarget, Options, UnlistenFn } from '@tauri-apps/api/event'
export { isAvailable } from './api/available.js'
export { catalog } from './api/catalog.js'
export { clearRetained } from './api/clear-retained.js'
export { compatReport } from './api/compat-report.js'
export { component, namespace } from './api/component.js'
export { emitAfter, emitAt } from './api/delayed.js'
export { emit, emitTo } from './api/emit.js'
export { emitHandled } from './api/emit-handled.js'
export { events } from './api/events.js'
export { inspect } from './api/inspect.js'
export { getJob, listJobs, startJob } from './api/jobs.js'
export { listen, on, once, unlisten } from './api/listen.js'
export { openChannel } from './api/open-channel.js'
export { deferReady, pages, ready, waitUntilReady } from './api/pages.js'
export { presence } from './api/presence.js'
export { request, respond } from './api/request.js'
export { requestStream } from './api/request-stream.js'
export { respondStream } from './api/respond-stream.js'
export { tap } from './api/tap.js'
export { attachTask, listTasks, startTask } from './api/tasks.js'
export { setTraceContext } from './api/trace-context.js'
export { waitFor } from './api/wait-for.js'
export { will } from './api/will.js'
export { EventBusError } from './core/error.js'
export type {
  ActionComplete,
  ActionFailed,
  BuiltInEvents,
  BuiltInEventsIn,
  Message,
  MessageLevel,
} from './types/built-in.js'
export type {
  Catalog,
  ComponentDescription,
  DeclaredChannel,
  DeclaredEvent,
  DeclaredRequest,
  DeclaredStream,
  DescribedComponent,
} from './types/catalog.js'
// Apps can augment only what a star exports under the name of the package.
export * from './types/channel-map.js'
export type { CompatNote, CompatReport } from './types/compat.js'
export type { Component, MessageOptions, Namespace } from './types/component.js'
export type { Emit, EmitOptions, EmitTo, Receipt } from './types/emit.js'
export { type Endpoint, HOST } from './types/endpoint.js'
export type { ErrorCode } from './types/error-code.js'
export type { BusEvent, EventHandler, PayloadHandler } from './types/event.js'
export * from './types/event-map.js'
export type { EventOf, PayloadOf } from './types/event-of.js'
export { type Gap, type GapReason, isGap } from './types/gap.js'
export type {
  ConsumerInspection,
  DeliveryFilter,
  Inspection,
  LinkStatus,
  PageInspection,
  QueueUsage,
  StreamInspection,
  SubscriptionInspection,
  WebviewInspection,
} from './types/inspection.js'
export type {
  EmitAfterOptions,
  EmitAtOptions,
  FixedPayload,
  Job,
  JobChanges,
  JobOptions,
  JobSchedule,
  JobSelector,
  JobSource,
} from './types/job.js'
export type { JobFailed, JobInfo, JobStopped, MissedTickBehavior, Tick } from './types/job-info.js'
// An app that exports functions of the package names these in its declarations.
export type {
  NameThatFitsHandlerAndOptions,
  OtherChannel,
  OtherName,
  OtherRequest,
  OtherStream,
  ThePayloadOfThisEventIsMissingOrWrong,
} from './types/name-kind.js'
export type {
  ChannelNameIn,
  EventIn,
  FullName,
  NameIn,
  PayloadIn,
  RequestNameIn,
  StreamNameIn,
} from './types/namespace.js'
export type { EmitHandledOptions, Handled, Outcome, PageOutcome } from './types/outcome.js'
export type { PageClosed, PageEvent, PageInfo, ReadyOptions } from './types/page.js'
export type { ChannelEnd, ChannelOptions, PartChannel } from './types/part-channel.js'
export type { PartStream, StreamRequestOptions } from './types/part-stream.js'
export type { JoinOptions, Member, Presence } from './types/presence.js'
export type { RequestContext, RequestOptions, RespondOptions } from './types/request.js'
export * from './types/request-map.js'
export type { EventStream, StreamOptions } from './types/stream.js'
export * from './types/stream-map.js'
export type { ListenOptions, Subscription } from './types/subscription.js'
export type {
  TapFilter,
  TapLoss,
  TappedDelivery,
  TappedEvent,
  TappedGap,
  TappedPayload,
  TappedRefusal,
  TappedRequest,
  TappedResponse,
  TapRecord,
  TapRoute,
} from './types/tap.js'
export type { Target } from './types/target.js'
export type { StartTaskOptions, Task, TaskInfo, TaskProgress, TaskState } from './types/task.js'
export type {
  EmitAfterIn,
  EmitAtIn,
  EmitHandledIn,
  EmitIn,
  EmitToIn,
  EventsIn,
  ListenIn,
  OnIn,
  OpenChannelIn,
  RequestIn,
  RequestStreamIn,
  RespondIn,
  RespondStreamIn,
  StartJobIn,
  WaitForIn,
} from './types/view.js'
export type { WaitOptions } from './types/wait.js'
export type { Will, WillOptions } from './types/will.js'
