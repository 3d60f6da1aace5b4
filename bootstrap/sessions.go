package bootstrap

import (
	"go.uber.org/fx"

	"github.com/offload/sessiond/app/authenticate"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/app/publish"
	"github.com/offload/sessiond/app/readiness"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// sessions provides the use cases.
var sessions = fx.Module("sessions", fx.Provide(newIssuance, newAuthentication, newPublication,
	newReadiness))

// issuanceParts holds the ports that issuing needs.
type issuanceParts struct {
	fx.In

	Keys    ports.KeySource
	Limiter ports.LimiterStorage
	Clock   ports.Clock
	Entropy ports.Entropy
	Events  ports.Events
}

func newIssuance(parts issuanceParts, config config.Config) ports.Issuance {
	return issue.New(issue.Parts{
		Keys: parts.Keys, Limiter: parts.Limiter, Clock: parts.Clock, Entropy: parts.Entropy,
		Events:   parts.Events,
		Settings: config.Session, Limits: config.Limits,
		Digester: throttle.NewDigester(config.DigestKey.Bytes()),
		Nonces:   proof.NewNonces(config.DigestKey.Bytes()),
	})
}

func newAuthentication(keys ports.KeySource, clock ports.Clock, events ports.Events,
	config config.Config) ports.Authentication {
	return authenticate.New(keys, clock, events, config.Session,
		proof.NewNonces(config.DigestKey.Bytes()))
}

func newPublication(keys ports.KeySource, clock ports.Clock) ports.Publication {
	return publish.New(keys, clock)
}

// readinessParts holds the parts on which readiness depends.
type readinessParts struct {
	fx.In

	Keys  ports.KeySource
	Clock ports.Clock
	Parts []ports.Health `group:"health"`
}

func newReadiness(parts readinessParts) *readiness.Service {
	return readiness.New(parts.Keys, parts.Clock, parts.Parts...)
}
