/** Controls that could move the cursor, change colours or write the clipboard of a terminal; line feed and tab are harmless. */
const harmful = /[^\P{Cc}\n\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** Text of strangers for a terminal: what would act on it is shown in its place. */
export function plainText(text: string): string {
  return text.replaceAll(harmful, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The same in one line. */
export function plainLine(text: string): string {
  return plainText(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

/** JSON that reads the same, and has nothing in it that a terminal would act on: its own escapes are those of {@link plainText}. */
export function plainJson(value: unknown, indent = 0): string {
  return plainText(JSON.stringify(value, null, indent))
}
