package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/offload/sessiond/adapters/http/certificate"
	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
)

// Review is the result of reading a configuration.
type Review struct {
	// Config holds the values in force. It is valid only if there are no faults.
	Config Config
	// Keyring holds the keys in force; nil if a fault prevents it.
	Keyring *keys.Keyring
	// Certificate is the certificate of the public listener; nil without TLS, or if a fault
	// prevents it.
	Certificate *certificate.Certificate
	// Faults holds all errors, in the order of the table. If there is any, the service must not
	// start.
	Faults []Fault
	// Warnings holds the warnings in the order of the table, with unknown names last.
	Warnings []Warning
	// Notes holds the notes in the order of discovery.
	Notes []Note
	// Settings holds all variables in the order of the table, after the configuration file.
	Settings []Setting

	policy       secret.Policy
	requirements keys.Requirements
	// denylistFile is the name of the file with the operator's list; empty if there is none.
	denylistFile string
}

// Setting is one variable in a form for display.
type Setting struct {
	Variable string
	// Value is a single line; "[set]" or "[not set]" for a secret.
	Value string
	// Origin has the same form as in Fault.
	Origin string
}

// Load reads all sources and validates them. It opens only files that the configuration names. It
// does not fail: errors are in the review.
func Load(sources Sources) Review {
	var found findings
	l := &loader{Sources: sources, findings: &found}
	l.load()
	r := &reviewer{findings: &found, loader: l, given: map[string]bool{},
		texts: map[string]string{}, broken: map[string]bool{},
		leaking: map[string]bool{}}
	r.read()
	r.reportUnknown()
	r.reportMisspeltPrefixes()
	r.validate()
	r.advise()
	policy := r.policy()
	review := Review{Keyring: r.keyring(policy), policy: policy,
		denylistFile: string(r.fields.DenylistFile)}
	review.Config = r.config()
	review.Config.DigestKey = r.digestKey(policy)
	review.requirements = r.requirements(policy, review.Config.DigestKey)
	r.rejectLeaks()
	review.Config.TLS, review.Certificate = r.certificate()
	review.Settings = r.settings()
	review.Faults, review.Warnings = found.sorted()
	review.Notes = found.notes
	return review
}

// config converts the fields to the types that the service uses.
func (r *reviewer) config() Config {
	f := &r.fields
	trusted := r.trusted()
	limits := issue.Limits{
		PerAddress: f.LimitPerIP, PerNetwork: f.LimitPerNetwork, PerInstall: f.LimitPerInstall,
		RenewalsPerInstall: f.RenewPerInstall, RenewalsPerAddress: f.RenewPerIP,
		Window: seconds(f.LimitWindow), Mode: f.LimitMode, IPv6Prefix: f.IPv6Prefix,
	}
	r.checkMaxSubjects(limits)
	return Config{
		Environment: r.environment.String(),
		Production:  r.production, BuildVersion: f.BuildVersion,
		Session: session.Settings{
			Issuer: f.Issuer, Audience: f.Audience,
			Lifetime: seconds(f.TTL), ClockSkew: seconds(f.ClockSkew),
			RenewalGrace: seconds(f.RenewalGrace), Backdate: seconds(f.Backdate),
			Binding: f.Binding, BoundAudience: r.boundAudience(),
		},
		Limits:         limits,
		TraceFile:      r.traceFile(),
		KeysetFile:     string(f.KeysetFile),
		Storage:        f.LimiterStorage,
		RedisURL:       r.redisURL(),
		RedisKeyPrefix: f.RedisKeyPrefix,
		RedisTimeout:   time.Duration(f.RedisTimeout) * time.Millisecond,
		OnOutage:       f.OnOutage,
		MaxSubjects:    f.MaxSubjects,
		TrustedProxies: clientaddr.NewTrusted(trusted...), TrustedPrefixes: trusted,
		TrustedProxyHeader: r.proxyHeader(),
		ProxyProtocol:      f.ProxyProtocol, Origins: r.origins(),
		PublicOrigins: r.publicOrigins(),
		HTTPAddr:      f.HTTPAddr, Socket: r.onSocket(), OpsAddr: f.OpsAddr, OpsHosts: r.opsHosts(),
		HTTP2: f.HTTP2, MaxConnections: r.maxConnections(),
		MaxConnectionsPerAddress: f.MaxPerAddress, MaxRequests: f.MaxRequests,
		MaxHeaderBytes: f.MaxHeaderBytes,
		ReadTimeout:    seconds(f.ReadTimeout), IdleTimeout: seconds(f.IdleTimeout),
		ShutdownDelay: seconds(f.ShutdownDelay), ShutdownGrace: seconds(f.ShutdownGrace),
		LogLevel: f.LogLevel, LogFormat: f.LogFormat,
	}
}

// seconds returns n seconds.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// checkMaxSubjects checks that the memory storage can hold the grants that the limits allow.
func (r *reviewer) checkMaxSubjects(limits issue.Limits) {
	f := &r.fields
	for _, name := range []string{varMaxSubjects, varLimitPerIP, varLimitPerNetwork,
		varLimitPerInstall, varRenewPerInstall, varRenewPerIP} {
		if r.broken[name] {
			return
		}
	}
	var tooSmall *memory.TooSmallError
	if _, err := memory.New(f.MaxSubjects, limits.Of); errors.As(err, &tooSmall) {
		r.faultOf(varMaxSubjects, fmt.Sprintf("is too small for a limit of %d grants",
			tooSmall.LargestLimit), fmt.Sprintf("use at least %d", tooSmall.Minimum))
	} else if limits.Of(throttle.ByNetwork) > 0 && f.MaxSubjects == 1 {
		// An address and its network are the only subjects of one request in one part.
		r.warnOf(varMaxSubjects,
			"is smaller than the number of subjects of one request: they evict each other, "+
				"and limits have no effect",
			"use twice the peak of grants per second, times the window in seconds")
	} else {
		r.adviseSubjects()
	}
}

// settings returns every variable in a form for display.
func (r *reviewer) settings() []Setting {
	config := Setting{Variable: VarConfigFile, Value: ShownPath(r.loader.config.Text),
		Origin: r.loader.config.Origin}
	if config.Value == "" {
		config.Origin = originDefault
	}
	list := []Setting{config}
	for _, v := range table {
		list = append(list, Setting{Variable: v.name, Value: r.shown(v), Origin: r.origin(v.name)})
	}
	return list
}

// OriginOf returns the origin of a variable's value.
func (r *Review) OriginOf(variable string) string {
	for _, setting := range r.Settings {
		if setting.Variable == variable {
			return setting.Origin
		}
	}
	return ""
}

// shown returns the value of a variable in a form for display.
func (r *reviewer) shown(v variable) string {
	switch {
	case v.isPath():
		return ShownPath(r.texts[v.name])
	case r.leaking[v.name]:
		return withheld
	case !v.secret() && r.broken[v.name] && quotedUnlessSecret(r.texts[v.name]) == "" &&
		r.texts[v.name] != "":
		return withheld
	case !v.secret():
		return shown(r.texts[v.name])
	case r.given[v.name]:
		return shownSet
	}
	return shownNotSet
}
