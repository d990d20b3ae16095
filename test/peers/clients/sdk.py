"""One of each signal from the OpenTelemetry SDK for Python: sdk.py http|grpc ENDPOINT."""
import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

over, endpoint = sys.argv[1:]
if over == "http":
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def to(kind, signal):
        return kind(endpoint=f"{endpoint}/v1/{signal}")
else:
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    def to(kind, _signal):
        return kind(endpoint=endpoint, insecure=True)


resource = Resource.create({"service.name": f"python-{over}"})

tracers = TracerProvider(resource=resource)
tracers.add_span_processor(SimpleSpanProcessor(to(OTLPSpanExporter, "traces")))
with tracers.get_tracer("client").start_as_current_span("parent", attributes={"n": 1}):
    with tracers.get_tracer("client").start_as_current_span("child") as child:
        child.add_event("an event", {"e": True})
        child.set_status(trace.Status(trace.StatusCode.ERROR, "went wrong"))

views = [View(instrument_name="an.exponential", aggregation=ExponentialBucketHistogramAggregation())]
meters = MeterProvider(resource=resource, metric_readers=[PeriodicExportingMetricReader(to(OTLPMetricExporter, "metrics"))], views=views)
meter = meters.get_meter("client")
meter.create_counter("a.counter", unit="By").add(7, {"k": "v"})
meter.create_gauge("a.gauge").set(0.5)
meter.create_histogram("a.histogram", unit="s").record(0.25)
meter.create_histogram("an.exponential", unit="s").record(0.25)

loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(SimpleLogRecordProcessor(to(OTLPLogExporter, "logs")))
loggers.get_logger("client").emit(LogRecord(body="a line", severity_number=SeverityNumber.WARN, severity_text="WARN", attributes={"k": "v"}))

assert tracers.force_flush() and meters.force_flush() and loggers.force_flush()
meters.shutdown()
tracers.shutdown()
loggers.shutdown()
