import { describe, expect, it } from 'vitest'
import { defaultSettings, readSettings, settingKeys } from './settings.ts'

describe('the settings of the workers', () => {
  it('are the defaults when nothing is set; documentation sets nothing', () => {
    expect(readSettings({})).toEqual({ settings: defaultSettings, problems: [] })
    expect(readSettings({ _example: 'ingress.replicas: "7"' }).settings).toEqual(defaultSettings)
    expect(readSettings({ 'ingress.replicas': '  # later\n' })).toEqual({ settings: defaultSettings, problems: [] })
  })

  it('speak of both workers, or of one, which goes before', () => {
    const { settings, problems } = readSettings({
      'workers.nodeSelector': 'arch: arm64\nzone: 1',
      'ingress.nodeSelector': 'arch: amd64',
      'dispatcher.replicas': '5',
      'workers.resources': 'requests: {cpu: 0.5, memory: 1024Mi}',
    })
    expect(problems).toEqual([])
    expect(settings.ingress).toEqual({
      nodeSelector: { arch: 'amd64' },
      resources: { requests: { cpu: '0.5', memory: '1024Mi' } },
    })
    expect(settings.dispatcher).toMatchObject({ nodeSelector: { arch: 'arm64', zone: '1' }, replicas: 5 })
  })

  it('say all that is wrong with them at once, and what is right', () => {
    const { settings, problems } = readSettings({
      'log.level': 'loud',
      'ingress.replicas': 'two',
      'ingress.nodeselector': 'a: b',
      'workers.replicas': '3',
      'dispatcher.resources': 'limits: {memory: lots}',
      'dispatcher.tolerations': '{key: dedicated}',
      'workers.affinity': 'a: [',
      'kafka.fleetGroup': 'mine',
    })
    expect(settings).toEqual({ ...defaultSettings, fleetGroup: 'mine' })
    const text = problems.join('\n')
    expect(problems).toHaveLength(7)
    expect(text).toContain('log.level: must be debug, info, warn or error')
    expect(text).toContain('ingress.replicas: ')
    expect(text).toContain('ingress.nodeselector: is no key that Millrace knows; did you mean ingress.nodeSelector?')
    expect(text).toContain('workers.replicas: the workers scale apart; set ingress.replicas or dispatcher.replicas')
    expect(text).toContain('dispatcher.resources.limits.memory: must be a quantity such as 100m')
    expect(text).toContain('dispatcher.tolerations: ')
    expect(text).toContain('workers.affinity: line 1: the YAML is broken')
  })

  it('say what is remembered of events, as far as they say anything', () => {
    const of = (lineage: string) => readSettings({ lineage })
    expect(of('hours: 2').settings.lineage).toEqual({ enabled: true, mib: 64, hours: 2 })
    expect(of('enabled: false').settings.lineage.enabled).toBe(false)
    expect(of('{enabled: perhaps, mib: 0.5, days: 1}').problems.join('\n')).toMatch(
      /^lineage.enabled: must be true or false\nlineage.mib: must be a whole number.*\nlineage: .*days/s,
    )
    expect(of('off').problems[0]).toMatch(/^lineage: /)
    expect(of('off').settings.lineage).toEqual(defaultSettings.lineage)
  })

  it('know each key for both workers and for each', () => {
    expect(settingKeys).toContain('workers.topologySpreadConstraints')
    expect(settingKeys).toContain('ingress.imagePullSecrets')
    expect(settingKeys).not.toContain('workers.replicas')
  })
})
