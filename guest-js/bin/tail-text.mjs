// The lines that `tail` prints. What comes from an app is shown without characters that a terminal acts on.

/** Control characters, those that reorder or hide text, halves of pairs, and separators of lines. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u{E0000}-\u{E007F}]/gu

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

/** A record, which is a line of JSON, as a line of text. */
export function lineOf(line) {
  const record = JSON.parse(line)
  const time = new Date(record.at).toISOString().slice(11, 23)
  const parts = [time, String(record.kind).padEnd(12), ...partsOf(record, line)]
  return visible(parts.filter((part) => part !== '').join(' '), 'one')
}

function partsOf(record, line) {
  const { kind, name = '', component, causes = [], tick } = record
  const from = record.source ? endpointOf(record.source) : ''
  switch (kind) {
    case 'event':
      return [
        `#${record.seq}`,
        name,
        `${from}${component === undefined ? '' : `/${component}`} → ${receiversOf(record)}`,
        payloadOf(record, line),
        tick ? `(tick ${tick.count} of ${tick.job})` : '',
        causes.length > 0 ? `(after ${causes.join(' → ')})` : '',
        record.traceparent === undefined ? '' : `(trace ${record.traceparent})`,
      ]
    case 'delivered':
    case 'acknowledged':
      return [`${endpointOf(record.receiver)}:`, rangesOf(record.seqs)]
    case 'gap':
      return [
        `${endpointOf(record.receiver)}:`,
        `lost ${record.atMost ? 'at most ' : ''}${record.count}, #${record.from} to #${record.to} (${record.reason})`,
      ]
    case 'refused':
      return [`${record.action} ${name} of ${from}: ${record.message} (${record.code})`]
    case 'request':
      return [
        name,
        `${from} → ${endpointOf(record.receiver)}`,
        payloadOf(record, line),
        record.stream ? '(stream)' : '',
      ]
    case 'response':
      return [
        name,
        `${from} → ${endpointOf(record.receiver)}`,
        record.error ? `failed: ${record.error.message} (${record.error.code})` : payloadOf(record, line),
      ]
    case 'lost':
      return [`${record.count} records, since this was too slow`]
    default:
      return [line]
  }
}

function endpointOf({ kind, label, node }) {
  return label ?? node ?? kind
}

function receiversOf({ routes = [], keptFor = [] }) {
  const names = routes.map(
    ({ receiver, stream, queued }) => `${endpointOf(receiver)}${stream ? ' (stream)' : ''}${queued ? '' : ' (full)'}`,
  )
  const all = [...names, ...keptFor.map((label) => `${label} (kept)`)]
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

function payloadOf({ bytes, cut, redacted }, line) {
  const note = `${bytes ? ` (${bytes.length} pieces of bytes)` : ''}${redacted ? ' (redacted)' : ''}`
  if (cut) return `${cut.start}… (${cut.bytes} bytes)${note}`
  // As it was written: a number may have more digits than JavaScript keeps. A tab stands between tokens.
  const text = (valueTextOf(line, 'payload') ?? 'null').replaceAll('\t', ' ')
  const shown = text.length > MAX_PAYLOAD ? `${text.slice(0, MAX_PAYLOAD)}… (${text.length} characters)` : text
  return shown + note
}

/** The text of a value of an object, as it stands in a line of valid JSON. `undefined` if the object has no such key. */
function valueTextOf(line, wanted) {
  let depth = 0
  let key
  let start = 0
  // Strings, and what separates and nests values.
  for (const { 0: token, index } of line.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g)) {
    if (token === '{' || token === '[') depth += 1
    else if (depth !== 1) depth -= token === '}' || token === ']' ? 1 : 0
    else if (token === ':') start = index + 1
    else if (token === ',' || token === '}') {
      if (key === wanted) return line.slice(start, index).trim()
      key = undefined
    } else if (key === undefined && token !== ']') key = JSON.parse(token)
  }
  return undefined
}
