package cli

import (
	"fmt"
	"strings"

	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/ports"
)

// Finding is a fault or a warning about one variable. It contains no secret.
type Finding struct {
	Variable string `json:"variable"`
	Origin   string `json:"origin"`
	Problem  string `json:"problem"`
	Remedy   string `json:"remedy"`
}

// InvalidConfigError reports an invalid configuration.
type InvalidConfigError struct {
	Faults []Finding
	// Warnings are reported too: a mistyped name may be why another variable is missing.
	Warnings []Finding
}

// Error returns the number of faults.
func (e *InvalidConfigError) Error() string {
	return fmt.Sprintf("the configuration is invalid; faults: %d", len(e.Faults))
}

// text returns every warning and every fault, for people.
func (e *InvalidConfigError) text(colors palette) string {
	return "sessiond: " + e.Error() + "\n\n" + formatFindings(colors, wordWarning, e.Warnings) +
		formatFindings(colors, wordFault, e.Faults)
}

// InvalidFileError reports a file that cannot be used, with every fault.
type InvalidFileError struct {
	// Summary names the file and says that it cannot be used.
	Summary string
	// Faults has at least one element.
	Faults []string
}

// Error returns the summary and the faults.
func (e *InvalidFileError) Error() string {
	return e.Summary + ": " + strings.Join(e.Faults, "; ")
}

// text returns a single fault on the same line as the summary, and several on lines of their own.
func (e *InvalidFileError) text() string {
	if len(e.Faults) == 1 {
		return "sessiond: " + oneLine(e.Error()) + "\n"
	}
	var text strings.Builder
	text.WriteString("sessiond: " + oneLine(e.Summary) + "\n\n")
	for _, fault := range e.Faults {
		text.WriteString("fault: " + oneLine(fault) + "\n")
	}
	return text.String()
}

// The words that begin a finding.
const (
	wordNote    = "note"
	wordWarning = "warning"
	wordFault   = "fault"
)

// formatFindings returns one block of lines for each finding, followed by an empty line.
func formatFindings(colors palette, word string, list []Finding) string {
	var text strings.Builder
	for _, finding := range list {
		fmt.Fprintf(&text, "%s: %s (%s)\n  problem: %s\n  remedy:  %s\n\n", colors.word(word),
			finding.Variable, finding.Origin, finding.Problem, finding.Remedy)
	}
	return text.String()
}

// CheckReport is the result of a check.
type CheckReport struct {
	Valid bool `json:"sound"`
	// Effect is nil if the configuration is invalid.
	Effect   *Effect   `json:"effect"`
	Faults   []Finding `json:"faults"`
	Warnings []Finding `json:"warnings"`
	// Notes are correct settings that may surprise the operator.
	Notes []Finding `json:"notes"`
}

// Effect describes what a valid configuration does. Durations are whole seconds.
type Effect struct {
	Environment    string    `json:"environment"`
	ProductionLike bool      `json:"production_like"`
	Version        string    `json:"version"`
	Listeners      Listeners `json:"listeners"`
	Keys           []Key     `json:"keys"`
	Sessions       Sessions  `json:"sessions"`
	Limits         Limits    `json:"limits"`
	Proxies        Proxies   `json:"proxies"`
	Shutdown       Shutdown  `json:"shutdown"`
	Logs           Logs      `json:"logs"`
}

// Listeners holds the configured addresses. Operations is empty if there is no such listener.
type Listeners struct {
	Public         string `json:"public"`
	Operations     string `json:"operations"`
	MaxConnections int    `json:"max_connections"`
	// TLS describes the certificate of the public listener; nil without TLS.
	TLS *TLS `json:"tls"`
	// Origins are the web origins whose scripts may request sessions; never nil.
	Origins []string `json:"cors_allowed_origins"`
	// PublicOrigins are the origins under which clients reach the service; never nil.
	PublicOrigins []string `json:"public_origins"`
}

// TLS describes a certificate: its names, and the end of its validity (RFC 3339).
type TLS struct {
	Names    []string `json:"names"`
	NotAfter string   `json:"not_after"`
}

// Key describes a key and its present state, without its material.
type Key struct {
	ID        keys.ID        `json:"id"`
	Algorithm keys.Algorithm `json:"algorithm"`
	State     keys.State     `json:"state"`
}

// Sessions holds the settings of all sessions.
type Sessions struct {
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	// Binding is whether sessions are bound to keys of devices, and BoundAudience the audience of
	// bound sessions.
	Binding             session.Binding `json:"binding"`
	BoundAudience       string          `json:"bound_audience"`
	TTLSeconds          int             `json:"ttl_seconds"`
	ClockSkewSeconds    int             `json:"clock_skew_seconds"`
	RenewalGraceSeconds int             `json:"renewal_grace_seconds"`
}

// Limits holds the limits on issuing sessions, and where grants are stored.
type Limits struct {
	PerIP int `json:"per_ip"`
	// PerNetwork is 0 if networks are not limited.
	PerNetwork        int                `json:"per_network"`
	PerInstall        int                `json:"per_install"`
	RenewalPerInstall int                `json:"renewal_per_install"`
	RenewalPerIP      int                `json:"renewal_per_ip"`
	WindowSeconds     int                `json:"window_seconds"`
	Mode              ports.ThrottleMode `json:"mode"`
	IPv6Prefix        int                `json:"ipv6_prefix"`
	Storage           ports.StorageKind  `json:"storage"`
	// MaxSubjects bounds each part of the memory storage, which is the only one or the fallback of
	// a shared one.
	MaxSubjects int `json:"max_subjects"`
	// TraceFile is where decisions are written for sessiond limits simulate; empty for nowhere.
	TraceFile string `json:"trace_file,omitempty"`
	// Shared is nil if replicas do not share a storage.
	Shared *Shared `json:"shared,omitempty"`
}

// Shared holds the settings of a storage that replicas share.
type Shared struct {
	// TimeoutMS bounds one decision, in milliseconds.
	TimeoutMS int `json:"timeout_ms"`
	// OnOutage is the policy during an outage of the storage.
	OnOutage ports.OutagePolicy `json:"on_outage"`
}

// Proxies holds the trusted proxies. Header is the forwarding header that they write.
type Proxies struct {
	Trusted []string          `json:"trusted"`
	Header  clientaddr.Header `json:"header"`
	// Socket is true if the public listener is a Unix socket, whose peers are trusted too.
	Socket bool `json:"socket,omitempty"`
	// Announce is true if they announce the client of each connection by the PROXY protocol.
	Announce bool `json:"proxy_protocol"`
}

// Shutdown holds the durations of a stop.
type Shutdown struct {
	DelaySeconds int `json:"delay_seconds"`
	GraceSeconds int `json:"grace_seconds"`
}

// Logs holds the minimum level and the format of the log.
type Logs struct {
	Level  ports.LogLevel  `json:"level"`
	Format ports.LogFormat `json:"format"`
}

// ConfigReport lists the settings in force.
type ConfigReport struct {
	Settings []Setting
	// Invalid holds the faults of the configuration; nil if there are none.
	Invalid *InvalidConfigError
}

// Setting is one variable. The value of a secret is replaced.
type Setting struct {
	Variable string `json:"variable"`
	Value    string `json:"value"`
	Origin   string `json:"origin"`
}

// VersionReport describes the build. Revision is empty if the build did not record it.
type VersionReport struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Revision string `json:"revision"`
}
