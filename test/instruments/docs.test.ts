import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { instrumentsPage, instrumentsPath } from '../../scripts/instrument-tables.ts'

const page = readFileSync(instrumentsPath, 'utf8')

test('docs/instruments.md has the tables that the definitions give: npm run docs', () => expect(instrumentsPage(page)).toBe(page))

test('a table has what a definition says', () => {
  expect(page).toContain(
    "| `device.clockDrift` | `neural.device.clock.drift`<br>How much faster the device's clock is, in millionths. | gauge, `{ppm}` | `stream.id` | `neural_device_clock_drift` |",
  )
})
