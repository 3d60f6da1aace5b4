package config

import (
	"reflect"
	"slices"
	"strings"
)

// The names that the code has to know apart from the table.
const (
	prefix     = "OFFLOAD_"
	fileSuffix = "_FILE"

	varConfigFile      = "OFFLOAD_CONFIG_FILE"
	varEnvironment     = "OFFLOAD_ENVIRONMENT"
	varBuildVersion    = "OFFLOAD_BUILD_VERSION"
	varSecret          = "OFFLOAD_SESSION_SECRET"
	varActiveKid       = "OFFLOAD_SESSION_TOKEN_ACTIVE_KID"
	varSigningKeys     = "OFFLOAD_SESSION_SIGNING_KEYS"
	varKeysetFile      = "OFFLOAD_SESSION_KEYSET_FILE"
	varLimitPerIP      = "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP"
	varLimitPerInstall = "OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL"
	varMaxSubjects     = "OFFLOAD_LIMITER_MAX_SUBJECTS"
	varStorage         = "OFFLOAD_LIMITER_STORAGE"
	varDigestKey       = "OFFLOAD_LIMITER_DIGEST_KEY"
	varRedisURL        = "OFFLOAD_REDIS_URL"
	varProxies         = "OFFLOAD_TRUSTED_PROXIES"
	varProxyHeader     = "OFFLOAD_TRUSTED_PROXY_HEADER"
	varProxyProtocol   = "OFFLOAD_PROXY_PROTOCOL"
	varHTTPAddr        = "OFFLOAD_HTTP_ADDR"
	varOpsAddr         = "OFFLOAD_OPS_ADDR"
	varTLSCertFile     = "OFFLOAD_TLS_CERT_FILE"
	varTLSKeyFile      = "OFFLOAD_TLS_KEY_FILE"
	varOrigins         = "OFFLOAD_CORS_ALLOWED_ORIGINS"
	varDenylist        = "OFFLOAD_SECRET_DENYLIST_FILE"
)

// path is the name of a file.
type path string

// fields is the table of all variables, in the order in which they are told. A field's tags are the variable's name, its default
// ("-": none, it may stay unset), what validator asks of it, and the help text. Its type tells the rest: a Secret has no flag and is
// never shown; it and a path are not set when they are empty, every other variable then is; an int is plain decimal digits; a list is separated by commas, or a
// list in YAML. Text with the tag trim loses the white space at its ends.
type fields struct {
	Environment     string   `env:"OFFLOAD_ENVIRONMENT" default:"development" trim:"ends" validate:"label" help:"where the service runs; dev, development, local, test, testing and empty are for development, every other word is production-like"`
	BuildVersion    string   `env:"OFFLOAD_BUILD_VERSION" default:"" validate:"label" help:"version that /v1/health shows; the build's own unless set"`
	Secret          Secret   `env:"OFFLOAD_SESSION_SECRET" default:"-" help:"HS256 secret of the active key, when no other keys are given"`
	TTL             int      `env:"OFFLOAD_SESSION_TTL_SECONDS" default:"3600" validate:"min=1,max=31536000" help:"how long a session lasts, in seconds"`
	Issuer          string   `env:"OFFLOAD_SESSION_TOKEN_ISSUER" default:"offload-backend" trim:"ends" validate:"required,label" help:"issuer that tokens name; never empty"`
	Audience        string   `env:"OFFLOAD_SESSION_TOKEN_AUDIENCE" default:"offload-ios" trim:"ends" validate:"required,label" help:"audience that tokens name; never empty"`
	ActiveKid       string   `env:"OFFLOAD_SESSION_TOKEN_ACTIVE_KID" default:"v2-default" trim:"ends" help:"id of the key that signs; never empty"`
	SigningKeys     Secret   `env:"OFFLOAD_SESSION_SIGNING_KEYS" default:"-" help:"JSON object, key id to secret; all verify, the active one signs"`
	KeysetFile      path     `env:"OFFLOAD_SESSION_KEYSET_FILE" default:"-" help:"keyset file; empty: none"`
	ClockSkew       int      `env:"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS" default:"2" validate:"min=0,max=60" help:"how far ahead another clock may be, for nbf only, in seconds; 0: not at all"`
	RenewalGrace    int      `env:"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS" default:"604800" validate:"min=0,max=31536000" help:"how long after its end a session still renews, in seconds; 0: not at all"`
	LimitPerIP      int      `env:"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP" default:"8" validate:"min=1,max=10000" help:"new sessions for one address in a window"`
	LimitPerInstall int      `env:"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL" default:"4" validate:"min=1,max=10000" help:"sessions for one installation in a window"`
	LimitWindow     int      `env:"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS" default:"60" validate:"min=1,max=86400" help:"length of the window, in seconds"`
	LimitMode       string   `env:"OFFLOAD_SESSION_ISSUE_LIMIT_MODE" default:"enforce" validate:"oneof=enforce observe" help:"observe counts and logs what it would refuse, and refuses nothing"`
	TraceFile       path     `env:"OFFLOAD_SESSION_ISSUE_TRACE_FILE" default:"-" help:"file for every ask as one line with keyed digests; empty: none"`
	LimiterStorage  string   `env:"OFFLOAD_LIMITER_STORAGE" default:"memory" validate:"oneof=memory redis" help:"where grants are kept"`
	MaxSubjects     int      `env:"OFFLOAD_LIMITER_MAX_SUBJECTS" default:"1000000" validate:"min=1,max=100000000" help:"most subjects that the memory storage holds"`
	DigestKey       Secret   `env:"OFFLOAD_LIMITER_DIGEST_KEY" default:"-" help:"key of the limiter's digests; random in each process unless set; replicas that share a storage share it"`
	OnOutage        string   `env:"OFFLOAD_LIMITER_ON_OUTAGE" default:"local" validate:"oneof=local deny allow" help:"who decides while a shared storage is out"`
	IPv6Prefix      int      `env:"OFFLOAD_LIMITER_IPV6_PREFIX" default:"64" validate:"min=32,max=128" help:"bits of an IPv6 address that count as one client"`
	RedisURL        Secret   `env:"OFFLOAD_REDIS_URL" default:"-" help:"redis:// or rediss:// address of the shared storage; empty: none"`
	RedisTimeout    int      `env:"OFFLOAD_REDIS_TIMEOUT_MS" default:"50" validate:"min=1,max=10000" help:"longest that one decision of Redis may take, in milliseconds"`
	Proxies         []string `env:"OFFLOAD_TRUSTED_PROXIES" default:"" help:"addresses and prefixes of trusted proxies, separated by commas; empty: none"`
	ProxyHeader     string   `env:"OFFLOAD_TRUSTED_PROXY_HEADER" default:"X-Forwarded-For" validate:"oneofci=X-Forwarded-For Forwarded" help:"header that trusted proxies write"`
	ProxyProtocol   bool     `env:"OFFLOAD_PROXY_PROTOCOL" default:"false" help:"trusted proxies announce each connection's client by the PROXY protocol, and must"`
	HTTPAddr        string   `env:"OFFLOAD_HTTP_ADDR" default:"" validate:"required,listener" help:"public listener; 127.0.0.1:8080 in development, else :8080, unless set; never empty"`
	OpsAddr         string   `env:"OFFLOAD_OPS_ADDR" default:"127.0.0.1:9090" validate:"omitempty,listener,apart=HTTPAddr" help:"operations listener; empty: none"`
	TLSCertFile     path     `env:"OFFLOAD_TLS_CERT_FILE" default:"-" help:"certificate of the public listener; empty: no TLS"`
	TLSKeyFile      path     `env:"OFFLOAD_TLS_KEY_FILE" default:"-" help:"private key of the certificate; empty: no TLS"`
	CORSOrigins     []string `env:"OFFLOAD_CORS_ALLOWED_ORIGINS" default:"" help:"origins of browsers, separated by commas; empty: none"`
	MaxConnections  int      `env:"OFFLOAD_HTTP_MAX_CONNECTIONS" default:"20000" validate:"min=1" help:"connections of the public listener at once; further ones wait"`
	ReadTimeout     int      `env:"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS" default:"10" validate:"min=1,max=3600" help:"longest that headers and body may take, in seconds"`
	IdleTimeout     int      `env:"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS" default:"60" validate:"min=1,max=3600" help:"longest wait between requests, in seconds"`
	ShutdownDelay   int      `env:"OFFLOAD_SHUTDOWN_DELAY_SECONDS" default:"0" validate:"min=0,max=3600" help:"how long readiness fails before the listener closes, in seconds; 0: not at all"`
	ShutdownGrace   int      `env:"OFFLOAD_SHUTDOWN_GRACE_SECONDS" default:"15" validate:"min=0,max=3600" help:"how long requests under way may finish, in seconds; 0: not at all"`
	LogLevel        string   `env:"OFFLOAD_LOG_LEVEL" default:"info" validate:"oneof=debug info warn error" help:"least level that is logged"`
	LogFormat       string   `env:"OFFLOAD_LOG_FORMAT" default:"json" validate:"oneof=json text" help:"text is for people"`
	DenylistFile    path     `env:"OFFLOAD_SECRET_DENYLIST_FILE" default:"-" help:"file of further secrets to refuse, one a line; empty: none"`
}

// variable is one field of the table.
type variable struct {
	name, preset, help string
	optional           bool // it has no default and may stay unset
	trim               bool
	rules              []string
	index              int
	kind               reflect.Type
}

// table is every variable, in order.
var table = variables()

func variables() []variable {
	var list []variable
	for field := range reflect.TypeFor[fields]().Fields() {
		v := variable{
			name: field.Tag.Get("env"), preset: field.Tag.Get("default"),
			help:  field.Tag.Get("help"),
			rules: strings.Split(field.Tag.Get("validate"), ","), index: field.Index[0],
			kind: field.Type,
			trim: field.Tag.Get("trim") != "",
		}
		if v.preset == "-" {
			v.preset, v.optional = "", true
		}
		list = append(list, v)
	}
	return list
}

// lookup finds the variable of that name.
func lookup(name string) (variable, bool) {
	at := slices.IndexFunc(table, func(v variable) bool { return v.name == name })
	if at < 0 {
		return variable{}, false
	}
	return table[at], true
}

// known tells whether name is a variable's, or the same with _FILE.
func known(name string) bool {
	return slices.ContainsFunc(table, func(v variable) bool {
		return name == v.name || name == v.name+fileSuffix
	})
}

// place is where a name stands in the table: the configuration file before all, what is unknown after all.
func place(name string) int {
	if name == varConfigFile {
		return -1
	}
	if v, ok := lookup(name); ok {
		return v.index
	}
	return len(table)
}

func (v variable) secret() bool { return v.kind == reflect.TypeFor[Secret]() }
func (v variable) list() bool   { return v.kind.Kind() == reflect.Slice }

// unsetByNothing tells whether an empty value means that the variable is not set.
func (v variable) unsetByNothing() bool { return v.secret() || v.kind == reflect.TypeFor[path]() }

// short is a name without prefix in lower case, as in YAML.
func short(name string) string {
	return strings.TrimPrefix(strings.ToLower(name), strings.ToLower(prefix))
}

// flag is the name of the variable's flag.
func (v variable) flag() string { return strings.ReplaceAll(short(v.name), "_", "-") }

// rule is the parameter of one of validator's rules for the variable.
func (v variable) rule(name string) (parameter string, ok bool) {
	for _, rule := range v.rules {
		if rule == name {
			return "", true
		}
		if parameter, ok = strings.CutPrefix(rule, name+"="); ok {
			return parameter, true
		}
	}
	return "", false
}
