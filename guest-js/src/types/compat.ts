/**
 * One thing that the rules of the bus would have done otherwise, while compatible mode is on.
 *
 * @example
 * ```ts
 * import { type CompatNote, compatReport } from 'tauri-plugin-event-bus-api'
 *
 * const ofLabels = (note: CompatNote) => note.kind === 'unknown-label'
 * console.table((await compatReport()).notes.filter(ofLabels))
 * ```
 */
export interface CompatNote {
  /** The rule that would have acted otherwise. */
  kind: 'unknown-label' | 'other-target' | 'broadcast' | 'replay' | 'value' | 'limit' | 'core' | (string & {})
  /** The name of the event. */
  event: string
  /** What would have been different, in one sentence. */
  message: string
}

/**
 * What compatible mode has noted.
 *
 * @example
 * ```ts
 * import { type CompatReport, compatReport } from 'tauri-plugin-event-bus-api'
 *
 * const report: CompatReport = await compatReport()
 * if (report.notes.length === 0) console.log('compatible mode can be turned off')
 * ```
 */
export interface CompatReport {
  /** One note for each kind and name, in the order in which they came. */
  notes: CompatNote[]
  /** How many times a difference had no more room in `notes`, of which 256 are kept. */
  omitted: number
}
