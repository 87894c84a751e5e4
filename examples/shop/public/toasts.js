// A plain script without imports: shows messages and failed actions as toasts.

;(() => {
  const MAX_TOASTS = 3
  const area = document.querySelector('.toasts')

  function find(id) {
    return [...area.children].find((toast) => toast.dataset.id === id)
  }

  function line(tag, text) {
    const made = document.createElement(tag)
    made.textContent = text
    return made
  }

  function make(id) {
    const toast = document.createElement('div')
    toast.dataset.testid = 'toast'
    toast.dataset.id = id
    return toast
  }

  /** Shows a toast. It replaces the one with the same id. */
  function show(id, { level, component, text }) {
    const toast = find(id) ?? make(id)
    const close = line('button', '×')
    close.type = 'button'
    close.className = 'close'
    close.setAttribute('aria-label', 'Close')
    close.addEventListener('click', () => toast.remove())
    toast.dataset.level = level
    toast.replaceChildren(line('strong', text), line('span', component), close)
    if (!toast.isConnected) area.append(toast)
    while (area.children.length > MAX_TOASTS) area.firstElementChild.remove()
  }

  function idOfAction({ component, action }) {
    return `action:${component}:${action}`
  }

  window.addEventListener('shop:message', ({ detail }) => show(detail.payload.id, detail.payload))
  window.addEventListener('shop:error', ({ detail }) => {
    const { component, action, error, status } = detail.payload
    const from = status === undefined ? `${component} · ${action}` : `${component} · ${action} · ${status}`
    show(idOfAction(detail.payload), { level: 'error', component: from, text: error })
  })
  // The action has succeeded now.
  window.addEventListener('shop:action-complete', ({ detail }) => find(idOfAction(detail.payload))?.remove())
})()
