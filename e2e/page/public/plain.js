// A script that imports nothing: what it knows of the event bus are events of the DOM.
window.heardPlainly = []
window.addEventListener('app:order:paid', (event) => {
  const { payload, component, causes } = event.detail
  window.heardPlainly.push({ payload, component, causes })
  window.dispatchEvent(new CustomEvent('app:receipt:wanted', { detail: { order: payload.order } }))
})
