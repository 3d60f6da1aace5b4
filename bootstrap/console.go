package bootstrap

import (
	"slices"
	"time"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/http/console"
	"github.com/offload/sessiond/app/readiness"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// consoleParts holds what the console shows.
type consoleParts struct {
	fx.In

	Review          config.Review
	Clock           ports.Clock
	Events          ports.Events
	Recorder        *console.Recorder
	Readiness       *readiness.Service
	Keys            ports.KeySource
	CertificateEnds CertificateEnds
	Traces          traceFindings
	LastForgotten   LastForgotten
	Output          *logs.Output
}

// publicTraffic counts the requests of the public listener for Prometheus and for the console.
type publicTraffic struct {
	*metrics.Metrics
	console *console.Recorder
}

// Answered implements server.Traffic.
func (t publicTraffic) Answered(route, method string, status int, took time.Duration) {
	t.Metrics.Answered(route, method, status, took)
	t.console.Answered(status)
}

// newConsole returns the console, which shows the configuration in force and the state of its
// parts.
func newConsole(p consoleParts) *console.Console {
	c := &p.Review.Config
	var warnings []console.Warning
	for _, warning := range append(slices.Clone(p.Review.Warnings), traceWarnings(p.Traces)...) {
		warnings = append(warnings, console.Warning{Variable: warning.Variable,
			Problem: warning.Problem, Remedy: warning.Remedy})
	}
	return console.New(console.Parts{
		Settings: console.Settings{
			Version: c.BuildVersion, Environment: c.Environment,
			LimitOf: c.Limits.Of, Mode: c.Limits.Mode, Window: c.Limits.Window,
			Storage: c.Storage, OnOutage: c.OnOutage, Retention: p.Review.Retention(),
			Warnings: warnings, Hosts: c.OpsHosts, HostsVariable: config.VarOpsHosts,
			ProxiesVariable: config.VarProxies, StorageVariable: config.VarRedisURL,
			SignerMissing: remedySignerMissing(), KeysEndEarly: config.RemedyEarlyEnd(),
		},
		Clock: p.Clock, Events: p.Events, Recorder: p.Recorder, Readiness: p.Readiness,
		Keys: p.Keys, Pseudonyms: throttle.NewPseudonyms(c.DigestKey.Bytes()),
		CertificateEnds: p.CertificateEnds, LastForgotten: p.LastForgotten,
		LogLinesMissing: p.Output.Missing,
	})
}
