// The functions of the package for names with a prefix, or with `never` as they are.

import type { ChannelArguments, IncomingOf, OutgoingOf } from './channel-map.js'
import type { EmitOptions, Receipt } from './emit.js'
import type { BusEvent, EventHandler, PayloadHandler } from './event.js'
import type { PayloadArguments } from './event-map.js'
import type { EmitAfterOptions, EmitAtOptions, FixedPayload, Job, JobOptions, JobSchedule, JobSource } from './job.js'
import type { OtherChannel, OtherRequest, OtherStream, ThePayloadOfThisEventIsMissingOrWrong } from './name-kind.js'
import type {
  ChannelNameIn,
  EventIn,
  FullName,
  NameIn,
  OtherNameIn,
  PayloadIn,
  RequestNameIn,
  StreamNameIn,
} from './namespace.js'
import type { EmitHandledOptions, Handled } from './outcome.js'
import type { ChannelOptions, PartChannel } from './part-channel.js'
import type { PartStream, StreamRequestOptions } from './part-stream.js'
import type { RequestContext, RequestOptions, RespondOptions } from './request.js'
import type { RequestArguments, RequestOf, ResponseOf } from './request-map.js'
import type { EventStream, StreamOptions } from './stream.js'
import type { PartOf, PartsOf, StreamArguments, StreamRequestOf, StreamResponseOf } from './stream-map.js'
import type { ListenOptions, Subscription } from './subscription.js'
import type { Target } from './target.js'
import type { WaitOptions } from './wait.js'

/**
 * The type of `emit` of a namespace or a component; see {@link emit}.
 *
 * @example
 * ```ts
 * import { type EmitIn, namespace } from 'tauri-plugin-event-bus-api'
 *
 * const emitInShop: EmitIn<'shop'> = namespace('shop').emit
 * ```
 */
export interface EmitIn<Prefix extends string> {
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name, ThePayloadOfThisEventIsMissingOrWrong>,
    payload?: Payload,
    options?: EmitOptions,
  ): Promise<Receipt & void>
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    ...payload: [...payload: PayloadArguments<FullName<Prefix, Name>>, options?: EmitOptions]
  ): Promise<Receipt & void>
}

/**
 * The type of `emitTo` of a namespace or a component; see {@link emitTo}.
 *
 * @example
 * ```ts
 * import { type EmitToIn, namespace } from 'tauri-plugin-event-bus-api'
 *
 * const emitToInShop: EmitToIn<'shop'> = namespace('shop').emitTo
 * ```
 */
export interface EmitToIn<Prefix extends string> {
  <Payload = unknown, Name extends string = string>(
    to: Target,
    event: OtherNameIn<Prefix, Name, ThePayloadOfThisEventIsMissingOrWrong>,
    payload?: Payload,
    options?: EmitOptions,
  ): Promise<Receipt & void>
  <Name extends NameIn<Prefix>, _ extends never>(
    to: Target,
    event: Name,
    ...payload: [...payload: PayloadArguments<FullName<Prefix, Name>>, options?: EmitOptions]
  ): Promise<Receipt & void>
}

/**
 * The type of `emitHandled` of a namespace or a component; see {@link emitHandled}.
 *
 * @example
 * ```ts
 * import { type EmitHandledIn, namespace } from 'tauri-plugin-event-bus-api'
 *
 * const emitHandledInShop: EmitHandledIn<'shop'> = namespace('shop').emitHandled
 * ```
 */
export interface EmitHandledIn<Prefix extends string> {
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name, ThePayloadOfThisEventIsMissingOrWrong>,
    payload?: Payload,
    options?: EmitHandledOptions,
  ): Promise<Handled>
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    ...payload: [...payload: PayloadArguments<FullName<Prefix, Name>>, options?: EmitHandledOptions]
  ): Promise<Handled>
}

/**
 * The type of `listen` and `once` of a namespace or a component; see {@link listen}.
 *
 * @example
 * ```ts
 * import { type ListenIn, namespace } from 'tauri-plugin-event-bus-api'
 *
 * const listenInShop: ListenIn<'shop'> = namespace('shop').listen
 * ```
 */
export interface ListenIn<Prefix extends string> {
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    handler: (event: EventIn<Prefix, Name>) => unknown,
    options?: ListenOptions,
  ): Subscription
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name>,
    handler: EventHandler<Payload>,
    options?: ListenOptions,
  ): Subscription
}

/**
 * The type of `on` of a namespace or a component; see {@link on}.
 *
 * @example
 * ```ts
 * import { namespace, type OnIn } from 'tauri-plugin-event-bus-api'
 *
 * const onInShop: OnIn<'shop'> = namespace('shop').on
 * ```
 */
export interface OnIn<Prefix extends string> {
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    handler: (payload: PayloadIn<Prefix, Name>, event: EventIn<Prefix, Name>) => unknown,
    options?: ListenOptions,
  ): Subscription
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name>,
    handler: PayloadHandler<Payload>,
    options?: ListenOptions,
  ): Subscription
}

/**
 * The type of `events` of a namespace or a component; see {@link events}.
 *
 * @example
 * ```ts
 * import { type EventsIn, namespace } from 'tauri-plugin-event-bus-api'
 *
 * const eventsInShop: EventsIn<'shop'> = namespace('shop').events
 * ```
 */
export interface EventsIn<Prefix extends string> {
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    options?: StreamOptions,
  ): EventStream<PayloadIn<Prefix, Name>, EventIn<Prefix, Name>>
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name>,
    options?: StreamOptions,
  ): EventStream<Payload>
}

/**
 * The type of `waitFor` of a namespace or a component; see {@link waitFor}.
 *
 * @example
 * ```ts
 * import { namespace, type WaitForIn } from 'tauri-plugin-event-bus-api'
 *
 * const waitForInShop: WaitForIn<'shop'> = namespace('shop').waitFor
 * ```
 */
export interface WaitForIn<Prefix extends string> {
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    options?: WaitOptions<EventIn<Prefix, Name>>,
  ): Promise<EventIn<Prefix, Name>>
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name>,
    options?: WaitOptions<BusEvent<Payload>>,
  ): Promise<BusEvent<Payload>>
}

/**
 * The type of `request` of a namespace or a component; see {@link request}.
 *
 * @example
 * ```ts
 * import { namespace, type RequestIn } from 'tauri-plugin-event-bus-api'
 *
 * const requestInShop: RequestIn<'shop'> = namespace('shop').request
 * ```
 */
export interface RequestIn<Prefix extends string> {
  <Response = unknown, Name extends string = string>(
    to: Target,
    name: FullName<Prefix, Name> extends OtherRequest<FullName<Prefix, Name>> ? Name : never,
    payload?: unknown,
    options?: RequestOptions,
  ): Promise<Response>
  <Name extends RequestNameIn<Prefix>, _ extends never>(
    to: Target,
    name: Name,
    ...payload: [...payload: RequestArguments<FullName<Prefix, Name>>, options?: RequestOptions]
  ): Promise<ResponseOf<FullName<Prefix, Name>>>
}

/**
 * The type of `respond` of a namespace or a component; see {@link respond}.
 *
 * @example
 * ```ts
 * import { namespace, type RespondIn } from 'tauri-plugin-event-bus-api'
 *
 * const respondInShop: RespondIn<'shop'> = namespace('shop').respond
 * ```
 */
export interface RespondIn<Prefix extends string> {
  <Request = unknown, Name extends string = string>(
    name: FullName<Prefix, Name> extends OtherRequest<FullName<Prefix, Name>> ? Name : never,
    responder: (request: Request, context: RequestContext) => unknown,
    options?: RespondOptions,
  ): Subscription
  <Name extends RequestNameIn<Prefix>, _ extends never>(
    name: Name,
    responder: (
      request: RequestOf<FullName<Prefix, Name>>,
      context: RequestContext,
    ) => ResponseOf<FullName<Prefix, Name>> | PromiseLike<ResponseOf<FullName<Prefix, Name>>>,
    options?: RespondOptions,
  ): Subscription
}

/**
 * The type of `requestStream` of a namespace or a component; see {@link requestStream}.
 *
 * @example
 * ```ts
 * import { namespace, type RequestStreamIn } from 'tauri-plugin-event-bus-api'
 *
 * const requestStreamInShop: RequestStreamIn<'shop'> = namespace('shop').requestStream
 * ```
 */
export interface RequestStreamIn<Prefix extends string> {
  <Part = unknown, Response = unknown, Name extends string = string>(
    to: Target,
    name: FullName<Prefix, Name> extends OtherStream<FullName<Prefix, Name>> ? Name : never,
    payload?: unknown,
    options?: StreamRequestOptions,
  ): PartStream<Part, Response>
  <Name extends StreamNameIn<Prefix>, _ extends never>(
    to: Target,
    name: Name,
    ...payload: [...payload: StreamArguments<FullName<Prefix, Name>>, options?: StreamRequestOptions]
  ): PartStream<PartOf<FullName<Prefix, Name>>, StreamResponseOf<FullName<Prefix, Name>>>
}

/**
 * The type of `openChannel` of a namespace or a component; see {@link openChannel}.
 *
 * @example
 * ```ts
 * import { namespace, type OpenChannelIn } from 'tauri-plugin-event-bus-api'
 *
 * const openChannelInShop: OpenChannelIn<'shop'> = namespace('shop').openChannel
 * ```
 */
export interface OpenChannelIn<Prefix extends string> {
  <Incoming = unknown, Outgoing = unknown, Name extends string = string>(
    to: Target,
    name: FullName<Prefix, Name> extends OtherChannel<FullName<Prefix, Name>> ? Name : never,
    payload?: unknown,
    options?: ChannelOptions,
  ): PartChannel<Incoming, Outgoing>
  <Name extends ChannelNameIn<Prefix>, _ extends never>(
    to: Target,
    name: Name,
    ...payload: [...payload: ChannelArguments<FullName<Prefix, Name>>, options?: ChannelOptions]
  ): PartChannel<IncomingOf<FullName<Prefix, Name>>, OutgoingOf<FullName<Prefix, Name>>>
}

/**
 * The type of `respondStream` of a namespace or a component; see {@link respondStream}.
 *
 * @example
 * ```ts
 * import { namespace, type RespondStreamIn } from 'tauri-plugin-event-bus-api'
 *
 * const respondStreamInShop: RespondStreamIn<'shop'> = namespace('shop').respondStream
 * ```
 */
export interface RespondStreamIn<Prefix extends string> {
  <Request = unknown, Name extends string = string>(
    name: FullName<Prefix, Name> extends OtherStream<FullName<Prefix, Name>> ? Name : never,
    responder: (request: Request, context: RequestContext) => AsyncIterable<unknown> | Iterable<unknown>,
    options?: RespondOptions,
  ): Subscription
  <Name extends StreamNameIn<Prefix>, _ extends never>(
    name: Name,
    responder: (
      request: StreamRequestOf<FullName<Prefix, Name>>,
      context: RequestContext,
    ) => PartsOf<FullName<Prefix, Name>>,
    options?: RespondOptions,
  ): Subscription
}

/**
 * The type of `emitAfter` of a namespace or a component; see {@link emitAfter}.
 *
 * @example
 * ```ts
 * import { type EmitAfterIn, namespace } from 'tauri-plugin-event-bus-api'
 *
 * const emitAfterInShop: EmitAfterIn<'shop'> = namespace('shop').emitAfter
 * ```
 */
export interface EmitAfterIn<Prefix extends string> {
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name, ThePayloadOfThisEventIsMissingOrWrong>,
    delayMs: number,
    payload?: Payload,
    options?: EmitAfterOptions,
  ): Promise<Job>
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    delayMs: number,
    ...payload: [...payload: PayloadArguments<FullName<Prefix, Name>>, options?: EmitAfterOptions]
  ): Promise<Job>
}

/**
 * The type of `emitAt` of a namespace or a component; see {@link emitAt}.
 *
 * @example
 * ```ts
 * import { type EmitAtIn, namespace } from 'tauri-plugin-event-bus-api'
 *
 * const emitAtInShop: EmitAtIn<'shop'> = namespace('shop').emitAt
 * ```
 */
export interface EmitAtIn<Prefix extends string> {
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name, ThePayloadOfThisEventIsMissingOrWrong>,
    time: Date | number,
    payload?: Payload,
    options?: EmitAtOptions,
  ): Promise<Job>
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    time: Date | number,
    ...payload: [...payload: PayloadArguments<FullName<Prefix, Name>>, options?: EmitAtOptions]
  ): Promise<Job>
}

/**
 * The type of `startJob` of a namespace or a component; see {@link startJob}.
 *
 * @example
 * ```ts
 * import { namespace, type StartJobIn } from 'tauri-plugin-event-bus-api'
 *
 * const startJobInShop: StartJobIn<'shop'> = namespace('shop').startJob
 * ```
 */
export interface StartJobIn<Prefix extends string> {
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name, ThePayloadOfThisEventIsMissingOrWrong>,
    options: JobSchedule & (JobSource | (FixedPayload & { payload?: Payload })),
  ): Promise<Job>
  <Name extends NameIn<Prefix>, _ extends never>(event: Name, options: JobOptions<FullName<Prefix, Name>>): Promise<Job>
}
