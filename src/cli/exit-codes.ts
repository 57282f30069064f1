/** What commands end with, as `kubectl` and `grep` have it: a script can tell what went wrong from what was asked wrongly. */
export const exitCodes = { fine: 0, problem: 1, usage: 2 } as const
