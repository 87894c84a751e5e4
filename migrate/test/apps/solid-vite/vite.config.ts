import { defineConfig } from 'vite'
import solid from 'vite-plugin-solid'

const plugins = [solid()]

export default defineConfig({ plugins })
