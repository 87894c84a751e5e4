/** Calls `render` once in the next animation frame, however often it was asked to. */
export function onFrame(render: () => void): () => void {
  let asked = false
  return () => {
    if (asked) return
    asked = true
    requestAnimationFrame(() => {
      asked = false
      render()
    })
  }
}
