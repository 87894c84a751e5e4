/** Calls `render` once in the next animation frame, however often it was called. */
export function onFrame(render: () => void): () => void {
  let requested = false
  return () => {
    if (requested) return
    requested = true
    requestAnimationFrame(() => {
      requested = false
      render()
    })
  }
}
