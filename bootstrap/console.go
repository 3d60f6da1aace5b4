package bootstrap

import (
	"slices"
	"time"

	"go.uber.org/fx"

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
}

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
			ProxiesVariable: config.VarProxies,
			SignerMissing:   remedySignerMissing(), KeysEndEarly: config.RemedyEarlyEnd(),
		},
		Clock: p.Clock, Events: p.Events, Recorder: p.Recorder, Readiness: p.Readiness,
		Keys: p.Keys, Pseudonyms: throttle.NewPseudonyms(c.DigestKey.Bytes()),
		CertificateEnds: (func() time.Time)(p.CertificateEnds),
	})
}
