// Package config reads and validates the configuration of the service. It reports every fault at
// once, with the origin of the value, the problem and a remedy.
//
// No secret is ever shown: not in a fault, a warning or a setting, and not by formatting any value
// of this package. Load returns typed values. The addresses of the listeners are validated text,
// which the system parses again. The variables are in fields.go, the sources of values in
// sources.go.
//
// The package opens only the configuration file and the files that the configuration names: files
// with the value of a variable, the keyset, the certificates and their keys, the list of denied
// secrets, a trace that exists, and for ReadImport the file of a secret. It opens no network
// connection. It may import every layer.
package config

import (
	"net/netip"
	"time"

	"github.com/offload/sessiond/adapters/http/certificate"
	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/ports"
)

// Config is the configuration in force.
type Config struct {
	// Environment is the name of the environment, trimmed and in lower case. If none was given, it
	// is development, or production where others can reach the service.
	Environment string
	// Production is true for every environment that is not one for development.
	Production bool
	// BuildVersion is the version that is reported; it may be empty.
	BuildVersion string
	// Session holds the settings of all sessions: issuer, audience, lifetimes.
	Session session.Settings
	// Limits holds the limits on issuing sessions.
	Limits issue.Limits
	// TraceFile is the file to which decisions on requests to issue are written; empty for none.
	TraceFile string
	// KeysetFile is the keyset file. If it is empty, keys come from variables.
	KeysetFile string
	// Storage is the storage of grants.
	Storage ports.StorageKind
	// RedisURL names the Redis server, with its TLS files and the user of its Sentinels; the zero
	// value if the storage is not Redis.
	RedisURL redis.URL
	// RedisKeyPrefix is the prefix of all keys on the Redis server.
	RedisKeyPrefix string
	// RedisTimeout bounds one decision by Redis, from 1 ms to 10 s.
	RedisTimeout time.Duration
	// OnOutage is the policy during an outage of a shared storage.
	OnOutage ports.OutagePolicy
	// MaxSubjects bounds each part of the memory storage, at least 1.
	MaxSubjects int
	// DigestKey is the key of the digests of subjects; never empty.
	DigestKey Secret
	// TrustedProxies are the proxies whose forwarding headers are trusted. The zero value trusts
	// none.
	TrustedProxies clientaddr.Trusted
	// TrustedPrefixes lists the same proxies, for display.
	TrustedPrefixes []netip.Prefix
	// TrustedProxyHeader is the header that trusted proxies write.
	TrustedProxyHeader clientaddr.Header
	// ProxyProtocol is true if trusted proxies announce their clients by the PROXY protocol. Then
	// there is at least one trusted proxy.
	ProxyProtocol bool
	// HTTPAddr is the host and port of the public listener, or unix: and the path of its socket.
	HTTPAddr string
	// Socket is true if HTTPAddr is a socket, whose peers count as a trusted proxy.
	Socket bool
	// OpsAddr is the host and port of the operations listener; empty for none.
	OpsAddr string
	// OpsHosts are the host names under which the console may be asked for, in lower case.
	OpsHosts []string
	// TLS names the certificate files of the public listener; the zero value means no TLS.
	TLS certificate.Files
	// Origins are the web origins whose scripts may request sessions, in the form that browsers
	// send.
	Origins []string
	// PublicOrigins are the origins under which clients reach the service: https or http, in the
	// form that browsers send, which is lower case without a default port.
	PublicOrigins []proof.Origin
	// HTTP2 is true if the public listener speaks HTTP/2 as well as HTTP/1.1.
	HTTP2 bool
	// MaxConnections bounds the open connections of the public listener, at least 1. It is no more
	// than the machine allows.
	MaxConnections int
	// MaxConnectionsPerAddress bounds those of one address, at least 1.
	MaxConnectionsPerAddress int
	// MaxRequests bounds the requests of the public listener that are being computed, at least 1.
	MaxRequests int
	// MaxHeaderBytes bounds the headers of a request.
	MaxHeaderBytes int
	// ReadTimeout bounds reading a request, IdleTimeout the wait for the next one. Both are at
	// least one second.
	ReadTimeout, IdleTimeout time.Duration
	// ShutdownDelay is how long readiness fails before the listener closes, ShutdownGrace how long
	// requests in flight may take to finish. Either may be 0.
	ShutdownDelay, ShutdownGrace time.Duration
	// LogLevel is the minimum level that is logged.
	LogLevel ports.LogLevel
	// LogFormat is the format of log lines.
	LogFormat ports.LogFormat
}
