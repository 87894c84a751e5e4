// The permissions of pages, for exactly what the app uses.
import { appendJson, readJson, setJson } from './manifests.js'

/** The permissions of Tauri's own events, by what they let a page do. */
const OF_CORE = {
  'core:default': ['listen', 'emit', 'emitTo'],
  'core:event:default': ['listen', 'emit', 'emitTo'],
  'core:event:allow-listen': ['listen'],
  'core:event:allow-emit': ['emit'],
  'core:event:allow-emit-to': ['emitTo'],
}

/** The permission of the bus for each, narrowed to a list, and those that cover it as a whole. */
const OF_BUS = {
  listen: { narrow: 'event-bus:listen', whole: ['event-bus:listen', 'event-bus:default'] },
  emit: { narrow: 'event-bus:allow-emit', whole: ['event-bus:emit', 'event-bus:default'] },
  emitTo: { narrow: 'event-bus:allow-emit-to', whole: ['event-bus:emit', 'event-bus:default'] },
}

/** Whether Tauri reads a file in the folder of capabilities. It leaves out what is directly in a folder `schemas`. */
export function isCapabilityFile(path) {
  return /[^/]\.(json5?|toml)$/.test(path) && !/(^|\/)schemas\/[^/]+$/.test(path)
}

/** The entries that the app needs, by verb: a list, or nothing where the app uses none of it. */
export function entriesOf(uses) {
  const everywhere = ['*', { kind: 'host' }]
  const listed = {
    listen: [...uses.listen].sort(),
    emit: [...uses.emit].sort(),
    emitTo: [...uses.emitTo]
      .map(([event, to]) => ({ event, to: unique(to) }))
      .sort((a, b) => (a.event < b.event ? -1 : 1)),
  }
  if (uses.computed.has('listen')) listed.listen = ['*']
  if (uses.computed.has('emit')) listed.emit = ['*']
  if (uses.computed.has('emitTo')) listed.emitTo = [{ event: '*', to: everywhere }]
  return listed
}

/** The permission for a verb. The set of listening covers every event without a list. */
function permissionFor(verb, entries) {
  const { narrow } = OF_BUS[verb]
  return verb === 'listen' && entries[verb][0] === '*' ? narrow : { identifier: narrow, allow: entries[verb] }
}

/** The permissions that a page needs that uses all of it. */
export function permissionsFor(entries) {
  return Object.keys(OF_BUS)
    .filter((verb) => entries[verb].length > 0)
    .map((verb) => permissionFor(verb, entries))
}

function unique(targets) {
  const texts = targets.map((target) => JSON.stringify(target))
  const found = targets.filter((_, place) => texts.indexOf(texts[place]) === place)
  const all = found.includes('*') ? found.filter((target) => target === '*' || typeof target !== 'string') : found
  return all.length === 1 ? all[0] : all
}

/**
 * Adds what the pages of the capabilities in a file need, where they may use Tauri's own events.
 *
 * @param {string} text
 * @param {Record<string, unknown[]>} entries
 * @returns {string | undefined} nothing where the file is not JSON
 */
export function addPermissions(text, entries) {
  const json = readJson(text)
  if (json === undefined) return undefined
  const paths = Array.isArray(json)
    ? json.map((_, place) => [place])
    : Array.isArray(json.capabilities)
      ? json.capabilities.map((_, place) => ['capabilities', place])
      : [[]]
  return paths.reduce((after, path) => addTo(after, path, entries), text)
}

function addTo(text, path, entries) {
  const capabilityOf = (from) => path.reduce((owner, key) => owner?.[key], readJson(from))
  const { permissions } = capabilityOf(text) ?? {}
  if (!Array.isArray(permissions)) return text
  const identifiers = permissions.map((each) => (typeof each === 'string' ? each : each?.identifier))
  const verbs = new Set(identifiers.flatMap((identifier) => OF_CORE[identifier] ?? []))
  let after = text
  for (const verb of Object.keys(OF_BUS).filter((each) => verbs.has(each) && entries[each].length > 0)) {
    const { narrow, whole } = OF_BUS[verb]
    const now = capabilityOf(after).permissions
    if (now.some((each) => whole.includes(each))) continue
    const place = now.findIndex((each) => each?.identifier === narrow)
    if (place < 0) {
      after = appendJson(after, [...path, 'permissions'], permissionFor(verb, entries))
      continue
    }
    const { allow } = now[place]
    const missing = entries[verb].filter((entry) => !(allow ?? []).some((has) => covers(has, entry)))
    const at = [...path, 'permissions', place, 'allow']
    if (allow === undefined) after = setJson(after, at, missing)
    else for (const entry of missing) after = appendJson(after, at, entry)
  }
  return after
}

/** Whether an entry that is there covers another one. */
function covers(has, needs) {
  const nameOf = (entry) => (typeof entry === 'string' ? entry : entry?.event)
  // An entry may be about pages, requests or tasks, or malformed.
  if (typeof nameOf(has) !== 'string' || !matches(nameOf(has), nameOf(needs))) return false
  const wanted = targetsOf(needs)
  const given = targetsOf(has)
  if (wanted.length === 0) return given.length === 0
  return wanted.every((target) =>
    given.some((each) =>
      typeof each === 'string' && typeof target === 'string'
        ? matches(each, target)
        : JSON.stringify(each) === JSON.stringify(target),
    ),
  )
}

function targetsOf(entry) {
  const to = typeof entry === 'string' ? [] : (entry.to ?? [])
  return Array.isArray(to) ? to : [to]
}

function matches(pattern, text) {
  if (pattern === text) return true
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text)
}
