import { sveltekit } from '@sveltejs/kit/vite'

/** @type {import('vite').UserConfig} */
const config = {
  clearScreen: false,
  plugins: [sveltekit()],
}

export default config
