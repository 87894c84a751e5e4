import { webdriverio } from '@vitest/browser-webdriverio'

// The browser and its driver are those of the system, so that nothing is downloaded.
const { CHROMIUM = '/usr/bin/chromium', CHROMEDRIVER = '/usr/bin/chromedriver' } = process.env

export default {
  test: {
    include: ['bus.test.js', 'frame.browser.js'],
    globals: true,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: webdriverio({
        capabilities: {
          // Root, as in containers, has no sandbox.
          'goog:chromeOptions': { binary: CHROMIUM, args: ['no-sandbox', 'disable-dev-shm-usage'] },
          'wdio:chromedriverOptions': { binary: CHROMEDRIVER },
        },
      }),
      instances: [{ browser: 'chrome' }],
    },
  },
}
