'use client'
import { listen as on } from '@tauri-apps/api/event'
import { getCurrentWindow } from '@tauri-apps/api/window'
export { emit } from '@tauri-apps/api/event'

export const start = () => [on('a', () => {}), getCurrentWindow().listen('b', () => {})]
