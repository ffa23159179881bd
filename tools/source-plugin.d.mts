import type { Plugin } from 'vite'

export function source(): Plugin
