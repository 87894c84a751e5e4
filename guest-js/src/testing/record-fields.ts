import { ERROR_CODES } from '../types/error-code.js'

type Check = (value: unknown) => boolean
type Fields = Readonly<Record<string, readonly [check: Check, expected: string]>>

const isText: Check = (value) => typeof value === 'string'
const isFlag: Check = (value) => typeof value === 'boolean'
const isWhole: Check = (value) => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 64
const isId: Check = (value) => isWhole(value) && (value as number) < 2 ** 32
const isTime: Check = (value) => typeof value === 'number' && value >= 0 && value < 8.64e15
const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether an object has these fields. `optional` ones may be absent. */
const hasFields =
  (fields: Readonly<Record<string, Check>>, optional: readonly string[] = []): Check =>
  (value) =>
    isObject(value) &&
    Object.entries(fields).every(
      ([key, check]) => check(value[key]) || (optional.includes(key) && value[key] === undefined),
    )

const isEndpoint: Check = (value) => {
  if (!isObject(value)) return false
  const { kind, label, node } = value
  return kind === 'host' || (kind === 'webview' && isText(label)) || (kind === 'node' && isText(node))
}

/** As the host writes targets, which includes those of other nodes. */
const isTarget: Check = (value) => {
  if (Array.isArray(value)) return value.every(isTarget)
  if (!isObject(value)) return isText(value)
  const { kind, label, node } = value
  if (kind === 'webview' || kind === 'Window') return isText(label)
  return kind === 'Any' || kind === 'host' || (kind === 'Node' && isText(node))
}

const isPlaced: Check = (value) =>
  Array.isArray(value) && isBase64(value[0]) && value.slice(1).every((step) => isText(step) || isWhole(step))

const isBase64: Check = (value) => {
  if (typeof value !== 'string' || value.length % 4 !== 0) return false
  try {
    return btoa(atob(value)) === value
  } catch {
    return false
  }
}

const oneOf = (words: readonly string[]) =>
  [(value: unknown) => words.includes(value as string), `one of ${words.join(', ')}`] as const

const ACTIONS = [
  'emit',
  'listen',
  'request',
  'respond',
  'tick',
  'start_job',
  'update_job',
  'pause_job',
  'resume_job',
  'stop_job',
  'start_task',
  'attach_task',
  'cancel_task',
  'presence',
  'clear_retained',
] as const
const REASONS = ['queue_full', 'history_full', 'session_ended', 'expired', 'link_lost'] as const
const TEXT = [isText, 'a text'] as const
const WHOLE = [isWhole, 'a whole number, at least 0'] as const
const FLAG = [isFlag, 'true or false'] as const
const ENDPOINT = [isEndpoint, 'an endpoint: { kind: "host" }, or { kind: "webview", label }'] as const

/** The fields of records, whatever their kind. An absent one may also be `null`. */
const OPTIONAL: Fields = {
  at: [isTime, 'milliseconds since 1970, at least 0'],
  action: oneOf(ACTIONS),
  request: TEXT,
  seq: WHOLE,
  name: TEXT,
  source: ENDPOINT,
  receiver: ENDPOINT,
  component: TEXT,
  traceparent: TEXT,
  tick: [
    hasFields({ job: isText, count: isWhole, scheduledAt: isTime, missed: isWhole }),
    'a tick: { job, count, scheduledAt, missed }',
  ],
  from: WHOLE,
  count: WHOLE,
  reason: oneOf(REASONS),
  seqs: [isListOf(isWhole), 'a list of whole numbers'],
  job: TEXT,
  code: oneOf(ERROR_CODES),
  message: TEXT,
  error: [
    hasFields({ code: (value) => ERROR_CODES.includes(value as never), message: isText }),
    'an error: { code, message }',
  ],
  bytes: [isListOf(isPlaced), 'lists that begin with a text in base64, and lead to a place'],
  cut: [hasFields({ bytes: isWhole, start: isText }), '{ bytes, start }'],
}

/** Fields that are absent, or have a value. */
const PLAIN: Fields = {
  stream: FLAG,
  retained: FLAG,
  atMost: FLAG,
  redacted: FLAG,
  causes: [isListOf(isText), 'a list of names'],
  keptFor: [isListOf(isText), 'a list of labels'],
  subscriptions: [isListOf(isId), 'a list of ids'],
  routes: [
    isListOf(
      hasFields({ receiver: isEndpoint, subscriptions: isListOf(isId), queued: isFlag, stream: isFlag }, ['stream']),
    ),
    'a list of { receiver, subscriptions, queued }',
  ],
}

/** What is wrong with the fields of a record; `undefined` if nothing is. */
export function faultOf(record: Record<string, unknown>): string | undefined {
  const wrong = (key: string, [check, expected]: readonly [Check, string]) =>
    check(record[key]) ? [] : [`\`${key}\` is ${shortened(record[key])}; expected ${expected}`]
  const isGiven = (key: string) => record[key] !== undefined
  const targets: Fields = record.kind === 'gap' ? { to: WHOLE } : { to: TARGET, except: TARGET }
  const faults = [
    ...Object.entries({ ...OPTIONAL, ...targets })
      .filter(([key]) => isGiven(key) && record[key] !== null)
      .flatMap(([key, field]) => wrong(key, field)),
    ...Object.entries(PLAIN)
      .filter(([key]) => isGiven(key))
      .flatMap(([key, field]) => wrong(key, field)),
  ]
  return faults[0] ?? placeFault(record)
}

const TARGET = [isTarget, 'a target: a label, a list or an object with `kind`'] as const

/** Bytes have to lead to something in the payload. */
function placeFault({ payload, bytes, cut }: Record<string, unknown>): string | undefined {
  if (!bytes || cut) return undefined
  const lost = (bytes as [string, ...(string | number)[]][]).find(([, ...path]) => {
    const steps: unknown = path.reduce<unknown>((found, step) => {
      const isInside = typeof found === 'object' && found !== null && Object.keys(found).includes(`${step}`)
      return isInside ? (found as Record<string, unknown>)[step] : undefined
    }, payload)
    return steps === undefined
  })
  return lost && `the payload has nothing at ${JSON.stringify(lost.slice(1))}`
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)} …` : text
}
