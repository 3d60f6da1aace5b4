package config

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/offload/sessiond/adapters/http/certificate"
	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Review is all that is to be known of a configuration.
type Review struct {
	// Config is what is in force; sound only where there are no faults.
	Config Config
	// Ring holds the keys in force; nil where a fault keeps them from being.
	Keyring *keys.Keyring
	// Certificate is the public listener's; nil where it has none, or a fault keeps it from being.
	Certificate *certificate.Certificate
	// Faults are all that is wrong, in the order of the table. With one of them the service must not start.
	Faults []Fault
	// Warnings are what had best be known, in the order of the table, unknown names last.
	Warnings []Warning
	// Settings are all variables in the order of the table, the configuration file first.
	Settings []Setting

	acceptance acceptance
}

// Setting is one variable for an operator to see.
type Setting struct {
	Variable string
	// Value is in one line; "[set]" or "[not set]" for a secret.
	Value string
	// Origin is as in Fault.
	Origin string
}

// Load reads all sources and judges them. It opens no file but those that the configuration names, and cannot fail: what is wrong is in the
// review.
func Load(sources Sources) Review {
	var found findings
	g := &gathering{Sources: sources, findings: &found}
	g.gather()
	r := &reading{findings: &found, gathering: g, given: map[string]bool{},
		texts: map[string]string{}, broken: map[string]bool{}}
	r.read()
	r.validate()
	r.refuseUnbuilt()
	policy := r.policy()
	review := Review{Keyring: r.keyring(policy)}
	review.Config = r.config()
	review.Config.DigestKey = r.digestKey(policy)
	review.Config.TLS, review.Certificate = r.certificate()
	review.acceptance = acceptance{policy: policy, production: r.production,
		digestKey: review.Config.DigestKey}
	review.Settings = r.settings()
	review.Faults, review.Warnings = found.sorted()
	return review
}

// config is the fields in the types that the service uses.
func (r *reading) config() Config {
	f := &r.fields
	r.room()
	trusted := r.trusted()
	word, _ := classify(f.Environment)
	return Config{
		Environment: word, Production: r.production, BuildVersion: f.BuildVersion,
		Session: session.Settings{
			Issuer: f.Issuer, Audience: f.Audience,
			Lifetime: seconds(f.TTL), ClockSkew: seconds(f.ClockSkew),
			RenewalGrace: seconds(f.RenewalGrace),
		},
		Limits: issue.Limits{
			PerAddress: f.LimitPerIP, PerInstall: f.LimitPerInstall, Window: seconds(f.LimitWindow),
			Mode: ports.ThrottleMode(f.LimitMode), IPv6Prefix: f.IPv6Prefix,
		},
		KeysetFile:     string(f.KeysetFile),
		Storage:        f.LimiterStorage,
		RedisURL:       r.redisURL(),
		RedisTimeout:   time.Duration(f.RedisTimeout) * time.Millisecond,
		OnOutage:       ports.OutagePolicy(f.OnOutage),
		MaxSubjects:    f.MaxSubjects,
		TrustedProxies: clientaddr.NewTrusted(trusted...), TrustedPrefixes: trusted,
		TrustedProxyHeader: r.proxyHeader(),
		ProxyProtocol:      f.ProxyProtocol, Origins: r.origins(),
		HTTPAddr: f.HTTPAddr, OpsAddr: f.OpsAddr, MaxConnections: f.MaxConnections,
		ReadTimeout: seconds(f.ReadTimeout), IdleTimeout: seconds(f.IdleTimeout),
		ShutdownDelay: seconds(f.ShutdownDelay), ShutdownGrace: seconds(f.ShutdownGrace),
		LogLevel: logLevel(f.LogLevel), LogFormat: f.LogFormat,
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// logLevel is the level of one of the words that validator let pass.
func logLevel(word string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(word)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// room asks the memory storage whether it could hold what the limits ask.
func (r *reading) room() {
	f := &r.fields
	for _, name := range []string{varMaxSubjects, varLimitPerIP, varLimitPerInstall} {
		if r.broken[name] {
			return
		}
	}
	var small *memory.TooSmallError
	if _, err := memory.New(f.MaxSubjects, max(f.LimitPerIP, f.LimitPerInstall)); errors.As(err,
		&small) {
		r.faultOf(varMaxSubjects, fmt.Sprintf("leaves no room for a limit of %d grants",
			small.LargestLimit), fmt.Sprintf("give at least %d", small.Minimum))
	} else if f.MaxSubjects < len(throttle.Dimensions()) {
		r.warnOf(varMaxSubjects,
			"is fewer than one request asks about: each forgets the other, and nobody is limited",
			"give twice the peak of grants a second, times the window in seconds")
	}
}

// settings shows every variable.
func (r *reading) settings() []Setting {
	config := Setting{Variable: varConfigFile, Value: shown(r.gathering.config.Text),
		Origin: r.gathering.config.Origin}
	if config.Value == "" {
		config.Origin = originDefault
	}
	list := []Setting{config}
	for _, v := range table {
		list = append(list, Setting{Variable: v.name, Value: r.shown(v), Origin: r.origin(v.name)})
	}
	return list
}

func (r *reading) shown(v variable) string {
	switch {
	case !v.secret():
		return shown(r.texts[v.name])
	case r.given[v.name]:
		return shownSet
	}
	return shownNotSet
}
