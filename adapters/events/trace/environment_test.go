package trace_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/trace"
	"github.com/offload/sessiond/test/pki"
)

// secret is a part of values that must not appear in a finding.
const secret = "p4ssw0rd"

// requested is a variable that requests traces.
const requested = "OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.example.org:4318"

// TestEveryMalformedVariableIsNamed gives one variable an invalid value. The finding names the
// variable and a remedy, and never contains the value.
func TestEveryMalformedVariableIsNamed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	nothing := filepath.Join(folder, "nothing-"+secret)
	require.NoError(t, os.WriteFile(nothing, []byte("nothing"), 0o600))
	chain, key := pki.New(t, "client").Write(t, t.TempDir())
	for _, c := range []struct {
		set     string // variables, separated by new lines
		names   string // the variable that the finding names
		prevent bool
	}{
		{"OTEL_TRACES_EXPORTER=zipkin-" + secret, "", true},
		{"OTEL_TRACES_EXPORTER=otlp,console", "", true},
		{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "", true},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json", "", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=" + secret + ":4318", "", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=//" + secret, "", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=grpc://" + secret, "", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://", "", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://:4318", "", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + secret + ":99999", "", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://a b" + secret, "", true},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://[::1", "", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=https://me:" + secret + "@collector", "", false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=https://collector?key=" + secret, "", false},
		{"OTEL_EXPORTER_OTLP_HEADERS=" + secret, "", false},
		{"OTEL_EXPORTER_OTLP_HEADERS=x-key=a,x key=" + secret, "", false},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-key=%zz" + secret, "", false},
		{"OTEL_EXPORTER_OTLP_HEADERS=x-key=" + secret + "%0D%0Ax: y", "", true},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE=/nowhere/" + secret, "", true},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE=" + nothing, "", true},
		{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE=" + folder, "", true},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + chain, "", true},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY=" + key, "", true},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + chain + "\nOTEL_EXPORTER_OTLP_CLIENT_KEY=" +
			nothing, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", true},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE=" + chain + "\nOTEL_EXPORTER_OTLP_ENDPOINT=http://" + secret,
			"OTEL_EXPORTER_OTLP_CERTIFICATE", true},
		{"OTEL_EXPORTER_OTLP_COMPRESSION=zstd-" + secret, "", false},
		{"OTEL_EXPORTER_OTLP_TIMEOUT=10s", "", false},
		{"OTEL_EXPORTER_OTLP_TIMEOUT=0", "", false},
		{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=-1", "", false},
		{"OTEL_EXPORTER_OTLP_INSECURE=yes", "", false},
		{"OTEL_EXPORTER_OTLP_INSECURE=true", "", false}, // the endpoint has https
		{"OTEL_SDK_DISABLED=1", "", false},
		{"OTEL_TRACES_SAMPLER=ratio-" + secret, "", false},
		{"OTEL_TRACES_SAMPLER_ARG=0.1", "", false},
		{"OTEL_TRACES_SAMPLER_ARG=1%\nOTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG",
			false},
		{"OTEL_TRACES_SAMPLER_ARG=NaN\nOTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG",
			false},
		{"OTEL_TRACES_SAMPLER_ARG=1.1\nOTEL_TRACES_SAMPLER=parentbased_traceidratio",
			"OTEL_TRACES_SAMPLER_ARG", false},
		{"OTEL_PROPAGATORS=b3", "", false},
		{"OTEL_PROPAGATORS=baggage", "", false},
		{"OTEL_RESOURCE_ATTRIBUTES=team=a," + secret, "", true},
		{"OTEL_BSP_SCHEDULE_DELAY=5s", "", false},
		{"OTEL_BSP_SCHEDULE_DELAY=0", "", true},
		{"OTEL_BSP_EXPORT_TIMEOUT=-1", "", true},
		{"OTEL_BSP_MAX_QUEUE_SIZE=-1", "", true},
		{"OTEL_BSP_MAX_QUEUE_SIZE=100000000000", "", true},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE=99999999999999999999", "", false},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=many", "", false},
		{"OTEL_CONFIG_FILE=/etc/" + secret, "", false},
		{"OTEL_EXPORTER_OTLP_SPAN_INSECURE=true", "", false},
		{"OTEL_TRACES_" + strings.Repeat("X", 100) + "=" + secret, trace.Variables, false},
	} {
		name, value, _ := strings.Cut(c.set, "=")
		if c.names == "" {
			c.names = name
		}
		settings := trace.Read(append([]string{requested}, strings.Split(c.set, "\n")...))
		found := settings.Findings()
		if !assert.Len(t, found, 1, c.set) {
			continue
		}
		assert.Equal(t, c.names, found[0].Variable, c.set)
		assert.NotEmpty(t, found[0].Remedy, c.set)
		text := found[0].Problem + found[0].Remedy
		assert.NotContains(t, text, secret, c.set)
		assert.NotContains(t, text, folder, c.set)
		if len(value) > 9 && !strings.Contains(c.set, "\n") { // not a word of the remedy
			assert.NotContains(t, text, value, c.set)
		}
		assert.Equal(t, !c.prevent, settings.Usable(), c.set)
		assert.Equal(t, c.prevent, strings.Contains(text, "there are no traces"), c.set)
	}
}

// TestWellFormedVariablesAreNoFinding includes words in other cases, which are equivalent by the
// specification, values with white space, and variables for other signals.
func TestWellFormedVariablesAreNoFinding(t *testing.T) {
	t.Parallel()
	chain, key := pki.New(t, "client").Write(t, t.TempDir())
	for _, set := range []string{
		"OTEL_TRACES_EXPORTER= OTLP ", "OTEL_EXPORTER_OTLP_PROTOCOL=HTTP/Protobuf",
		"OTEL_EXPORTER_OTLP_ENDPOINT=HTTPS://[::1]:4318/base/", "OTEL_EXPORTER_OTLP_ENDPOINT=",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector/v1/traces",
		"OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b, authorization = Bearer%20c ,",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=" + chain,
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + chain + "\nOTEL_EXPORTER_OTLP_CLIENT_KEY=" + key,
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc\nOTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf",
		"OTEL_EXPORTER_OTLP_COMPRESSION=GZIP", "OTEL_EXPORTER_OTLP_TIMEOUT=2500",
		"OTEL_EXPORTER_OTLP_INSECURE=False", "OTEL_SDK_DISABLED=FALSE",
		"OTEL_TRACES_SAMPLER=ALWAYS_ON\nOTEL_TRACES_SAMPLER_ARG=1",
		"OTEL_TRACES_SAMPLER=ParentBased_TraceIdRatio\nOTEL_TRACES_SAMPLER_ARG= 0.01 ",
		"OTEL_PROPAGATORS=tracecontext,baggage", "OTEL_RESOURCE_ATTRIBUTES=team=a,zone=b",
		"OTEL_SERVICE_NAME=sessions", "OTEL_BSP_MAX_QUEUE_SIZE=1", "OTEL_SPAN_LINK_COUNT_LIMIT=-1",
		"OTEL_METRICS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc",
		"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=nothing", "OTEL_GO_X_OBSERVABILITY=true",
	} {
		settings := trace.Read(append([]string{"OTEL_TRACES_EXPORTER=otlp", "HOME=/"},
			strings.Split(set, "\n")...))
		assert.Empty(t, settings.Findings(), set)
		assert.True(t, settings.Usable(), set)
	}
}

// TestTurnedOffTracesHaveNoFindings checks that the words that turn traces off work in any case,
// and that other variables are then not checked.
func TestTurnedOffTracesHaveNoFindings(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"OTEL_TRACES_EXPORTER=NONE", "OTEL_TRACES_EXPORTER= None ",
		"OTEL_SDK_DISABLED=True"} {
		settings := trace.Read([]string{requested, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", set})
		assert.Empty(t, settings.Findings(), set)
		assert.False(t, settings.Usable(), set)
	}
	settings := trace.Read([]string{"OTEL_SERVICE_NAME=sessions", "OTEL_TRACES_SAMPLER=nonsense"})
	assert.Empty(t, settings.Findings(), "no traces are requested")
	assert.False(t, settings.Usable())
}

// TestMisspeltNamesAreFound misspells the variable that would request traces.
func TestMisspeltNamesAreFound(t *testing.T) {
	t.Parallel()
	settings := trace.Read([]string{"OTEL_EXPORTER_OTLP_ENDPIONT=http://" + secret})
	assert.False(t, settings.Usable())
	assert.Equal(t, []trace.Finding{{Variable: "OTEL_EXPORTER_OTLP_ENDPIONT",
		Problem: "is not known, and has no effect",
		Remedy:  "did you mean OTEL_EXPORTER_OTLP_ENDPOINT?"}}, settings.Findings())
}
