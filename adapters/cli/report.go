package cli

import (
	"fmt"
	"strings"
)

// Remark is a fault or a warning about one variable. It holds no secret.
type Remark struct {
	Variable string `json:"variable"`
	Origin   string `json:"origin"`
	Problem  string `json:"problem"`
	Remedy   string `json:"remedy"`
}

// Unsound is a configuration that is wrong. It is an error.
type InvalidConfigError struct {
	Faults []Remark
	// Warnings are told besides, for a mistyped name may be why another is missing.
	Warnings []Remark
}

// Error tells how many faults there are.
func (u *InvalidConfigError) Error() string {
	return fmt.Sprintf("the configuration is wrong; faults: %d", len(u.Faults))
}

// text tells every warning and every fault, for people.
func (u *InvalidConfigError) text() string {
	return "sessiond: " + u.Error() + "\n\n" + remarks("warning", u.Warnings) +
		remarks("fault", u.Faults)
}

// Unusable is a file that is no use, and all that is wrong with it. It is an error.
type InvalidArgumentsError struct {
	// What names the file and says that it is no use.
	Summary string
	// Faults are at least one.
	Faults []string
}

// Error tells what is no use, and why.
func (u *InvalidArgumentsError) Error() string {
	return u.Summary + ": " + strings.Join(u.Faults, "; ")
}

// text tells one fault in the same line, several in lines of their own.
func (u *InvalidArgumentsError) text() string {
	if len(u.Faults) == 1 {
		return "sessiond: " + oneLine(u.Error()) + "\n"
	}
	var text strings.Builder
	text.WriteString("sessiond: " + oneLine(u.Summary) + "\n\n")
	for _, fault := range u.Faults {
		text.WriteString("fault: " + oneLine(fault) + "\n")
	}
	return text.String()
}

// remarks are blocks of lines, one for each, with an empty line behind it.
func remarks(word string, list []Remark) string {
	var text strings.Builder
	for _, remark := range list {
		fmt.Fprintf(&text, "%s: %s (%s)\n  problem: %s\n  remedy:  %s\n\n", word, remark.Variable,
			remark.Origin, remark.Problem, remark.Remedy)
	}
	return text.String()
}

// CheckReport is what a configuration would do.
type CheckReport struct {
	Valid bool `json:"sound"`
	// Effect is nil where the configuration is wrong.
	Effect   *Effect  `json:"effect"`
	Faults   []Remark `json:"faults"`
	Warnings []Remark `json:"warnings"`
}

// Effect is what a sound configuration does. Durations are whole seconds.
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

// Listeners are the addresses; Operations is empty where there is none.
type Listeners struct {
	Public         string `json:"public"`
	Operations     string `json:"operations"`
	MaxConnections int    `json:"max_connections"`
	// TLS is the public listener's certificate; nil where it does not speak TLS.
	TLS *TLS `json:"tls"`
	// Origins are those whose scripts may ask for sessions; never nil.
	Origins []string `json:"cors_allowed_origins"`
}

// TLS is a certificate: the names that it is for, and until when it is valid (RFC 3339).
type TLS struct {
	Names    []string `json:"names"`
	NotAfter string   `json:"not_after"`
}

// Key is one key and what it does now; never its material.
type Key struct {
	ID        string `json:"id"`
	Algorithm string `json:"algorithm"`
	State     string `json:"state"`
}

// Sessions is what every session says and is asked.
type Sessions struct {
	Issuer              string `json:"issuer"`
	Audience            string `json:"audience"`
	TTLSeconds          int    `json:"ttl_seconds"`
	ClockSkewSeconds    int    `json:"clock_skew_seconds"`
	RenewalGraceSeconds int    `json:"renewal_grace_seconds"`
}

// Limits is how many sessions are given to whom, and where that is kept.
type Limits struct {
	PerIP         int    `json:"per_ip"`
	PerInstall    int    `json:"per_install"`
	WindowSeconds int    `json:"window_seconds"`
	Mode          string `json:"mode"`
	IPv6Prefix    int    `json:"ipv6_prefix"`
	Storage       string `json:"storage"`
	// MaxSubjects bounds the memory storage, which decides alone or stands in for a shared one.
	MaxSubjects int `json:"max_subjects"`
	// Shared is nil where replicas share no storage.
	Shared *Shared `json:"shared,omitempty"`
}

// Shared is how a storage that replicas share is asked.
type Shared struct {
	// TimeoutMS is the longest that one decision may take, in milliseconds.
	TimeoutMS int `json:"timeout_ms"`
	// OnOutage is who decides while the storage is out.
	OnOutage string `json:"on_outage"`
}

// Proxies is whose forwarding header is believed; Trusted is empty for nobody's.
type Proxies struct {
	Trusted []string `json:"trusted"`
	Header  string   `json:"header"`
	// Announce says that they announce each connection's client by the PROXY protocol.
	Announce bool `json:"proxy_protocol"`
}

// Shutdown is how the service stops.
type Shutdown struct {
	DelaySeconds int `json:"delay_seconds"`
	GraceSeconds int `json:"grace_seconds"`
}

// Logs is what is logged, and how.
type Logs struct {
	Level  string `json:"level"`
	Format string `json:"format"`
}

// ConfigReport is what is in force.
type ConfigReport struct {
	Settings []Setting
	// Unsound is what is wrong with it; nil where nothing is.
	Unsound *InvalidConfigError
}

// Setting is one variable; the value of a secret is replaced.
type Setting struct{ Variable, Value, Origin string }

// VersionReport is what the program is. Revision is empty where the build does not tell.
type VersionReport struct{ Version, Go, Platform, Revision string }
