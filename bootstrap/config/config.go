// Package config reads the service's configuration and judges it whole: every fault is told at once, with where the value came from, what is
// wrong with it and what would be right.
//
// It promises that nobody is shown a secret: not in a fault, a warning or a setting, and not by printing any value of this package. What
// Load gives is typed; nothing in it is parsed again. Variables are in fields.go, where values come from in sources.go, what this version cannot do yet in
// unbuilt.go. It opens files that the configuration names, and nothing else. It may import every layer.
package config

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/http/certificate"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/ports"
)

// The storages.
const (
	// StorageMemory is this process's own memory.
	StorageMemory = "memory"
	// StorageRedis is a Redis that replicas share.
	StorageRedis = "redis"
)

// Config is the configuration in force.
type Config struct {
	// Environment is the environment's word, trimmed, in lower case; development where it was empty.
	Environment string
	// Production is true for every word that is not one for development.
	Production bool
	// BuildVersion is the version that is shown; it may be empty.
	BuildVersion string
	// Terms are what every session says and is asked.
	Session session.Settings
	// Limits are how many sessions are given to whom.
	Limits issue.Limits
	// KeysetFile is the file that keys come from; empty: they come from variables.
	KeysetFile string
	// Storage is where grants are kept: StorageMemory or StorageRedis.
	Storage string
	// RedisURL is what redis.New takes; empty where the storage is not Redis.
	RedisURL Secret
	// RedisTimeout is the longest that one decision of Redis may take, from a millisecond to 10 s.
	RedisTimeout time.Duration
	// OnOutage is who decides while a shared storage is out.
	OnOutage ports.OutagePolicy
	// MaxSubjects bounds the memory storage, at least 1.
	MaxSubjects int
	// DigestKey is what subjects are digested with; never empty.
	DigestKey Secret
	// TrustedProxies are whose forwarding headers are believed; nobody's where it is the zero value.
	TrustedProxies clientaddr.Trusted
	// TrustedPrefixes are the same proxies as a list, to be shown.
	TrustedPrefixes []netip.Prefix
	// TrustedProxyHeader is the header that trusted proxies write: X-Forwarded-For or Forwarded.
	TrustedProxyHeader string
	// ProxyProtocol says that trusted proxies announce their clients by the PROXY protocol; there is at least one of them then.
	ProxyProtocol bool
	// HTTPAddr is the public listener's host and port.
	HTTPAddr string
	// OpsAddr is the operations listener's host and port; empty: none.
	OpsAddr string
	// TLS is where the public listener's certificate is; the zero value where it does not speak TLS.
	TLS certificate.Files
	// Origins are the origins of browsers' scripts that may ask for sessions, as browsers write them; none where it is empty.
	Origins []string
	// MaxConnections is how many connections the public listener holds at once, at least 1.
	MaxConnections int
	// ReadTimeout bounds reading a request, IdleTimeout the wait for the next one; both are at least a second.
	ReadTimeout, IdleTimeout time.Duration
	// ShutdownDelay is how long readiness fails before the listener closes, ShutdownGrace how long requests under way may finish; either may be 0.
	ShutdownDelay, ShutdownGrace time.Duration
	// LogLevel is the least level that is logged.
	LogLevel slog.Level
	// LogFormat is json or text.
	LogFormat string
}

// development are the words for an environment in which weak secrets are let pass. The empty word is one of them. Every other word is
// production-like, so that a typing error fails closed.
var development = []string{"", "dev", "development", "local", "test", "testing"}

// classify reads the environment's word.
func classify(text string) (word string, production bool) {
	word = strings.ToLower(strings.TrimSpace(text))
	if word == "" {
		return "development", false
	}
	return word, !slices.Contains(development, word)
}
