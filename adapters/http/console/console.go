// Package console is the operators' page: what the service does now, and what is wrong with it. It
// is rendered on the server from a Recorder and from the state of the other parts, at most once a
// second however many look at it.
//
// The page shows no address, install id, token or secret of any client. The package imports domain,
// ports, envelope and server.
package console

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// The paths of the console, and those that it links to.
const (
	Path       = "/"
	PathJSON   = "/console.json"
	pathStyles = "/console.css"
)

// Settings is what the console shows of the configuration.
type Settings struct {
	Version, Environment string
	// LimitOf returns the limit of a dimension, 0 for none.
	LimitOf  func(throttle.Dimension) int
	Mode     ports.ThrottleMode
	Window   time.Duration
	Storage  ports.StorageKind
	OnOutage ports.OutagePolicy
	// Retention is how long sessions are of use after they were issued.
	Retention keys.Retention
	// Warnings are those of the configuration in force.
	Warnings []Warning
	// Hosts are the host names under which browsers may open the console, in lower case;
	// HostsVariable is the variable that holds them.
	Hosts         []string
	HostsVariable string
	// ProxiesVariable is the variable that lists the trusted proxies.
	ProxiesVariable string
	// StorageVariable is the variable that names the shared storage.
	StorageVariable string
	// SignerMissing and KeysEndEarly are the remedies if no key signs, and for keys that end too
	// early.
	SignerMissing, KeysEndEarly string
}

// Warning is something about a configuration variable that the operator should know.
type Warning struct {
	Variable string `json:"variable"`
	Problem  string `json:"problem"`
	Remedy   string `json:"remedy"`
}

// Parts holds the settings and the parts of the service that the console reads.
type Parts struct {
	Settings

	Clock      ports.Clock
	Events     ports.Events
	Recorder   *Recorder
	Readiness  ports.Readiness
	Keys       ports.KeySource
	Pseudonyms throttle.Pseudonyms
	// CertificateEnds returns when the certificate in force ends; nil without TLS.
	CertificateEnds func() time.Time
	// LastForgotten returns the last time at which the limiter forgot a subject before its window
	// was over, 0 for never; nil without a limiter in memory.
	LastForgotten func() throttle.Instant
	// LogLinesMissing returns how many log lines were dropped that the log does not report yet.
	LogLinesMissing func() int64
}

// Console serves the page. It is safe for concurrent use.
type Console struct {
	Parts

	live, paused, machine shared
}

// New returns a Console.
func New(parts Parts) *Console {
	c := &Console{Parts: parts}
	c.live.render = func() ([]byte, error) { return page(c.view(), true) }
	c.paused.render = func() ([]byte, error) { return page(c.view(), false) }
	c.machine.render = func() ([]byte, error) { return encode(c.view()) }
	return c
}

// Routes returns the routes of the console.
func (c *Console) Routes() []server.Route {
	get := []string{http.MethodGet}
	return []server.Route{
		{Pattern: Path, Methods: get, Handle: c.page, Middleware: c.protect},
		{Pattern: PathJSON, Methods: get, Handle: c.json, Middleware: c.protect},
		{Pattern: pathStyles, Methods: get, Handle: styles, Middleware: c.protect},
	}
}

// queryPaused is the query of the page that does not refresh itself, for reading it at length.
const queryPaused = "paused"

// page responds with the page, live or paused.
func (c *Console) page(w http.ResponseWriter, r *http.Request) error {
	variant := &c.live
	if r.URL.RawQuery == queryPaused {
		variant = &c.paused
	}
	text, err := variant.get(c.Clock.Instant())
	if err != nil {
		return err
	}
	write(w, "text/html; charset=utf-8", text)
	return nil
}

// json responds with the view as JSON.
func (c *Console) json(w http.ResponseWriter, _ *http.Request) error {
	text, err := c.machine.get(c.Clock.Instant())
	if err != nil {
		return err
	}
	write(w, envelope.MediaType, text)
	return nil
}

//go:embed console.css
var stylesheet []byte

// styles responds with the stylesheet.
func styles(w http.ResponseWriter, _ *http.Request) error {
	write(w, "text/css; charset=utf-8", stylesheet)
	return nil
}

// write responds with a text, which must not be changed.
func write(w http.ResponseWriter, mediaType string, text []byte) {
	w.Header().Set(envelope.HeaderContentType, mediaType)
	w.WriteHeader(http.StatusOK)
	// The write error is ignored: the client may have gone away.
	_, _ = w.Write(text)
}
