/**
 * The app's questions: each name with the types of the question and of its answer. It is empty here and augmented by the
 * app.
 *
 * An app that declares its questions in Rust has this written by `Catalog::export_typescript`. Other names take and give
 * `unknown`.
 *
 * @example
 * ```ts
 * declare module 'tauri-plugin-event-bus-api' {
 *   interface RequestMap {
 *     confirm: { question: { title: string }; answer: boolean }
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: Only an interface can be augmented.
export interface RequestMap {}

/**
 * The name of a question. Names in {@link RequestMap} complete.
 *
 * @example
 * ```ts
 * import type { RequestName } from 'tauri-plugin-event-bus-api'
 *
 * const name: RequestName = 'confirm'
 * ```
 */
export type RequestName = (keyof RequestMap & string) | (string & Record<never, never>)

/**
 * What is asked under this name: the type in {@link RequestMap} (`null` where nothing is), else `unknown`.
 *
 * @example
 * ```ts
 * import type { QuestionOf } from 'tauri-plugin-event-bus-api'
 *
 * function show(question: QuestionOf<'confirm'>) {}
 * ```
 */
export type QuestionOf<Name extends string> = Name extends keyof RequestMap
  ? RequestMap[Name] extends { question: infer Question }
    ? [Question] extends [Nothing]
      ? null
      : Question
    : null
  : unknown

/**
 * What is answered under this name: the type in {@link RequestMap}, else `unknown`.
 *
 * @example
 * ```ts
 * import type { AnswerOf } from 'tauri-plugin-event-bus-api'
 *
 * const answers: AnswerOf<'confirm'>[] = []
 * ```
 */
export type AnswerOf<Name extends string> = Name extends keyof RequestMap
  ? RequestMap[Name] extends { answer: infer Answer }
    ? Answer
    : null
  : unknown

/**
 * The arguments that follow the name in `request`: the question, optional where there is none to be asked or the name is
 * not in {@link RequestMap}.
 *
 * @example
 * ```ts
 * import { type QuestionArguments, request } from 'tauri-plugin-event-bus-api'
 *
 * const askMain = (...question: QuestionArguments<'confirm'>) => request('main', 'confirm', ...question)
 * ```
 */
export type QuestionArguments<Name extends string> = Name extends keyof RequestMap
  ? RequestMap[Name] extends { question: infer Question }
    ? undefined extends Question
      ? [question?: Question]
      : [Question] extends [Nothing]
        ? [question?: Question]
        : [question: Question]
    : [question?: undefined]
  : [question?: unknown]

/** What the map says where nothing is asked. */
// biome-ignore lint/suspicious/noConfusingVoidType: Apps write void, which undefined does not cover.
type Nothing = undefined | null | void
