// The lines that `tail` prints. What comes from an app is shown without characters that a terminal acts on.

/** Control characters, those that reorder or hide text, halves of pairs, and separators of lines. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** How much of a payload a line shows. */
const MAX_PAYLOAD = 2_000

/** A text with the characters escaped that a terminal would act on. A line break of the command itself stays. */
export function visible(text, form = 'text') {
  return text.replace(HIDDEN, (character) => {
    if (character === '\n' && form === 'text') return character
    const code = character.codePointAt(0)
    if (form !== 'json') return `\\u{${code.toString(16)}}`
    // JSON has only units of UTF-16.
    return [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join('')
  })
}

/** A value of the app in one line. */
const one = (text) => visible(String(text), 'one')

/** A record as a line of text. */
export function lineOf(record) {
  const time = new Date(record.at).toISOString().slice(11, 23)
  return [time, record.kind.padEnd(12), ...partsOf(record)].filter((part) => part !== '').join(' ')
}

function partsOf(record) {
  const { kind, name = '', component, causes = [], tick } = record
  const from = record.source ? endpointOf(record.source) : ''
  switch (kind) {
    case 'event':
      return [
        `#${record.seq}`,
        one(name),
        `${from}${component === undefined ? '' : `/${one(component)}`} → ${receiversOf(record)}`,
        payloadOf(record),
        tick ? `(tick ${tick.count} of ${one(tick.job)})` : '',
        causes.length > 0 ? `(after ${causes.map(one).join(' → ')})` : '',
        record.traceparent === undefined ? '' : `(trace ${one(record.traceparent)})`,
      ]
    case 'delivered':
    case 'acknowledged':
      return [`${endpointOf(record.receiver)}:`, rangesOf(record.seqs)]
    case 'gap':
      return [
        `${endpointOf(record.receiver)}:`,
        `lost ${record.atMost ? 'at most ' : ''}${record.count}, #${record.from} to #${record.to} (${one(record.reason)})`,
      ]
    case 'refused':
      return [`${one(record.action)} ${one(name)} of ${from}: ${one(record.message)} (${one(record.code)})`]
    case 'request':
      return [one(name), `${from} → ${endpointOf(record.receiver)}`, payloadOf(record), record.stream ? '(stream)' : '']
    case 'response':
      return [
        one(name),
        `${from} → ${endpointOf(record.receiver)}`,
        record.error ? `failed: ${one(record.error.message)} (${one(record.error.code)})` : payloadOf(record),
      ]
    case 'lost':
      return [`${record.count} records, since this was too slow`]
    default:
      return [one(JSON.stringify(record))]
  }
}

function endpointOf({ kind, label, node }) {
  return one(label ?? node ?? kind)
}

function receiversOf({ routes = [], keptFor = [] }) {
  const names = routes.map(
    ({ receiver, stream, queued }) => `${endpointOf(receiver)}${stream ? ' (stream)' : ''}${queued ? '' : ' (full)'}`,
  )
  const all = [...names, ...keptFor.map((label) => `${one(label)} (kept)`)]
  return all.length > 0 ? all.join(', ') : 'no one'
}

/** Numbers as ranges: 1–3, 7. */
function rangesOf(numbers) {
  const ranges = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last && last.to === number - 1) last.to = number
    else ranges.push({ from: number, to: number })
  }
  return ranges.map(({ from, to }) => (from === to ? `#${from}` : `#${from}–${to}`)).join(', ')
}

function payloadOf({ payload, bytes, cut, redacted }) {
  const note = `${bytes ? ` (${bytes.length} pieces of bytes)` : ''}${redacted ? ' (redacted)' : ''}`
  if (cut) return `${one(cut.start)}… (${cut.bytes} bytes)${note}`
  const text = JSON.stringify(payload) ?? 'null'
  const shown = text.length > MAX_PAYLOAD ? `${text.slice(0, MAX_PAYLOAD)}… (${text.length} characters)` : text
  return one(shown) + note
}
