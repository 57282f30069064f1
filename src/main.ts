#!/usr/bin/env node
import { run } from './cli/program.ts'

process.exitCode = await run(process.argv)

// Whatever a library still holds open must not keep a finished command alive.
setTimeout(() => process.exit(), 1_000).unref()
