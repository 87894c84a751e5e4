import { descriptions } from '../core/descriptions.js'
import { query } from '../core/query.js'
import type { Catalog } from '../types/catalog.js'

/**
 * Reads what the app declares in Rust, for pages that show it, such as developer tools. It needs a permission of its own,
 * `event-bus:allow-catalog`.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { catalog } from 'tauri-plugin-event-bus-api'
 *
 * const { events } = await catalog()
 * console.table(events, ['name', 'description'])
 * ```
 */
export async function catalog(): Promise<Catalog> {
  const declared = (await query('catalog')) as Catalog
  return { ...declared, components: [...declared.components, ...descriptions.values()] }
}
