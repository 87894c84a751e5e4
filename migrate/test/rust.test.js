import { beforeAll, describe, expect, it } from 'vitest'
import { addPlugin, buildersIn, moveTraits, placeFor, registersPlugin, rustParser } from '../src/rust.js'

let parser
beforeAll(async () => {
  parser = await rustParser()
})

function moved(text) {
  const notes = []
  const result = moveTraits(parser, { path: 'main.rs', text }, (note) => notes.push(note))
  // Moving again changes nothing.
  expect(moveTraits(parser, { path: 'main.rs', text: result }, () => {})).toBe(result)
  return { result, notes }
}

const COMPAT = 'use tauri_plugin_event_bus::compat::'

const uses = [
  ['use tauri::Emitter;', `${COMPAT}Emitter;`],
  ['pub(crate) use tauri::Listener;', `pub(crate) ${COMPAT}Listener;`],
  ['use tauri::Emitter as _;', `${COMPAT}Emitter as _;`],
  ['use tauri::{Emitter, Listener};', `${COMPAT}{Emitter, Listener};`],
  ['use tauri::{Emitter, Manager};', `use tauri::Manager;\n${COMPAT}Emitter;`],
  ['use tauri::{Manager, Listener as L};', `use tauri::Manager;\n${COMPAT}Listener as L;`],
  ['use tauri::{self, Emitter};', `use tauri::{self};\n${COMPAT}Emitter;`],
  ['use tauri::{ipc::{Channel}, Emitter, Manager};', `use tauri::{ipc::{Channel}, Manager};\n${COMPAT}Emitter;`],
  ['use {std::fs, tauri::{Emitter, Listener}};', `use {std::fs};\n${COMPAT}{Emitter, Listener};`],
  ['use ::tauri::Manager;', 'use ::tauri::Manager;'],
  ['use other::{Emitter, tauri::Listener};', 'use other::{Emitter, tauri::Listener};'],
  ['fn a() {\n    use tauri::{Emitter, Manager};\n}', `fn a() {\n    use tauri::Manager;\n    ${COMPAT}Emitter;\n}`],
  [
    'use tauri::{\n    AppHandle,\n    Emitter, // for rows\n    Manager,\n};',
    `use tauri::{\n    AppHandle,\n    // for rows\n    Manager,\n};\n${COMPAT}Emitter;`,
  ],
  ['#[cfg(test)]\nuse tauri::Emitter;', `#[cfg(test)]\n${COMPAT}Emitter;`],
  [
    'fn a(_: &impl tauri::Emitter<tauri::Wry>) {}',
    'fn a(_: &impl tauri_plugin_event_bus::compat::Emitter<tauri::Wry>) {}',
  ],
  [
    'fn a() { tauri::Emitter::emit(&app, "a", 1); }',
    'fn a() { tauri_plugin_event_bus::compat::Emitter::emit(&app, "a", 1); }',
  ],
  [
    '// use tauri::Emitter;\nconst A: &str = "use tauri::Emitter;";',
    '// use tauri::Emitter;\nconst A: &str = "use tauri::Emitter;";',
  ],
]

describe('a use line', () => {
  it.each(uses)('%j', (before, after) => {
    expect(moved(before)).toEqual({ result: after, notes: [] })
  })

  it.each([
    ['#[cfg(test)]\nuse tauri::{Emitter, Manager};', /has an attribute/],
    ['use tauri::*;\nfn a() { app.emit("a", 1); }', /imports all of tauri/],
    ['use tauri::{Emitter;\nfn', /cannot be parsed/],
  ])('%j is left, with a note', (before, note) => {
    expect(moved(before)).toEqual({ result: before, notes: [expect.stringMatching(note)] })
  })
})

function withPlugin(text) {
  const builders = buildersIn(parser, { text })
  return builders.map((builder) => addPlugin(placeFor(parser, { text }, builder), text))
}

describe('the plugin', () => {
  it.each([
    [
      'fn a() { tauri::Builder::default().run(x); }',
      'fn a() { tauri::Builder::default().plugin(tauri_plugin_event_bus::init()).run(x); }',
    ],
    [
      'fn a() { tauri::Builder::<tauri::Wry>::new()\n    .run(x); }',
      'fn a() { tauri::Builder::<tauri::Wry>::new()\n    .plugin(tauri_plugin_event_bus::init())\n    .run(x); }',
    ],
    [
      'use tauri::Builder;\nfn a() { Builder::default().run(x); }',
      'use tauri::Builder;\nfn a() { Builder::default().plugin(tauri_plugin_event_bus::init()).run(x); }',
    ],
    [
      'fn a() { tauri::Builder::default().plugin(tauri_plugin_single_instance::init(|_, _, _| {})).run(x); }',
      'fn a() { tauri::Builder::default().plugin(tauri_plugin_single_instance::init(|_, _, _| {})).plugin(tauri_plugin_event_bus::init()).run(x); }',
    ],
  ])('%j', (before, after) => {
    expect(withPlugin(before)).toEqual([after])
    expect(registersPlugin({ text: before })).toBe(false)
    expect(registersPlugin({ text: after })).toBe(true)
  })

  it.each([
    'fn a() { Builder::default().run(x); }',
    'fn a() { other::Builder::default(); tauri::test::mock_builder(); }',
  ])('is not added to %j', (text) => {
    expect(withPlugin(text)).toEqual([])
  })

  it('is known in a list of imports', () => {
    expect(registersPlugin({ text: 'use tauri_plugin_event_bus::{Config, Builder};' })).toBe(true)
    expect(registersPlugin({ text: 'use tauri_plugin_event_bus::compat::Emitter;' })).toBe(false)
  })
})
