// What `millrace/monitoring` gives out: to watch pipelines from outside. Apart from `millrace`, because its packages take time to load.
export { type Metrics, metricsOf } from './metrics.js'
export { type MonitoringOptions, type MonitoringServer, serveMonitoring } from './server.js'
export { traceBatches } from './tracing.js'
