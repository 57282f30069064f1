import { expect, test } from 'vitest'
import { parseManifests } from '../../api/manifest.ts'
import { localServices, namedServices } from './services.ts'

const text = `
apiVersion: v1
kind: Service
metadata: { name: named, namespace: shop, annotations: { dev.millrace.dev/url: 'http://127.0.0.1:8081' } }
---
apiVersion: v1
kind: Service
metadata: { name: wrong, namespace: shop, annotations: { dev.millrace.dev/url: 'nowhere' } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: other, namespace: shop, annotations: { dev.millrace.dev/url: 'http://127.0.0.1:8082' } }
`

test('a Service leads to where --service says, else to where its manifest says, else to the display', () => {
  const { objects } = parseManifests([{ file: 'app.yaml', text }])
  const named = () => namedServices(objects)
  const to = (name: string, mappings: Parameters<typeof localServices>[0] = [], namespace = 'shop') =>
    localServices(mappings, 'http://display', named)({ apiVersion: 'v1', kind: 'Service', name, namespace })
  const mapped = { name: 'named', namespace: undefined, url: 'http://127.0.0.1:9999' }
  expect(to('named')).toEqual({ url: 'http://127.0.0.1:8081' })
  expect(to('named', [mapped])).toEqual({ url: 'http://127.0.0.1:9999' })
  expect(to('named', [], 'elsewhere')).toEqual({ url: 'http://display/elsewhere/named' })
  for (const name of ['wrong', 'other']) expect(to(name)).toEqual({ url: `http://display/shop/${name}` })
})
