package ports

// The types below are words from fixed lists, as the configuration, the log, the metrics and the
// reports have them. The zero value of each type is its default. String and MarshalText return the
// word.

// ThrottleMode is what happens to a request over a limit.
type ThrottleMode uint8

// The modes.
const (
	// Enforce refuses the request.
	Enforce ThrottleMode = iota
	// Observe records that the request would be refused, and serves it.
	Observe
)

// ThrottleModes returns every mode.
func ThrottleModes() []ThrottleMode { return []ThrottleMode{Enforce, Observe} }

// String returns the word for the mode.
func (m ThrottleMode) String() string {
	switch m {
	case Enforce:
		return "enforce"
	case Observe:
		return "observe"
	}
	return unknown
}

// MarshalText implements encoding.TextMarshaler.
func (m ThrottleMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// OutagePolicy is how the limiter decides while a shared storage is out.
type OutagePolicy uint8

// The policies.
const (
	// OutageLocal decides with a storage of this replica's own, with the same limits.
	OutageLocal OutagePolicy = iota
	// OutageDeny issues no sessions.
	OutageDeny
	// OutageAllow issues every session.
	OutageAllow
)

// OutagePolicies returns every policy.
func OutagePolicies() []OutagePolicy { return []OutagePolicy{OutageLocal, OutageDeny, OutageAllow} }

// String returns the word for the policy.
func (p OutagePolicy) String() string {
	switch p {
	case OutageLocal:
		return "local"
	case OutageDeny:
		return "deny"
	case OutageAllow:
		return "allow"
	}
	return unknown
}

// MarshalText implements encoding.TextMarshaler.
func (p OutagePolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// StorageKind is the kind of the storage that keeps grants.
type StorageKind uint8

// The storages.
const (
	// StorageMemory is the memory of this replica.
	StorageMemory StorageKind = iota
	// StorageRedis is a Redis server.
	StorageRedis
)

// StorageKinds returns every storage.
func StorageKinds() []StorageKind { return []StorageKind{StorageMemory, StorageRedis} }

// Shared reports whether replicas share the storage, so that there may be an outage of it.
func (k StorageKind) Shared() bool { return k != StorageMemory }

// String returns the word for the storage.
func (k StorageKind) String() string {
	switch k {
	case StorageMemory:
		return "memory"
	case StorageRedis:
		return "redis"
	}
	return unknown
}

// MarshalText implements encoding.TextMarshaler.
func (k StorageKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogLevel is the minimum level of the lines that are logged.
type LogLevel int8

// The levels.
const (
	LogDebug LogLevel = iota - 1
	LogInfo
	LogWarn
	LogError
)

// LogLevels returns every level.
func LogLevels() []LogLevel { return []LogLevel{LogDebug, LogInfo, LogWarn, LogError} }

// String returns the word for the level.
func (l LogLevel) String() string {
	switch l {
	case LogDebug:
		return "debug"
	case LogInfo:
		return "info"
	case LogWarn:
		return "warn"
	case LogError:
		return "error"
	}
	return unknown
}

// MarshalText implements encoding.TextMarshaler.
func (l LogLevel) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// LogFormat is the format of the lines that are logged.
type LogFormat uint8

// The formats.
const (
	// LogJSON writes an object for each line.
	LogJSON LogFormat = iota
	// LogText is for people.
	LogText
)

// LogFormats returns every format.
func LogFormats() []LogFormat { return []LogFormat{LogJSON, LogText} }

// String returns the word for the format.
func (f LogFormat) String() string {
	switch f {
	case LogJSON:
		return "json"
	case LogText:
		return "text"
	}
	return unknown
}

// MarshalText implements encoding.TextMarshaler.
func (f LogFormat) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// unknown is the word for a value that its type does not define.
const unknown = "unknown"
