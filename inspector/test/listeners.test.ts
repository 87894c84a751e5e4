import type { Inspection } from 'tauri-plugin-event-bus-api'
import { expect, test } from 'vitest'
import { missingOf, patternsOf, permissionIn } from '../src/model/listeners.js'
import { matches } from '../src/model/pattern.js'
import { event, page, refused, storeOf } from './records.js'

const webview = (label: string, ...patterns: string[]) => ({
  label,
  page: { subscriptions: patterns.map((own, index) => ({ id: index + 1, event: own, target: 'own' })) },
})

const inspectionOf = (...webviews: ReturnType<typeof webview>[]) =>
  ({ webviews, consumers: [{ subscriptions: [{ id: 4, event: 'door', target: 'own' }] }] }) as unknown as Inspection

const ENTRY = '{ "identifier": "event-bus:listen", "allow": ["cart:*"] }'

test('the permission line of a refusal is found', () => {
  const message = `the page in this window may not listen to "cart:*": nothing matches. To allow it, add ${ENTRY} to a capability of this window`
  expect(permissionIn(message)).toBe(ENTRY)
  const odd = '{ "identifier": "event-bus:emit", "allow": [{ "event": "a}{\\"" }] }'
  expect(permissionIn(`x { } To allow it, add ${odd} to a capability`)).toBe(odd)
  for (const other of ['denied', 'To allow it, add nothing', 'add { "a": 1 }', 'To allow it, add { "a": "']) {
    expect(permissionIn(other)).toBeUndefined()
  }
})

test('who has not got an event is told why', () => {
  const message = `it may not. To allow it, add ${ENTRY} to a capability`
  const store = storeOf([
    refused('cart:*', { action: 'listen', source: page('widget'), message }),
    event('cart:updated', {
      to: 'shop',
      keptFor: ['late'],
      routes: [{ receiver: page('shop'), subscriptions: [1], queued: true }],
    }),
  ])
  const own = store.entries.at(1)
  const inspection = inspectionOf(
    webview('shop', 'cart:*'),
    webview('widget'),
    webview('late'),
    webview('office', 'cart:*'),
    webview('quiet', 'door'),
    { label: 'blank', page: null } as never,
  )
  const missing = own ? missingOf(store, inspection, own) : []
  expect(missing.map(({ lane }) => lane)).toEqual([
    'host',
    'page:widget',
    'page:late',
    'page:office',
    'page:quiet',
    'page:blank',
  ])
  const [host, widget, late, office, quiet, blank] = missing
  expect(host?.why).toBe('Rust has no listener for it')
  expect(widget).toMatchObject({ permission: ENTRY })
  expect(late?.why).toContain('kept for it')
  expect(office?.why).toBe('the event was sent to shop')
  expect(quiet?.why).toContain('no listener')
  expect(blank?.why).toContain('does not use the bus')
})

test('the patterns of subscriptions are found by their ids', () => {
  const inspection = inspectionOf(webview('shop', 'a', 'b', 'c'))
  expect(patternsOf(inspection, 'page:shop', [1, 3, 9])).toEqual(['a', 'c'])
  expect(patternsOf(inspection, 'host', [4])).toEqual(['door'])
  expect(patternsOf(undefined, 'page:shop', [1])).toEqual([])
})

test.each([
  ['cart', 'cart', true],
  ['cart', 'cart:a', false],
  ['cart:*', 'cart:a:b', true],
  ['*', 'anything', true],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['[ab]x', 'bx', true],
  ['[!ab]x', 'bx', false],
  ['a.c*', 'abc', false],
  ['(*', '(x', true],
  ['[', '[', true],
])('%s matches %s: %s', (pattern, name, expected) => {
  expect(matches(pattern, name)).toBe(expected)
})
