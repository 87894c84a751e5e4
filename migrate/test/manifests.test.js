import { describe, expect, it } from 'vitest'
import { addPermissions, entriesOf, isCapabilityFile } from '../src/capabilities.js'
import { addCrate, addPackages, appendJson, readJson, setJson } from '../src/manifests.js'
import { collect, Uses } from '../src/uses.js'

describe('Cargo.toml', () => {
  it.each([
    ['[dependencies]\ntauri = "2"\n', '[dependencies]\ntauri = "2"\ntauri-plugin-event-bus = "0.1"\n'],
    [
      '[dependencies]\n# none\n\n[features]\na = []\n',
      '[dependencies]\ntauri-plugin-event-bus = "0.1"\n# none\n\n[features]\na = []\n',
    ],
    ['[package]\nname = "a"\n', '[package]\nname = "a"\n\n[dependencies]\ntauri-plugin-event-bus = "0.1"\n'],
    ['[dependencies]\r\ntauri = "2"\r\n', '[dependencies]\r\ntauri = "2"\r\ntauri-plugin-event-bus = "0.1"\r\n'],
    [
      '[dependencies]\ntauri = { version = "2", features = [\n  "tray-icon",\n] }\n',
      '[dependencies]\ntauri-plugin-event-bus = "0.1"\ntauri = { version = "2", features = [\n  "tray-icon",\n] }\n',
    ],
    [
      '[dependencies.tauri]\nversion = "2"\n',
      '[dependencies.tauri]\nversion = "2"\n\n[dependencies.tauri-plugin-event-bus]\nversion = "0.1"\n',
    ],
  ])('%j', (before, after) => {
    expect(addCrate(before, '0.1')).toBe(after)
    expect(addCrate(after, '0.1')).toBe(after)
  })

  it('is left where it cannot be done for sure', () => {
    expect(addCrate('dependencies = { tauri = "2" }\n', '0.1')).toBeUndefined()
  })
})

describe('JSON', () => {
  it.each([
    ['{"a":[]}', '{"a":[{ "b": ["c"] }]}'],
    ['{"a": [1]}', '{"a": [1, { "b": ["c"] }]}'],
    ['{"a": [\n  1 // one\n]}', '{"a": [\n  1,\n  { "b": ["c"] } // one\n]}'],
    ['{"a": [\n  1,\n]}', '{"a": [\n  1,\n  { "b": ["c"] }\n]}'],
    ['{"a": [\n\t// one\n\t1\n]}', '{"a": [\n\t// one\n\t1,\n\t{ "b": ["c"] }\n]}'],
  ])('%j gets an item', (before, after) => {
    const changed = appendJson(before, ['a'], { b: ['c'] })
    expect(changed).toBe(after)
    expect(readJson(changed).a.at(-1)).toEqual({ b: ['c'] })
  })

  it.each([
    ['{}', '{ "a": { "b": 1 } }'],
    ['{ "a": {} }', '{ "a": { "b": 1 } }'],
    ['{\n  "c": 1\n}\n', '{\n  "c": 1,\n  "a": { "b": 1 }\n}\n'],
    ['{\n  "a": {\n    "c": 1\n  }\n}', '{\n  "a": {\n    "c": 1,\n    "b": 1\n  }\n}'],
  ])('%j gets a property', (before, after) => {
    expect(setJson(before, ['a', 'b'], 1)).toBe(after)
  })

  it('packages keep their order', () => {
    const add = (text) => addPackages(text, [{ list: 'dependencies', name: 'm', version: '1' }])
    expect(add('{ "dependencies": { "a": "1", "z": "1" } }')).toBe(
      '{ "dependencies": { "a": "1", "m": "1", "z": "1" } }',
    )
    expect(add('{ "dependencies": { "z": "1", "a": "1" } }')).toBe(
      '{ "dependencies": { "z": "1", "a": "1", "m": "1" } }',
    )
    expect(add('{ "devDependencies": { "m": "0" } }')).toBe('{ "devDependencies": { "m": "0" } }')
  })
})

function usesOf(code, path = 'a.ts') {
  const uses = new Uses()
  const notes = []
  collect(
    { path, text: code },
    uses,
    (note) => notes.push(note),
    () => undefined,
  )
  return { entries: entriesOf(uses), notes }
}

describe('the uses of a page', () => {
  it.each([
    ["import { listen as on } from '@tauri-apps/api/event'; on('a')", { listen: ['a'] }],
    ["import * as e from '@tauri-apps/api/event'; e.once('a'); e.emit('b')", { listen: ['a'], emit: ['b'] }],
    ["const { emit } = require('@tauri-apps/api/event'); emit('a')", { emit: ['a'] }],
    ["async function f() { const e = await import('@tauri-apps/api/event'); e.listen('a') }", { listen: ['a'] }],
    [
      "import { emit } from '@tauri-apps/api/event'; enum E { A = 'x:a' } emit(E.A); emit(`x:${1}`)",
      { emit: ['x:*', 'x:a'] },
    ],
    ["import { emit } from '@tauri-apps/api/event'; function f(emit) { emit('no') } emit('a')", { emit: ['a'] }],
    [
      "import { emitTo } from '@tauri-apps/api/event'; emitTo({ kind: 'Window', label: 'w' }, 'a')",
      { emitTo: [{ event: 'a', to: 'w' }] },
    ],
    ["import { emitTo } from '@tauri-apps/api/event'; emitTo({ kind: 'Any' }, 'a')", { emit: ['a'] }],
    ["import { listen } from '@tauri-apps/api/event'; listen('tauri://blur')", {}],
    ["import { listen, TauriEvent } from '@tauri-apps/api/event'; listen(TauriEvent.WINDOW_BLUR)", {}],
    [
      "import { getCurrentWindow } from '@tauri-apps/api/window'; const w = getCurrentWindow(); w.listen('a'); w.emit('b')",
      { listen: ['a'], emit: ['b'] },
    ],
    [
      "import { WebviewWindow } from '@tauri-apps/api/webviewWindow'; const w = await WebviewWindow.getByLabel('x'); w?.emitTo('x', 'a')",
      { emitTo: [{ event: 'a', to: 'x' }] },
    ],
    [
      "const { listen } = window.__TAURI__.event; listen('a'); window.__TAURI__.window.getCurrentWindow().emit('b')",
      { listen: ['a'], emit: ['b'] },
    ],
    ["import { listen } from 'tauri-plugin-event-bus-api/tauri'; listen('a')", { listen: ['a'] }],
    ["import { listen } from './event'; listen('a')", {}],
    ["import type { Event } from '@tauri-apps/api/event'; type T = Event<string>", {}],
  ])('%s', (code, expected) => {
    expect(usesOf(code)).toEqual({ entries: { listen: [], emit: [], emitTo: [], ...expected }, notes: [] })
  })

  it.each([
    ["import { listen } from '@tauri-apps/api/event'; listen(name)", 'listen', /computed name/],
    ["import { listen } from '@tauri-apps/api/event'; use(listen)", 'listen', /passes listen on/],
    ["import { emit } from '@tauri-apps/api/event'; export { emit }", 'emit', /exports functions of .* again/],
    ["import { emit } from '@tauri-apps/api/event'; emit(`${name}:a`)", 'emit', /computed name/],
  ])('%s covers everything, with a note', (code, verb, note) => {
    const { entries, notes } = usesOf(code)
    expect(entries[verb]).toEqual(['*'])
    expect(notes).toEqual([expect.stringMatching(note)])
  })
})

describe('a capability', () => {
  const entries = { listen: ['a', 'b:c'], emit: ['d'], emitTo: [{ event: 'e', to: 'main' }] }
  const permissions = (list) => JSON.stringify({ identifier: 'x', permissions: list })

  it('without the events of Tauri is left', () => {
    const text = permissions(['core:window:default', { identifier: 'fs:scope', allow: [] }])
    expect(addPermissions(text, entries)).toBe(text)
  })

  it('gets what Tauri let it do', () => {
    const after = readJson(addPermissions(permissions(['core:event:allow-emit']), entries))
    expect(after.permissions.slice(1)).toEqual([{ identifier: 'event-bus:allow-emit', allow: ['d'] }])
  })

  it('that allows it already is left', () => {
    const lists = [
      ['core:default', 'event-bus:default'],
      ['core:default', 'event-bus:listen', 'event-bus:emit'],
      [
        'core:default',
        { identifier: 'event-bus:listen', allow: ['a', 'b:*'] },
        { identifier: 'event-bus:allow-emit', allow: ['*'] },
        { identifier: 'event-bus:allow-emit-to', allow: [{ event: '*', to: ['ma*', 'other'] }] },
      ],
    ]
    for (const list of lists) expect(addPermissions(permissions(list), entries)).toBe(permissions(list))
  })

  it('is not covered by entries of other kinds', () => {
    const others = [{ page: 'editor-*' }, { presence: 'doc:*' }, { request: 'a' }, { task: 'a' }, { default: true }]
    // Malformed entries, which the check of capabilities reports.
    const malformed = [null, 1, { event: 1 }, { to: 'main' }]
    const lists = (allow) => [
      'core:event:default',
      { identifier: 'event-bus:listen', allow },
      { identifier: 'event-bus:allow-emit-to', allow },
    ]
    const given = [...others, ...malformed]
    const after = readJson(addPermissions(permissions(lists(given)), { ...entries, emit: [] }))
    expect(after.permissions).toEqual([
      'core:event:default',
      { identifier: 'event-bus:listen', allow: [...given, 'a', 'b:c'] },
      { identifier: 'event-bus:allow-emit-to', allow: [...given, { event: 'e', to: 'main' }] },
    ])
  })

  it.each([
    ['capabilities/a.json', true],
    ['capabilities/a.json5', true],
    ['app/capabilities/desktop/a.toml', true],
    ['capabilities/schemas/more/a.json', true],
    ['capabilities/schemas/a.json', false],
    ['capabilities/desktop/schemas/a.json', false],
    ['capabilities/README.md', false],
    ['capabilities/a.jsonc', false],
    ['capabilities/.json', false],
  ])('may be in %s: %j', (path, isOne) => {
    expect(isCapabilityFile(path)).toBe(isOne)
  })
})
