/** What breaks, reorders or hides text: controls, marks of direction, zero-width characters, surrogates without a partner. */
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]/gu

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const code = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Text of the app as it can be shown: nothing in it is hidden or changes what is beside it. */
export function shown(text: string, most = 4000): string {
  const cut = text.length > most ? text.slice(0, most) : text
  const safe = cut.replace(HIDDEN, code)
  return cut === text ? safe : `${safe}…`
}

/** The same on one line. */
export function shownOnOneLine(text: string, most = 300): string {
  return shown(text.slice(0, most + 1), most).replace(/[\n\r\t]/g, (character) => SHORT[character] ?? ' ')
}

const COUNT = new Intl.NumberFormat('en-US')

export function count(number: number): string {
  return COUNT.format(number)
}

/** A number with its noun. */
export function counted(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`
  const units = ['KiB', 'MiB', 'GiB']
  let [value, unit] = [size / 1024, 0]
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** How long something took. */
export function duration(millis: number): string {
  if (!Number.isFinite(millis)) return '–'
  const size = Math.abs(millis)
  if (size < 10) return `${millis.toFixed(size < 1 ? 2 : 1)} ms`
  if (size < 1000) return `${Math.round(millis)} ms`
  if (size < 60_000) return `${(millis / 1000).toFixed(size < 10_000 && size % 1000 !== 0 ? 1 : 0)} s`
  const minutes = Math.floor(size / 60_000)
  if (size % 3_600_000 === 0) return `${minutes / 60} h`
  if (size % 60_000 === 0 && minutes < 60) return `${minutes} min`
  const rest = `${String(Math.floor((size % 60_000) / 1000)).padStart(2, '0')} s`
  if (minutes < 60) return `${minutes} min ${rest}`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

const two = (value: number) => String(value).padStart(2, '0')

/** The time of day, with milliseconds. */
export function clock(at: number): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '–'
  const millis = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`
}
