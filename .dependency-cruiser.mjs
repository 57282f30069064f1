import swcVisitor from '@swc/core/Visitor.js'

/**
 * The import law of docs/architecture.md, type imports included. `test/fences` seeds one breach a rule and expects each to be caught.
 * A new room, a new vendor, a new home: a line in one of the three tables.
 */

/** Which rooms and files of src/ a room may import besides itself. */
const rooms = {
  core: [],
  event: ['core/'],
  api: ['core/', 'event/'],
  contract: ['core/', 'event/', 'api/meta/'],
  telemetry: ['core/'],
  kube: ['core/', 'telemetry/', 'api/meta/', 'contract/'],
  kafka: ['core/', 'telemetry/'],
  'control-plane': ['core/', 'event/', 'api/', 'contract/', 'telemetry/', 'kube/', 'kafka/'],
  'data-plane': ['core/', 'event/', 'contract/', 'telemetry/', 'kafka/'],
  viewer: ['core/', 'event/', 'telemetry/', 'data-plane/wire/'],
  cli: [],
}
rooms.cli = Object.keys(rooms).map((room) => `${room}/`)

/** Files that planes must not see: they see the port beside them. */
const adapters = {
  log: { port: 'src/kafka/log.ts', hidden: '^src/kafka/(?!log\\.ts$)' },
  kube: { port: 'src/kube/client.ts', hidden: '^src/kube/(rest|memory|transport|kubeconfig|routes)' },
  routes: { port: 'src/contract/route-source.ts', hidden: '^src/contract/memory-' },
}

/** Where a vendor lives. Tests may use any. */
const homes = {
  '@kubernetes/client-node': '^src/kube/kubeconfig\\.ts$',
  '@opentelemetry/[^/]+': '^src/telemetry/tracing/',
  '@platformatic/kafka': '^src/kafka/platformatic/',
  '@peculiar/x509': '^src/control-plane/webhook/',
  cloudevents: '^src/data-plane/wire/',
  commander: '^src/cli/',
  fastify: '^src/(data-plane/ingress|control-plane/webhook)/',
  kafkajs: '^src/kafka/kafkajs\\.ts$',
  pino: '^src/telemetry/',
  'prom-client': '^src/telemetry/',
  undici: '^src/data-plane/dispatcher/',
  yaml: '^src/api/yaml[^/]*\\.ts$',
  zod: '^src/(?!core/|telemetry/)',
}

const test = '\\.test\\.ts$'
const src = '^src/'
const names = Object.keys(rooms)
const vendor = (name) => `(^|/)node_modules/${name}/|^${name}(/|$)` // the second: not installed
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

const roomRules = names.map((room) =>
  forbid(
    `room-${room}`,
    `${room} may import ${rooms[room].join(' ') || 'no other room'}`,
    { path: `^src/${room}/` },
    { path: src, pathNot: [`${room}/`, ...rooms[room]].map((allowed) => `^src/${allowed}`) },
  ),
)

const homeRules = Object.entries(homes).map(([name, home]) =>
  forbid(
    `home-${name
      .replace(/^@/, '')
      .replace(/\W+$/, '')
      .replaceAll(/[^a-z0-9]+/g, '-')}`,
    `${name} is used in ${home} only`,
    { path: src, pathNot: [home, test] },
    { path: vendor(name) },
  ),
)

const planeRules = Object.entries(adapters).map(([name, { port, hidden }]) =>
  forbid(
    `planes-see-the-${name}-port`,
    `planes see ${port}; only cli chooses an adapter`,
    { path: '^src/(control-plane|data-plane|viewer)/', pathNot: test },
    { path: hidden },
  ),
)

// The visitor that dependency-cruiser 17.4.3 gets from swc does not know `using` and throws; without this no file with it could be read.
const { visitStatement } = swcVisitor.Visitor.prototype
swcVisitor.Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement)
  return { ...statement, decls: this.visitVariableDeclarators(statement.decls) }
}

export default {
  forbidden: [
    ...roomRules,
    ...homeRules,
    ...planeRules,
    forbid(
      'home-node-sqlite',
      'node:sqlite is used in kafka/embedded/ only',
      { path: src, pathNot: ['^src/kafka/embedded/', test] },
      { path: '^(node:)?sqlite$' },
    ),
    forbid(
      'vendor-without-home',
      'a package is used in one home: give it one in .dependency-cruiser.mjs, and a line in docs/decisions/0005-dependencies.md',
      { path: src, pathNot: test },
      { path: '(^|/)node_modules/', pathNot: Object.keys(homes).map(vendor) },
    ),
    forbid(
      'core-has-no-vendor',
      'core is plain TypeScript',
      { path: '^src/core/', pathNot: test },
      { path: '(^|/)node_modules/' },
    ),
    forbid(
      'no-io-in-the-cellar',
      'core, event, api and contract do no I/O',
      { path: '^src/(core|event|api|contract)/', pathNot: test },
      {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|net|http|https|http2|tls|dgram|dns|child_process|worker_threads|cluster|sqlite|process|readline)(/|$)',
      },
    ),
    forbid(
      'room-unknown',
      'a room stands in the table of .dependency-cruiser.mjs',
      { path: src, pathNot: [`^src/(${names.join('|')})/`, '^src/main\\.ts$'] },
      {},
    ),
    forbid('room-main', 'main.ts hands over to cli', { path: '^src/main\\.ts$' }, { path: src, pathNot: '^src/cli/' }),
    forbid(
      'data-plane-does-not-reach-kube',
      'the data plane does not reach Kubernetes through any number of steps',
      { path: '^src/data-plane/', pathNot: test },
      { path: ['^src/kube/', vendor('@kubernetes')], reachable: true },
    ),
    forbid('no-cycles', 'imports run downhill', { path: src }, { circular: true }),
    forbid('no-barrels', 'import the file that has it', { path: '/index\\.ts$' }, {}),
    forbid(
      'no-utils',
      'a thing has a name: put it where it belongs',
      {},
      { path: ['^src/(utils?|helpers?|common|misc)(/|\\.ts$)', '^src/.*/(utils?|helpers?|common|misc)(/|\\.ts$)'] },
    ),
    forbid(
      'src-does-not-import-tests',
      'what ships stands alone',
      { path: src, pathNot: test },
      { path: ['^(test|bench|examples)/', test] },
    ),
    forbid(
      'examples-stand-alone',
      'an example shows what a user would write',
      { path: '^examples/' },
      { path: ['^src/', '^test/'] },
    ),
    forbid(
      'no-dev-dependency-in-src',
      'what ships does not need devDependencies',
      { path: src, pathNot: test },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    ),
    forbid('no-unresolvable', 'the imported file or package exists', {}, { couldNotResolve: true }),
  ],
  options: {
    parser: 'swc', // TypeScript 7 has no JS API; swc sees type imports
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
