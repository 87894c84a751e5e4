/** Whether a name is this one, or matches this pattern: `*`, `?`, `[abc]`. */
export function matches(pattern: string, name: string): boolean {
  if (!/[*?[]/.test(pattern)) return pattern === name
  const parts = pattern.match(/\*+|\?|\[[^\]]*\]|[^*?[]+|\[/g) ?? []
  const text = parts.map((part) => {
    if (part.startsWith('*')) return '.*'
    if (part === '?') return '.'
    if (part.length > 2 && part.startsWith('[')) {
      const inner = part.slice(1, -1).replace(/[\\\]^]/g, '\\$&')
      return part[1] === '!' ? `[^${inner.slice(1)}]` : `[${inner}]`
    }
    return part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  })
  try {
    return new RegExp(`^${text.join('')}$`, 'su').test(name)
  } catch {
    return false
  }
}
