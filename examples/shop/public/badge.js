// A plain script without imports: shows how many items are in the cart.

for (const badge of document.querySelectorAll('[data-badge]')) {
  window.addEventListener('shop:cart:updated', ({ detail }) => {
    const count = detail.payload.lines.reduce((sum, line) => sum + line.quantity, 0)
    badge.textContent = count
    badge.parentElement.dataset.count = count
  })
}
