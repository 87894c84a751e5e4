import { main } from './main.js'

globalThis.ran = main()
