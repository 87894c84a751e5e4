/** Properties that a test changes. */
export function named(handler) {
  const props = $state({ name: 'a', handler })
  return props
}
