import { Cluster } from './cluster.ts'
import { createAppender } from './append.ts'
import { systemClock } from '../../core/clock.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Producer, createTopicsV7 } from '@platformatic/kafka'
const servers = process.env.KAFKA_PLAINTEXT!
const logger = createLogger('warn')
const cluster = new Cluster({ clientId: 'bench', bootstrapServers: servers, clock: systemClock, logger })
await cluster.request('create', (x) => createTopicsV7.api.async(x, [{ name: 'bench', numPartitions: 10, replicationFactor: 1, assignments: [], configs: [] }], 5000, false)).catch(() => {})
const value = Buffer.alloc(1024, 'x')
const names = ['ce_specversion','ce_id','ce_source','ce_type','ce_time','content-type','traceparent','ce_subject']
const vals = ['1.0','a7e3-4444-0001-aaaa','/shop/orders/eu','com.example.order.created','2026-01-01T00:00:00.000Z','application/json','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01','order-4711'].map(v=>Buffer.from(v))
async function run(label: string, append: (i: number) => Promise<unknown>, n: number, callers = 64) {
  const lat: number[] = new Array(n); let next = 0
  const c0 = process.cpuUsage(); const t0 = performance.now()
  await Promise.all(Array.from({ length: callers }, async () => { for (;;) { const i = next++; if (i >= n) return; const t = performance.now(); await append(i); lat[i] = performance.now() - t } }))
  const s = (performance.now() - t0) / 1000; const c = process.cpuUsage(c0)
  lat.sort((a, b) => a - b)
  console.log(label.padEnd(22), 'ev/s', Math.round(n / s), 'cpu us/ev', ((c.user + c.system) / n).toFixed(1), 'p50', lat[n >> 1]!.toFixed(2), 'p99', lat[Math.floor(n * 0.99)]!.toFixed(2))
}
const appender = createAppender(cluster, { clock: systemClock, logger })
const ours = (i: number) => appender.append({ topic: 'bench', partition: i % 10, key: null, value, headers: names.map((n, j) => [n, vals[j]!] as const) })
const sticky = (i: number) => appender.append({ topic: 'bench', key: null, value, headers: names.map((n, j) => [n, vals[j]!] as const) })
const p = new Producer({ clientId: 'pl', bootstrapBrokers: servers.split(','), idempotent: true })
let pending: any[] = [], busy = false, due = false
const flush = () => { due = false; if (busy || !pending.length) return; busy = true; const b = pending.splice(0, 500)
  p.send({ acks: -1, messages: b.map((x) => x.m) }).then(() => b.forEach((x) => x.ok()), (e) => b.forEach((x) => x.fail(e))).finally(() => { busy = false; if (pending.length) flush() }) }
const plAppend = (m: any) => new Promise((ok, fail) => { pending.push({ m, ok, fail }); if (!due) { due = true; setImmediate(flush) } })
const keys = names.map((n) => Buffer.from(n))
const pl = (i: number) => plAppend({ topic: 'bench', partition: i % 10, value, headers: new Map(keys.map((k, j) => [k, vals[j]!])) })
const N = Number(process.argv[2] ?? 100000)
await run('warm ours', ours, 20000); await run('warm pl', pl, 20000)
for (let r = 0; r < 2; r++) { await run('ours', ours, N); await run('pl micro-batch', pl, N) }
await run('ours sticky', sticky, N)
await run('ours 1 caller', ours, 2000, 1)
await run('ours 1000 callers', ours, N, 1000)
console.log(appender.counters, appender.pendingBytes)
await appender.close(1000); await p.close(); await cluster.close()
