package bootstrap

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/events/trace"
	"github.com/offload/sessiond/adapters/http/api"
	"github.com/offload/sessiond/adapters/http/certificate"
	"github.com/offload/sessiond/adapters/http/console"
	"github.com/offload/sessiond/adapters/http/ops"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/app/readiness"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
)

// opsConnections is the maximum number of connections of the operations listener: scrapers and
// probes are few. Their descriptors are part of the reserve that package config keeps, of which
// they must leave some for the storage and for files.
const opsConnections = 32

// opsGrace is how long the operations listener waits for requests in flight when it stops.
const opsGrace = time.Second

// listeners starts the two listeners. The operations listener starts first and stops last, so that
// a load balancer can observe the start and the stop of the public one.
var listeners = fx.Module("http",
	fx.Provide(newAPI, newOps, newConsole, newAddresses, newHandshake,
		func() Ended { return make(Ended, 2) },
		func() inherited { return inherited{} }),
	fx.Invoke(startOps, startPublic),
)

// Ended receives the error with which the server of each listener ended.
type Ended chan error

// ListenError reports an address that could not be listened on.
type ListenError struct {
	// Variable is the configuration variable that holds the address.
	Variable string
	// Address is its value, which may be a secret in the wrong place.
	Address string
	Cause   error
}

// Error returns the variable, the cause and what to do. It withholds a cause that quotes what may
// be a secret.
func (e *ListenError) Error() string {
	text := e.Variable + ": cannot listen: " + config.ShownError(e.Address, e.Cause)
	if remedy := server.ListenRemedy(e.Address, e.Cause); remedy != "" {
		text += "; " + remedy
	}
	return text
}

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Cause }

// Addresses holds the actual addresses of the listeners once they listen. A field is empty if there
// is no such listener.
type Addresses struct{ Public, Ops string }

func newAddresses() *Addresses { return &Addresses{} }

func newAPI(
	issuance ports.Issuance, authentication ports.Authentication, publication ports.Publication,
	events ports.Events,
	review config.Review,
) *api.API {
	config := review.Config
	return &api.API{
		Issuance: issuance, Authentication: authentication, Publication: publication,
		Events:  events,
		Trusted: config.TrustedProxies, Header: config.TrustedProxyHeader,
		Origins: config.Origins, LocalPages: !config.Production,
		Binding: config.Session.Binding, TLS: review.Certificate != nil,
		PublicOrigins: config.PublicOrigins, Issuer: config.Session.Issuer,
		Version: config.BuildVersion, Environment: config.Environment,
	}
}

func newOps(readiness *readiness.Service, metrics *metrics.Metrics) *ops.Ops {
	return &ops.Ops{Readiness: readiness, Metrics: metrics.Handler()}
}

// handshakeParts holds the handshake of the public listener, and the end and the follower of its
// certificate.
type handshakeParts struct {
	fx.Out

	Handshake       server.Handshake
	CertificateEnds CertificateEnds
	Followers       []follower `group:"followers,flatten"`
}

// CertificateEnds returns the end of validity of the certificate in force. It is nil without TLS.
type CertificateEnds func() time.Time

// newHandshake returns the handshake of the public listener: TLS, the PROXY protocol, both or
// neither. The certificate files are watched while the service runs.
func newHandshake(lifecycle fx.Lifecycle, review config.Review, clock ports.Clock,
	events ports.Events, metrics *metrics.Metrics) handshakeParts {
	var parts handshakeParts
	if review.Certificate != nil {
		source := certificate.NewSource(review.Config.TLS, review.Certificate, clock, events)
		metrics.Certificate(source.Ends)
		parts.CertificateEnds = source.Ends
		lifecycle.Append(fx.StartStopHook(source.Start, source.Stop))
		parts.Handshake.Certificate = source.Current
		parts.Followers = []follower{source}
	}
	if review.Config.ProxyProtocol {
		trusted, socket := review.Config.TrustedProxies, review.Config.Socket
		parts.Handshake.RequiresProxyHeader = func(peer netip.Addr) bool {
			return trusted.Contains(peer) || socket && !peer.IsValid()
		}
	}
	return parts
}

// listenerParts holds what both listeners need.
type listenerParts struct {
	fx.In

	Lifecycle fx.Lifecycle
	Config    config.Config
	Review    config.Review
	Clock     ports.Clock
	Metrics   *metrics.Metrics
	Recorder  *console.Recorder
	Events    ports.Events
	Logger    *slog.Logger
	Readiness *readiness.Service
	Keys      ports.KeySource
	Ended     Ended
	Addresses *Addresses
	Inherited inherited
	Tracer    *trace.Tracer // nil for no traces
}

// router returns a handler that serves routes and counts their requests in traffic. It creates the
// metric series of the routes, so that they exist before the first request.
func (p *listenerParts) router(routes []server.Route, traffic server.Traffic) *server.Router {
	for _, route := range append(slices.Clone(routes), server.Route{Pattern: server.RouteUnknown}) {
		p.Metrics.Serves(route.Pattern, route.CountedMethods()...)
	}
	return server.NewRouter(routes, p.Clock, traffic, p.Logger)
}

// publicRouter returns a handler that serves the public routes within budgets, with spans if there
// are traces.
func (p *listenerParts) publicRouter(api *api.API, budgets *server.Budgets) *server.Router {
	var traffic server.Traffic = p.Metrics
	if p.Config.OpsAddr != "" {
		traffic = publicTraffic{p.Metrics, p.Recorder}
	}
	router := p.router(api.Routes(), traffic).Within(budgets)
	if p.Tracer != nil {
		router = router.Traced(p.Tracer)
	}
	return router
}

// listen starts a server with a handler on address, which variable configures, or on the inherited
// socket if it has this address.
func (p *listenerParts) listen(ctx context.Context, variable, address string, handler http.Handler,
	limits server.Limits, handshake server.Handshake) (*server.Server, error) {
	limits.Read, limits.Idle = p.Config.ReadTimeout, p.Config.IdleTimeout
	if p.Inherited.address() == address {
		return server.Serve(p.Inherited.Listener, handler, limits, handshake, p.Logger), nil
	}
	srv, err := server.Listen(ctx, address, handler, limits, handshake, p.Logger)
	if err != nil {
		return nil, &ListenError{Variable: variable, Address: address, Cause: err}
	}
	return srv, nil
}

func startOps(p listenerParts, ops *ops.Ops, console *console.Console) {
	if p.Config.OpsAddr == "" {
		return
	}
	var srv *server.Server
	p.Lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) (err error) {
			srv, err = p.listen(ctx, config.VarOpsAddr, p.Config.OpsAddr,
				p.router(append(ops.Routes(), console.Routes()...), p.Metrics),
				server.Limits{Connections: opsConnections}, server.Handshake{})
			if err == nil {
				p.Addresses.Ops = srv.Address()
				p.watch(srv)
			}
			return err
		},
		OnStop: func(ctx context.Context) error {
			// Only probes and scrapers use this listener: they get a moment, and losing a request
			// does no harm.
			bounded, cancel := context.WithTimeout(ctx, opsGrace)
			defer cancel()
			srv.Shutdown(bounded)
			return nil
		},
	})
}

func startPublic(p listenerParts, api *api.API, handshake server.Handshake) {
	var srv *server.Server
	var started time.Time
	p.Lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) (err error) {
			for _, warning := range p.Review.Warnings {
				logs.ConfigurationWarning(ctx, p.Logger, warning.Variable, warning.Problem,
					warning.Remedy)
			}
			budgets := server.NewBudgets(p.Config.MaxRequests, p.Clock, p.Events)
			srv, err = p.listen(ctx, config.VarHTTPAddr, p.Config.HTTPAddr,
				p.publicRouter(api, budgets), p.publicLimits(budgets), handshake)
			if err != nil {
				return err
			}
			p.Addresses.Public = srv.Address()
			p.watch(srv)
			started = p.Clock.Now()
			p.Readiness.Started()
			p.Logger.Info("service_started", p.startedAttributes()...)
			return nil
		},
		OnStop: func(ctx context.Context) error {
			p.Readiness.Stopping()
			p.Logger.Info("service_stopping",
				slog.Float64("uptime_seconds", p.Clock.Now().Sub(started).Seconds()))
			wait(ctx, p.Config.ShutdownDelay)
			grace, cancel := context.WithTimeout(ctx, p.Config.ShutdownGrace)
			defer cancel()
			brokenOff := srv.Shutdown(grace)
			p.Logger.Info("service_stopped", slog.Bool("requests_broken_off", brokenOff > 0))
			return nil
		},
	})
}

// publicLimits returns the limits of the public listener's connections, whose requests are within
// budgets.
func (p *listenerParts) publicLimits(budgets *server.Budgets) server.Limits {
	return server.Limits{
		Connections: p.Config.MaxConnections, PerAddress: p.Config.MaxConnectionsPerAddress,
		Exempt:      p.Config.TrustedProxies.Contains,
		NoHTTP2:     !p.Config.HTTP2,
		HeaderBytes: p.Config.MaxHeaderBytes,
		Budgets:     budgets,
		Observer:    connectionEvents{p.Metrics, p.Events},
	}
}

// connectionEvents counts open connections and records those that were refused.
type connectionEvents struct {
	*metrics.Metrics
	events ports.Events
}

// ConnectionRefused implements server.ConnectionObserver.
func (c connectionEvents) ConnectionRefused(budget ports.Budget) {
	c.events.Record(context.Background(), ports.ConnectionRefused{Budget: budget})
}

// startedAttributes returns the attributes of the service_started log line.
func (p *listenerParts) startedAttributes() []any {
	storage := []any{slog.String("storage", p.Config.Storage.String())}
	if p.Config.Storage.Shared() {
		storage = append(storage, slog.String("on_outage", p.Config.OnOutage.String()))
	}
	if p.Tracer != nil {
		storage = append(storage, slog.Bool("traces", true))
	}
	return append([]any{
		slog.String("public", p.Addresses.Public),
		slog.String("operations", p.Addresses.Ops),
		slog.Bool("tls", p.Review.Certificate != nil),
		slog.Bool("proxy_protocol", p.Config.ProxyProtocol),
		slog.String("environment", p.Config.Environment),
		slog.Bool("production", p.Config.Production),
		slog.String("version", p.Config.BuildVersion),
		slog.String("mode", p.Config.Limits.Mode.String()),
		logs.States(p.Keys.Keyring(), p.Clock.Now()),
	}, storage...)
}

// watch sends the error with which srv ends to p.Ended.
func (p *listenerParts) watch(srv *server.Server) {
	go func() { p.Ended <- <-srv.Done() }()
}

// wait returns after d, or as soon as ctx is done.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
