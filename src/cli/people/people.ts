import type { Command } from 'commander'
import { addBind } from './bind/command.ts'
import { addCompletion } from './completion/command.ts'
import { addDescribe } from './describe/command.ts'
import { addGet } from './get/command.ts'
import { addSend } from './send/command.ts'
import { addTail } from './tail/command.ts'
import { addTrace } from './trace/command.ts'
import { addTree } from './tree/command.ts'
import type { Said } from './command.ts'

/** Commands for people at a terminal: they look, send and bind, on a laptop as against a cluster. @param said how errors are told. */
export function addPeople(millrace: Command, said: Said): void {
  const all = [addBind, addCompletion, addDescribe, addGet, addSend, addTail, addTrace, addTree]
  for (const add of all) add(millrace, said)
}
