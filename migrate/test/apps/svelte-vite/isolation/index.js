const allowed = [
  'plugin:event|listen',
  'plugin:event|unlisten',
]

window.__TAURI_ISOLATION_HOOK__ = (payload) => {
  if (!allowed.includes(payload.cmd)) throw new Error(payload.cmd)
  return payload
}
