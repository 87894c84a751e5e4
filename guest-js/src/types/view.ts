// The functions of the package for names with a prefix, or with `never` as they are.

import type { EmitOptions, Receipt } from './emit.js'
import type { BusEvent, EventHandler, PayloadHandler } from './event.js'
import type { PayloadArguments } from './event-map.js'
import type { FixedPayload, Job, JobOptions, JobSchedule, JobSource } from './job.js'
import type { OtherRequest, ThePayloadOfThisEventIsMissingOrWrong } from './name-kind.js'
import type { EventIn, FullName, NameIn, OtherNameIn, PayloadIn, RequestNameIn } from './namespace.js'
import type { RequestContext, RequestOptions, RespondOptions } from './request.js'
import type { RequestArguments, RequestOf, ResponseOf } from './request-map.js'
import type { EventStream, StreamOptions } from './stream.js'
import type { ListenOptions, Subscription } from './subscription.js'
import type { Target } from './target.js'
import type { WaitOptions } from './wait.js'

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

export interface StartJobIn<Prefix extends string> {
  <Payload = unknown, Name extends string = string>(
    event: OtherNameIn<Prefix, Name, ThePayloadOfThisEventIsMissingOrWrong>,
    options: JobSchedule & (JobSource | (FixedPayload & { payload?: Payload })),
  ): Promise<Job>
  <Name extends NameIn<Prefix>, _ extends never>(event: Name, options: JobOptions<FullName<Prefix, Name>>): Promise<Job>
}
