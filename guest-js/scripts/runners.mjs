// Runs the tests of tests/runners, which are those of an app, in the test runners that apps use, with real and with fake
// timers. Without `--all`, only in those that are installed here. With it, each is installed from npm into a folder of its
// own, and so is the package, as it would be published. A name after `--all` picks one.
//
// Vitest's browser mode drives the system's Chromium: CHROMIUM and CHROMEDRIVER, else those of Debian. Without them it is
// left out, unless it is picked.
import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv, env, execPath } from 'node:process'
import { guest, inScratch, run } from './scratch.mjs'

const root = join(guest, '..')
const fixture = join(root, 'tests/runners')

const nodeTest = [execPath, '--test', 'bus.node.js']
const vitest = (folder, environment) => [
  execPath,
  join(folder, 'node_modules/vitest/vitest.mjs'),
  'run',
  '--globals',
  `--environment=${environment}`,
]
const jest = (folder, environment) => [execPath, join(folder, 'node_modules/jest/bin/jest.js'), `--env=${environment}`]

/** Jest runs CommonJS, into which Babel turns the files of the app. It leaves those of packages as they are. */
const ofJest = (version) => ({
  packages: [
    `jest@${version}`,
    `jest-environment-jsdom@${version}`,
    `babel-jest@${version}`,
    '@babel/core@7',
    '@babel/preset-env@7',
  ],
  type: 'commonjs',
  files: { 'babel.config.json': { presets: [['@babel/preset-env', { targets: { node: 'current' } }]] } },
  commands: (folder) => [jest(folder, 'node'), jest(folder, 'jsdom')],
})

const runners = {
  'node --test': { packages: [], type: 'module', commands: () => [nodeTest] },
  'jest 29': ofJest(29),
  'jest 30': ofJest(30),
  'vitest 4': {
    // The newest jsdom that Node 20 runs.
    packages: ['vitest@4', 'jsdom@26', 'happy-dom@20'],
    type: 'module',
    commands: (folder) => ['node', 'jsdom', 'happy-dom'].map((environment) => vitest(folder, environment)),
  },
  'vitest 4 browser': {
    packages: ['vitest@4', '@vitest/browser-webdriverio@4', 'webdriverio@9'],
    type: 'module',
    needs: [env.CHROMIUM ?? '/usr/bin/chromium', env.CHROMEDRIVER ?? '/usr/bin/chromedriver'],
    commands: (folder) => [
      [execPath, join(folder, 'node_modules/vitest/vitest.mjs'), 'run', '--config=vitest.browser.js'],
    ],
  },
}

if (!argv.includes('--all')) {
  for (const command of [nodeTest, vitest(root, 'node'), vitest(root, 'happy-dom')]) run(command, fixture)
  console.log('the test bus works in node --test and vitest (node, happy-dom)')
} else {
  const [name] = argv.slice(argv.indexOf('--all') + 1)
  if (name && !(name in runners))
    throw new Error(`no runner ${name}; expected one of ${Object.keys(runners).join(', ')}`)
  inScratch((scratch, install) => {
    for (const [runner, { packages, type, files = {}, needs = [], commands }] of Object.entries(runners)) {
      if (name && runner !== name) continue
      const missing = needs.filter((file) => !existsSync(file))
      if (missing.length > 0 && !name) {
        console.log(`left out ${runner}: ${missing.join(' and ')} not found; install chromium and chromium-driver`)
        continue
      }
      const folder = join(scratch, runner.replaceAll(/\W+/g, '-'))
      cpSync(fixture, folder, { recursive: true })
      for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), JSON.stringify(content))
      install(folder, packages, { type })
      for (const command of commands(folder)) run(command, folder)
      console.log(`the test bus works in ${runner}`)
    }
  })
}
