globalThis.ran = require('./commonjs.cjs').main()
