// What an expression says of a name or a label: its exact texts, or a pattern, or nothing.

/** The module whose functions listen and emit. */
export const EVENT_MODULE = '@tauri-apps/api/event'

/** The entry that an import line names after the move. */
export const ENTRY = 'tauri-plugin-event-bus-api/tauri'

/** @typedef {string[] | null} Texts Names or patterns; `null` where they are computed. */

/** Takes off what only the compiler reads. */
export function unwrap(node) {
  const wrapping = [
    'TSAsExpression',
    'TSSatisfiesExpression',
    'TSNonNullExpression',
    'ParenthesizedExpression',
    'ChainExpression',
  ]
  let inner = node
  while (inner && (wrapping.includes(inner.type) || inner.type === 'TSTypeAssertion')) inner = inner.expression
  return inner
}

/**
 * The texts that an expression may have, as far as the sources tell.
 *
 * @param {any} node
 * @param {(name: string) => string | undefined} constant The value of a constant, such as `NAME` or `EVENTS.CHAT`.
 * @returns {Texts}
 */
export function textsOf(node, constant) {
  const inner = unwrap(node)
  switch (inner?.type) {
    case 'Literal':
      return typeof inner.value === 'string' ? [inner.value] : null
    case 'TemplateLiteral': {
      const parts = inner.quasis.map(({ value }) => value.cooked)
      return parts.length === 1 ? parts : patternOf(parts)
    }
    case 'BinaryExpression': {
      const left = inner.operator === '+' ? textsOf(inner.left, constant) : null
      const right = left && textsOf(inner.right, constant)
      if (!left || left.length > 1) return null
      return right ? right.map((text) => left[0] + text) : patternOf([left[0], ''])
    }
    case 'ConditionalExpression': {
      const both = [textsOf(inner.consequent, constant), textsOf(inner.alternate, constant)]
      return both.every((texts) => texts) ? both.flat() : null
    }
    case 'Identifier': {
      const value = constant(inner.name)
      return value === undefined ? null : [value]
    }
    case 'MemberExpression': {
      const path = pathOf(inner)
      const value = path === undefined ? undefined : constant(path)
      return value === undefined ? null : [value]
    }
    default:
      return null
  }
}

/** A pattern of what stands between computed parts. One that begins with such a part would allow nearly everything. */
function patternOf(parts) {
  return parts[0] === '' ? null : [parts.join('*').replaceAll(/\*+/g, '*')]
}

/** `a.b.c` as a text. */
export function pathOf(node) {
  const inner = unwrap(node)
  if (inner?.type === 'Identifier') return inner.name
  if (inner?.type !== 'MemberExpression' || inner.computed) return undefined
  const owner = pathOf(inner.object)
  return owner === undefined ? undefined : `${owner}.${inner.property.name}`
}

/** The constants that a program declares, by their paths: texts, and texts in objects and enums. */
export function constantsOf(program) {
  const constants = new Map()
  const note = (path, node) => {
    const inner = unwrap(node)
    if (inner?.type === 'Literal' && typeof inner.value === 'string') constants.set(path, inner.value)
    if (inner?.type === 'TemplateLiteral' && inner.quasis.length === 1)
      constants.set(path, inner.quasis[0].value.cooked)
    if (inner?.type !== 'ObjectExpression') return
    for (const { type, key, value, computed } of inner.properties) {
      if (type === 'Property' && !computed) note(`${path}.${key.name ?? key.value}`, value)
    }
  }
  for (const statement of program.body) {
    const declaration = statement.declaration ?? statement
    if (declaration?.type === 'VariableDeclaration' && declaration.kind === 'const') {
      for (const { id, init } of declaration.declarations) if (id.type === 'Identifier' && init) note(id.name, init)
    }
    if (declaration?.type === 'TSEnumDeclaration') {
      for (const { id, initializer } of declaration.body?.members ?? declaration.members ?? []) {
        if (initializer) note(`${declaration.id.name}.${id.name ?? id.value}`, initializer)
      }
    }
  }
  return constants
}
