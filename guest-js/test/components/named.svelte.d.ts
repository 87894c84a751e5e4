/** Properties that a test changes. */
export function named(handler: unknown): { name: string; handler: unknown }
