// Drops every command that the app does not use.
const prefixes = [
  'plugin:event|',
  'plugin:webview|',
  'plugin:window|',
  'plugin:deep-link|',
  'plugin:store|',
  'plugin:event-bus|',
]

window.__TAURI_ISOLATION_HOOK__ = (message) => {
  const { cmd } = message
  const isAllowed = !cmd.startsWith('plugin:') || prefixes.some((prefix) => cmd.startsWith(prefix))
  return isAllowed ? message : undefined
}
