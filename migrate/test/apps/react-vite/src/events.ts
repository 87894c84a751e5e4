export const EVENTS = {
  message: 'chat:message',
  typing: 'chat:typing',
} as const
export const ROW = 'row'
