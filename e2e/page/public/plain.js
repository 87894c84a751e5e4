// A script without imports: it receives events of the bus as DOM events.
window.receivedPlainly = []
window.addEventListener('app:order:paid', (event) => {
  const { payload, component, causes } = event.detail
  window.receivedPlainly.push({ payload, component, causes })
  window.dispatchEvent(new CustomEvent('app:receipt:wanted', { detail: { order: payload.order } }))
})
