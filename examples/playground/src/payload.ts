/** The content of the payload editor: a value, nothing, or a problem in words. */
export type Payload = { kind: 'none' } | { kind: 'value'; value: unknown } | { kind: 'problem'; problem: string }

export function parsePayload(text: string): Payload {
  if (text.trim() === '') return { kind: 'none' }
  try {
    return { kind: 'value', value: JSON.parse(text) }
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^JSON Parse error: /, '') : String(error)
    return { kind: 'problem', problem: `This is not JSON yet: ${reason}.`.replace(/\.\.$/, '.') }
  }
}
