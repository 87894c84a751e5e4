import type { ErrorCode } from '../types/error-code.js'

/** The permission set of each command, where its name differs from that of the command. */
const SETS: Partial<Record<string, string>> = {
  emit_to: 'emit',
  subscribe: 'listen',
  unsubscribe: 'listen',
  settle: 'listen',
  pull: 'listen',
  start_job: 'jobs',
  stop_job: 'jobs',
  pause_job: 'jobs',
  resume_job: 'jobs',
  update_job: 'jobs',
  list_jobs: 'jobs',
  start_task: 'tasks',
  attach_task: 'tasks',
  cancel_task: 'tasks',
  list_tasks: 'tasks',
  clear_retained: 'allow-clear-retained',
  cancel_request: 'request',
  set_responders: 'respond',
  catalog: 'allow-catalog',
  compat_report: 'inspect',
  tap: 'allow-tap',
}

/** The alternative to a set: a permission for some events only. Or what the permission needs. */
const SCOPED: Partial<Record<string, string>> = {
  emit: ', or { "identifier": "event-bus:allow-emit", "allow": [names] } for some events only,',
  emit_to: ', or { "identifier": "event-bus:allow-emit-to", "allow": [{ "event": name, "to": label }] } for some only,',
  clear_retained: ' with "allow": [{ "event": name }]',
}

/** Reads the bare strings of Tauri's access control and argument parser, which differ between debug and release builds. */
export function readTauriError(text: string, command = ''): [ErrorCode, string] {
  // The parser quotes its input, which may look like any other message, so this check comes first.
  if (text.startsWith('invalid args ')) return ['invalid_argument', text]
  if (/\bplugin\b.*\bnot found/i.test(text)) {
    return [
      'unavailable',
      `the event-bus plugin is not registered: add .plugin(tauri_plugin_event_bus::init()) to the app's builder (${text})`,
    ]
  }
  if (/\bcommand\b.*\bnot found/i.test(text)) {
    return [
      'unavailable',
      `the event-bus plugin does not know this command: the crate is older than the npm package (${text})`,
    ]
  }
  // The remedy comes first: in debug builds Tauri appends a long list of what would allow the command.
  const page = `this page may not use ${command ? `the command "${command}"` : 'this command'}`
  if (/explicitly denied/i.test(text)) {
    return ['denied', `${page}: a capability denies it in every window (${text})`]
  }
  if (/not allowed|denied/i.test(text)) {
    const permission = `"event-bus:${SETS[command] ?? (command || 'default')}"${SCOPED[command] ?? ''}`
    return ['denied', `${page}: add ${permission} to a capability whose "windows" name its window (${text})`]
  }
  return ['invalid_argument', text]
}
