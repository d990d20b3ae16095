/** Components of the Collector that are not here. Whoever brings a file that names one needs other words than whoever mistyped a name. */
import type { Section } from './sections.ts'

const elsewhere: Readonly<Record<Section, string>> = {
  receivers: `active_directory_ds aerospike apache awscontainerinsightreceiver awsecscontainermetrics awsfirehose awsxray azureeventhub azuremonitor
    carbon chrony cloudfoundry collectd couchdb datadog docker_stats elasticsearch filelog file_log fluentforward github googlecloudpubsub haproxy httpcheck iis
    influxdb jaeger jmx journald k8s_cluster k8s_events k8sobjects kafka kafkametrics kubeletstats loki memcached mongodb mysql nginx nop oracledb
    otlpjsonfile podman_stats postgresql pulsar rabbitmq receiver_creator redis signalfx simpleprometheus skywalking snmp snowflake splunk_hec
    sqlquery sqlserver sshcheck statsd syslog tcplog udplog vcenter webhookevent windowseventlog windowsperfcounters zipkin zookeeper`,
  processors: `coralogix cumulativetodelta deltatocumulative deltatorate geoip groupbyattrs groupbytrace interval isolationforest k8sattributes k8s_attributes
    lookup log_dedup logdedup logstransform metric_start_time metricsgeneration metricstarttime metricstransform remotetap schema span sumologic transform unroll`,
  connectors: 'count datadog exceptions failover grafanacloud otlpjson roundrobin signal_to_metrics signaltometrics sum',
  exporters: `alertmanager awscloudwatchlogs awsemf awskinesis awss3 awsxray azureblob azuredataexplorer azuremonitor bigquery cassandra clickhouse coralogix
    datadog elasticsearch faro file googlecloud googlecloudpubsub googlecloudstorage googlemanagedprometheus honeycombmarker influxdb kafka load_balancing loadbalancing
    logicmonitor logzio loki mezmo nop opensearch otelarrow pulsar rabbitmq sapm sentry signalfx splunk_hec stef sumologic syslog tencentcloud_logservice tinybird zipkin`,
  extensions: `ack asapauth avro_log_encoding aws_proxy awsproxy cfgarden_observer db_storage docker_observer ecs_observer ecs_task_observer
    google_cloud_logentry_encoding googleclientauth headers_setter health_check_v2 healthcheckv2 host_observer http_forwarder jaeger_encoding jaegerremotesampling json_log_encoding
    k8s_leader_elector k8s_observer kafkatopics_observer memory_limiter oauth2client oidc opamp otlp_encoding pprof redis_storage
    remotetap sigv4auth skywalking_encoding solarwindsapmsettings sumologic text_encoding zipkin_encoding zpages`,
}

/** What to do where a section names a component that only the Collector has; undefined where it has none of that name either. */
export function elsewhereRemedy(section: Section, type: string): string | undefined {
  if (!elsewhere[section].split(/\s+/).includes(type)) return undefined
  if (section === 'extensions') return 'the Collector has it, Thalamus has not: leave it out, in service.extensions too'
  return 'the Collector has it, Thalamus has not: leave that part with a Collector, and send on to it with otlp_http'
}
