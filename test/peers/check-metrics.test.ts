/** `thalamus check metrics` beside the real `promtool check metrics`: the same findings, and the same pages that are no pages. */
import { describe, expect, test } from 'vitest'
import { finish, program as tool } from './kit/process.ts'
