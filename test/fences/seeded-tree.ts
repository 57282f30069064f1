import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile, access } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** The folder of the project. */
export const project = join(import.meta.dirname, '..', '..')

const tools = ['package.json', 'tsconfig.json', '.dependency-cruiser.mjs', '.oxlintrc.json']

/** A copy of the real src/ with more files in it, to let the tools of `make check` loose on. */
export interface SeededTree extends AsyncDisposable {
  /** Runs a tool of node_modules/.bin in the tree; what it printed, whatever its exit code: breaches are what we want. */
  run(tool: string, ...args: readonly string[]): Promise<string>
}

/** @param files path → content; an existing file is never replaced when it is in `unlessThere`. */
export async function seededTree(
  files: Readonly<Record<string, string>>,
  unlessThere: Readonly<Record<string, string>> = {},
): Promise<SeededTree> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-fence-'))
  await cp(join(project, 'src'), join(root, 'src'), { recursive: true })
  for (const tool of tools) await cp(join(project, tool), join(root, tool))
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'))
  for (const [path, content] of Object.entries(unlessThere)) {
    if (!(await exists(join(root, path)))) await put(join(root, path), content)
  }
  for (const [path, content] of Object.entries(files)) await put(join(root, path), content)
  return {
    run: (tool, ...args) => output(root, tool, args),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

/** All .ts files below a folder of the project, as paths from the project's root. */
export async function typescriptFiles(folder: string): Promise<string[]> {
  const names = await readdir(join(project, folder), { recursive: true })
  return names.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`)
}

/** What a tool of node_modules/.bin prints on standard output in `cwd`. @throws Error when it prints nothing. */
export async function output(cwd: string, tool: string, args: readonly string[]): Promise<string> {
  const bin = join(project, 'node_modules', '.bin')
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` }
  const options = { cwd, env, maxBuffer: 256 * 1024 * 1024 }
  const result = await promisify(execFile)(join(bin, tool), args, options).catch((error: unknown) => error)
  const { stdout = '', stderr = '' } = result as { stdout?: string; stderr?: string }
  if (stdout === '') throw new Error(`${tool} printed nothing: ${stderr || String(result)}`)
  return stdout
}

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
