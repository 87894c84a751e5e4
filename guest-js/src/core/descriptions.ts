import type { ComponentDescription, DescribedComponent } from '../types/catalog.js'

/**
 * The descriptions of the components in this page, by namespace and name; the newest of each. They stay in the page, since the host
 * would need a limit for them.
 */
export const descriptions = new Map<string, DescribedComponent>()

export function describeComponent(
  name: string,
  namespace: string | undefined,
  full: (event: string) => string,
  { description, emits = {}, listens = {} }: ComponentDescription,
): void {
  const list = (events: Readonly<Record<string, string>>) =>
    Object.entries(events).map(([event, text]) => ({ event: full(event), description: text }))
  descriptions.set(`${namespace ?? ''}#${name}`, {
    name,
    namespace: namespace ?? null,
    description: description ?? null,
    emits: list(emits),
    listens: list(listens),
  })
}
