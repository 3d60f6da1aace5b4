package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/ports"
)

const (
	prefix     = "OFFLOAD_"
	fileSuffix = "_FILE"

	// VarConfigFile names the configuration file. It is not in the table, because its value is
	// needed before the table can be read.
	VarConfigFile = prefix + "CONFIG_FILE"
)

// The names of the variables to which the code refers outside the table. They are taken from the
// table, so that each name is written once.
var (
	// VarKeysetFile names the keyset file.
	VarKeysetFile = nameOf(&named.KeysetFile)
	// VarTTL, VarRenewalGrace and VarClockSkew determine how long the keys of sessions are needed.
	VarTTL          = nameOf(&named.TTL)
	VarRenewalGrace = nameOf(&named.RenewalGrace)
	VarClockSkew    = nameOf(&named.ClockSkew)
	// VarRedisURL names the Redis server, VarRedisTimeout bounds one of its decisions.
	VarRedisURL     = nameOf(&named.RedisURL)
	VarRedisTimeout = nameOf(&named.RedisTimeout)
	// VarRedisCA, VarRedisCert and VarRedisKey name the files for TLS to Redis.
	VarRedisCA   = nameOf(&named.RedisCAFile)
	VarRedisCert = nameOf(&named.RedisCertFile)
	VarRedisKey  = nameOf(&named.RedisKeyFile)
	// VarProxies lists the trusted proxies.
	VarProxies = nameOf(&named.Proxies)
	// VarOrigins lists the allowed web origins.
	VarOrigins = nameOf(&named.CORSOrigins)
	// VarPublicOrigins lists the origins under which clients reach the service.
	VarPublicOrigins = nameOf(&named.PublicOrigins)
	// VarHTTPAddr and VarOpsAddr are the addresses of the listeners.
	VarHTTPAddr = nameOf(&named.HTTPAddr)
	VarOpsAddr  = nameOf(&named.OpsAddr)
	// VarOpsHosts lists the names under which the console may be asked for.
	VarOpsHosts = nameOf(&named.OpsHosts)
	// VarSigningKeys holds several keys, VarSecret the only one.
	VarSigningKeys = nameOf(&named.SigningKeys)
	VarSecret      = nameOf(&named.Secret)

	// VarTraceFile names the file of the trace.
	VarTraceFile = nameOf(&named.TraceFile)

	varEnvironment     = nameOf(&named.Environment)
	varBuildVersion    = nameOf(&named.BuildVersion)
	varIssuer          = nameOf(&named.Issuer)
	varAudience        = nameOf(&named.Audience)
	varBinding         = nameOf(&named.Binding)
	varBoundAudience   = nameOf(&named.BoundAudience)
	varActiveKid       = nameOf(&named.ActiveKid)
	varLimitPerIP      = nameOf(&named.LimitPerIP)
	varLimitPerNetwork = nameOf(&named.LimitPerNetwork)
	varLimitPerInstall = nameOf(&named.LimitPerInstall)
	varRenewPerInstall = nameOf(&named.RenewPerInstall)
	varRenewPerIP      = nameOf(&named.RenewPerIP)
	varLimitWindow     = nameOf(&named.LimitWindow)
	varLimitMode       = nameOf(&named.LimitMode)
	varIdleTimeout     = nameOf(&named.IdleTimeout)
	varShutdownGrace   = nameOf(&named.ShutdownGrace)
	varIPv6Prefix      = nameOf(&named.IPv6Prefix)
	varMaxSubjects     = nameOf(&named.MaxSubjects)
	varStorage         = nameOf(&named.LimiterStorage)
	varDigestKey       = nameOf(&named.DigestKey)
	varProxyHeader     = nameOf(&named.ProxyHeader)
	varProxyProtocol   = nameOf(&named.ProxyProtocol)
	varMaxConnections  = nameOf(&named.MaxConnections)
	varTLSCertFile     = nameOf(&named.TLSCertFile)
	varTLSKeyFile      = nameOf(&named.TLSKeyFile)
	varDenylist        = nameOf(&named.DenylistFile)
	varSentinelUser    = nameOf(&named.SentinelUser)
	varSentinelPass    = nameOf(&named.SentinelPass)
	varRedisKeyPrefix  = nameOf(&named.RedisKeyPrefix)
)

// named is never set: nameOf finds the variable of a field by the address of the field in it.
var named fields

// nameOf returns the name of a variable, given the address of its field in named.
func nameOf(field any) string {
	of := reflect.ValueOf(&named).Elem()
	for i := range of.NumField() {
		if of.Field(i).Addr().Interface() == field {
			return of.Type().Field(i).Tag.Get("env")
		}
	}
	panic("config: no such field")
}

// path is the type of a variable that holds a file name.
type path string

// fields is the table of all variables, in the order in which they are reported. The tags of a
// field are the name of the variable, its default ("-" for none: it may stay unset), its rules (see
// meets), and the help text. Text with the tag trim loses the white space at both ends. The tag
// group begins a group of help texts, which holds the fields that follow too.
//
// The type determines the rest. A Secret has no flag and is never shown. An empty Secret or path
// counts as not set; an empty value of any other type counts as set. An int is written in plain
// decimal digits. A list is separated by commas, or is a list in YAML. A type in words.go has its
// words and its default there.
type fields struct {
	Environment     string             `group:"General" env:"OFFLOAD_ENVIRONMENT" default:"" trim:"ends" rules:"label" help:"name of the environment; dev, development, local, test and testing are for development, every other name is production-like (default: development, or production where others can reach the service)"`
	BuildVersion    string             `env:"OFFLOAD_BUILD_VERSION" default:"" rules:"label" help:"version that /v1/health reports (default: that of the build)"`
	Secret          Secret             `group:"Keys and sessions" env:"OFFLOAD_SESSION_SECRET" default:"-" help:"HS256 secret of the active key, if no other keys are given"`
	TTL             int                `env:"OFFLOAD_SESSION_TTL_SECONDS" default:"3600" rules:"min=1,max=31536000" help:"lifetime of a session, in seconds"`
	Issuer          string             `env:"OFFLOAD_SESSION_TOKEN_ISSUER" default:"offload-backend" trim:"ends" rules:"required,label" help:"issuer of tokens; not empty"`
	Audience        string             `env:"OFFLOAD_SESSION_TOKEN_AUDIENCE" default:"offload-ios" trim:"ends" rules:"required,label" help:"audience of tokens; not empty"`
	ActiveKid       string             `env:"OFFLOAD_SESSION_TOKEN_ACTIVE_KID" default:"v2-default" trim:"ends" help:"id of the key that signs; not empty"`
	SigningKeys     Secret             `env:"OFFLOAD_SESSION_SIGNING_KEYS" default:"-" help:"JSON object from key ids to secrets; all verify, the active one signs"`
	KeysetFile      path               `env:"OFFLOAD_SESSION_KEYSET_FILE" default:"-" help:"keyset file; empty for none"`
	ClockSkew       int                `env:"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS" default:"2" rules:"min=0,max=60" help:"tolerated clock skew, for nbf only, in seconds"`
	Backdate        int                `env:"OFFLOAD_SESSION_BACKDATE_SECONDS" default:"0" rules:"min=0,max=60" help:"how far into the past a session begins, for verifiers without clock skew whose clocks lag, in seconds"`
	RenewalGrace    int                `env:"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS" default:"604800" rules:"min=0,max=31536000" help:"how long after its expiry a session can be renewed, in seconds"`
	Binding         session.Binding    `env:"OFFLOAD_SESSION_BINDING" help:"whether sessions are bound to keys of devices, which prove possession: accept binds those of clients that do, require all"`
	BoundAudience   string             `env:"OFFLOAD_SESSION_BOUND_AUDIENCE" default:"" trim:"ends" rules:"label" help:"audience of tokens that are bound to a key (default: the audience followed by :bound)"`
	LimitPerIP      int                `group:"Limits" env:"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP" default:"32" rules:"min=1,max=10000" help:"new sessions per address and window"`
	LimitPerNetwork int                `env:"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK" default:"2048" rules:"min=0,max=100000" help:"new sessions per network (IPv4 /24, IPv6 /48) and window; 0 for no limit"`
	LimitPerInstall int                `env:"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL" default:"4" rules:"min=1,max=10000" help:"new sessions per installation and window"`
	RenewPerInstall int                `env:"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL" default:"2" rules:"min=1,max=10000" help:"renewals per installation and window"`
	RenewPerIP      int                `env:"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP" default:"10000" rules:"min=1,max=100000" help:"renewals per address and window"`
	LimitWindow     int                `env:"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS" default:"60" rules:"min=1,max=86400" help:"length of the window, in seconds"`
	LimitMode       ports.ThrottleMode `env:"OFFLOAD_SESSION_ISSUE_LIMIT_MODE" help:"observe refuses nothing, but counts and logs what enforce would refuse"`
	TraceFile       path               `env:"OFFLOAD_SESSION_ISSUE_TRACE_FILE" default:"-" help:"file to which each decision on a request to issue is written, with keyed digests, to choose limits by; empty for none"`
	LimiterStorage  ports.StorageKind  `env:"OFFLOAD_LIMITER_STORAGE" help:"storage of grants"`
	MaxSubjects     int                `env:"OFFLOAD_LIMITER_MAX_SUBJECTS" default:"1000000" rules:"min=1,max=100000000" help:"maximum number of subjects in the memory storage"`
	DigestKey       Secret             `env:"OFFLOAD_LIMITER_DIGEST_KEY" default:"-" help:"key of the limiter's digests (default: random in each process); replicas that share a storage need the same key"`
	OnOutage        ports.OutagePolicy `env:"OFFLOAD_LIMITER_ON_OUTAGE" help:"what to do during an outage of a shared storage"`
	IPv6Prefix      int                `env:"OFFLOAD_LIMITER_IPV6_PREFIX" default:"64" rules:"min=32,max=128" help:"prefix length of the IPv6 addresses that count as one client"`
	RedisURL        Secret             `group:"Redis" env:"OFFLOAD_REDIS_URL" default:"-" help:"redis:// or rediss:// URL of the shared storage, valkey:// or valkeys:// alike; empty for none"`
	RedisCAFile     path               `env:"OFFLOAD_REDIS_TLS_CA_FILE" default:"-" help:"certificates of the authorities that sign those of Redis; empty for those of the system"`
	RedisCertFile   path               `env:"OFFLOAD_REDIS_TLS_CERT_FILE" default:"-" help:"client certificate for Redis; empty for none"`
	RedisKeyFile    path               `env:"OFFLOAD_REDIS_TLS_KEY_FILE" default:"-" help:"private key of the client certificate for Redis; empty for none"`
	SentinelUser    Secret             `env:"OFFLOAD_REDIS_SENTINEL_USERNAME" default:"-" help:"user of the Sentinels; empty for none"`
	SentinelPass    Secret             `env:"OFFLOAD_REDIS_SENTINEL_PASSWORD" default:"-" help:"password of the Sentinels (default: that of the URL, if it has no user)"`
	RedisKeyPrefix  string             `env:"OFFLOAD_REDIS_KEY_PREFIX" default:"sessiond:" rules:"label" help:"prefix of all keys in Redis; replicas that share limits need the same prefix"`
	RedisTimeout    int                `env:"OFFLOAD_REDIS_TIMEOUT_MS" default:"50" rules:"min=1,max=10000" help:"timeout of one decision by Redis, in milliseconds"`
	Proxies         []string           `group:"Proxies" env:"OFFLOAD_TRUSTED_PROXIES" default:"" help:"addresses and prefixes of trusted proxies, separated by commas; empty for none"`
	ProxyHeader     clientaddr.Header  `env:"OFFLOAD_TRUSTED_PROXY_HEADER" help:"header that trusted proxies write"`
	ProxyProtocol   bool               `env:"OFFLOAD_PROXY_PROTOCOL" default:"false" help:"require trusted proxies to announce the client of each connection by the PROXY protocol"`
	HTTPAddr        string             `group:"Listeners" env:"OFFLOAD_HTTP_ADDR" default:"" rules:"required,listener|socket" help:"public listener: an address, or unix:/path for a Unix socket, whose peers are trusted proxies (default: 127.0.0.1:8080 in development, else :8080); not empty"`
	OpsAddr         string             `env:"OFFLOAD_OPS_ADDR" default:"127.0.0.1:9090" rules:"omitempty,listener,distinct=HTTPAddr" help:"operations listener; empty for none"`
	OpsHosts        []string           `env:"OFFLOAD_OPS_HOSTS" default:"" help:"host names under which browsers may open the console of the operations listener, separated by commas; addresses and localhost are always allowed"`
	TLSCertFile     path               `env:"OFFLOAD_TLS_CERT_FILE" default:"-" help:"certificate of the public listener; empty for no TLS"`
	TLSKeyFile      path               `env:"OFFLOAD_TLS_KEY_FILE" default:"-" help:"private key of the certificate; empty for no TLS"`
	CORSOrigins     []string           `env:"OFFLOAD_CORS_ALLOWED_ORIGINS" default:"" help:"allowed web origins, separated by commas; empty for none, in development for localhost"`
	PublicOrigins   []string           `env:"OFFLOAD_PUBLIC_ORIGINS" default:"" help:"origins under which clients reach the service, separated by commas; empty for none. If the issuer is one of them, /.well-known/openid-configuration names the address of the public keys"`
	HTTP2           bool               `env:"OFFLOAD_HTTP2" default:"true" help:"speak HTTP/2 as well as HTTP/1.1"`
	MaxConnections  int                `env:"OFFLOAD_HTTP_MAX_CONNECTIONS" default:"20000" rules:"min=1" help:"open connections of the public listener, or fewer if the limits of open files and memory allow fewer; beyond that the one idle longest is closed"`
	MaxPerAddress   int                `env:"OFFLOAD_HTTP_MAX_CONNECTIONS_PER_ADDRESS" default:"2000" rules:"min=1" help:"open connections of one address; its network (IPv4 /24, IPv6 /48) may have four times as many, a trusted proxy any number"`
	MaxRequests     int                `env:"OFFLOAD_HTTP_MAX_REQUESTS" default:"1024" rules:"min=1" help:"requests of the public listener that are computed at the same time; further ones wait up to one second"`
	MaxHeaderBytes  int                `env:"OFFLOAD_HTTP_MAX_HEADER_BYTES" default:"16384" rules:"min=4096,max=1048576" help:"bytes of a request line and its headers"`
	ReadTimeout     int                `env:"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS" default:"10" rules:"min=1,max=3600" help:"timeout for reading headers and body, in seconds"`
	IdleTimeout     int                `env:"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS" default:"75" rules:"min=1,max=3600" help:"timeout between requests, in seconds"`
	ShutdownDelay   int                `group:"Shutdown" env:"OFFLOAD_SHUTDOWN_DELAY_SECONDS" default:"0" rules:"min=0,max=3600" help:"how long readiness fails before the listener closes, in seconds"`
	ShutdownGrace   int                `env:"OFFLOAD_SHUTDOWN_GRACE_SECONDS" default:"15" rules:"min=0,max=3600" help:"how long requests in flight may take to finish, in seconds"`
	LogLevel        ports.LogLevel     `group:"Logs" env:"OFFLOAD_LOG_LEVEL" help:"minimum level that is logged"`
	LogFormat       ports.LogFormat    `env:"OFFLOAD_LOG_FORMAT" help:"log format; text is for people"`
	DenylistFile    path               `group:"Secrets" env:"OFFLOAD_SECRET_DENYLIST_FILE" default:"-" help:"file of additional secrets to refuse, one per line; empty for none"`
}

// variable describes one field of the table.
type variable struct {
	name, preset, help string
	flag               string // its name
	group              string // for help texts
	optional           bool   // has no default and may stay unset
	trim               bool
	rules              []string
	index              int
	kind               reflect.Type
}

// table lists all variables in the order of their fields.
var table = variables()

// variables reads the tags of fields.
func variables() []variable {
	var list []variable
	for field := range reflect.TypeFor[fields]().Fields() {
		v := variable{
			name: field.Tag.Get("env"), flag: FlagOf(field.Tag.Get("env")),
			preset: field.Tag.Get("default"), help: field.Tag.Get("help"), index: field.Index[0], kind: field.Type,
			trim: field.Tag.Get("trim") != "",
		}
		if rules := field.Tag.Get("rules"); rules != "" {
			v.rules = strings.Split(rules, ",")
		}
		if v.group = field.Tag.Get("group"); v.group == "" {
			v.group = list[len(list)-1].group
		}
		if enumerations[v.kind] != nil {
			v.preset = fmt.Sprint(reflect.Zero(v.kind))
		}
		if v.preset == "-" {
			v.preset, v.optional = "", true
		}
		list = append(list, v)
	}
	return list
}

// lookup returns the variable with the given name.
func lookup(name string) (variable, bool) {
	at := slices.IndexFunc(table, func(v variable) bool { return v.name == name })
	if at < 0 {
		return variable{}, false
	}
	return table[at], true
}

// known reports whether name is that of a variable, with or without _FILE.
func known(name string) bool {
	return slices.ContainsFunc(table, func(v variable) bool {
		return name == v.name || name == v.name+fileSuffix
	})
}

// position returns the position of a name in the table. The configuration file comes before all
// others, unknown names after them.
func position(name string) int {
	if name == VarConfigFile {
		return -1
	}
	if v, ok := lookup(name); ok {
		return v.index
	}
	return len(table)
}

func (v variable) secret() bool { return v.kind == reflect.TypeFor[Secret]() }
func (v variable) list() bool   { return v.kind.Kind() == reflect.Slice }
func (v variable) isPath() bool { return v.kind == reflect.TypeFor[path]() }
func (v variable) isText() bool { return v.kind == reflect.TypeFor[string]() }

// emptyIsUnset reports whether an empty value means that the variable is not set.
func (v variable) emptyIsUnset() bool { return v.secret() || v.isPath() }

// short returns a name without its prefix and in lower case, as in YAML.
func short(name string) string {
	return strings.TrimPrefix(strings.ToLower(name), strings.ToLower(prefix))
}

// FlagOf returns the name of a variable's flag.
func FlagOf(variable string) string { return strings.ReplaceAll(short(variable), "_", "-") }

// rule returns the parameter of a rule, and whether the variable has the rule.
func (v variable) rule(name string) (parameter string, ok bool) {
	for _, rule := range v.rules {
		if rule == name || slices.Contains(strings.Split(rule, "|"), name) {
			return "", true
		}
		if parameter, ok = strings.CutPrefix(rule, name+"="); ok {
			return parameter, true
		}
	}
	return "", false
}
