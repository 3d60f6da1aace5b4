package bootstrap

import (
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/bootstrap/config"
)

// Version is the build's own version, set by -ldflags "-X github.com/offload/sessiond/bootstrap.Version=1.2.3".
var Version = "dev"

// Run is the program: it runs the command that args name, the program's own name left out, and tells the exit status.
func Run(args, environ []string, stdout, stderr io.Writer) int {
	load := func(flags *pflag.FlagSet) config.Review {
		return config.Load(config.Sources{Flags: flags, Environ: environ,
			Random: system.Entropy{}.Generate, Now: time.Now(), BuildVersion: Version})
	}
	return cli.Run(context.Background(), cli.Commands{
		AddFlags: config.AddFlags,
		Serve: func(ctx context.Context, flags *pflag.FlagSet) error {
			review := load(flags)
			if wrong := unsound(review); wrong != nil {
				return wrong
			}
			return Serve(ctx, review)
		},
		Check: func(ctx context.Context, flags *pflag.FlagSet) cli.CheckReport {
			return checkReport(ctx, load(flags), time.Now())
		},
		Config: func(flags *pflag.FlagSet) cli.ConfigReport {
			review := load(flags)
			report := cli.ConfigReport{Unsound: unsound(review)}
			for _, setting := range review.Settings {
				report.Settings = append(report.Settings, cli.Setting(setting))
			}
			return report
		},
		Keys:    keyCommands{load, system.NewClock()}.commands(),
		Version: versionReport,
	}, args, stdout, stderr)
}

// unsound is what is wrong with a configuration; nil where nothing is.
func unsound(review config.Review) *cli.InvalidConfigError {
	if len(review.Faults) == 0 {
		return nil
	}
	return &cli.InvalidConfigError{Faults: remarks(review.Faults),
		Warnings: remarks(review.Warnings)}
}

// remarks are faults or warnings as the command line tells them; never nil.
func remarks[remark config.Fault | config.Warning](list []remark) []cli.Remark {
	told := make([]cli.Remark, 0, len(list))
	for _, one := range list {
		told = append(told, cli.Remark(one))
	}
	return told
}

// checkReport tells what a configuration would do at now.
func checkReport(ctx context.Context, review config.Review, now time.Time) cli.CheckReport {
	if len(review.Faults) == 0 {
		review.Warnings = append(review.Warnings, checkStorage(ctx, review)...)
	}
	report := cli.CheckReport{Valid: len(review.Faults) == 0, Faults: remarks(review.Faults),
		Warnings: remarks(review.Warnings)}
	if report.Valid {
		report.Effect = effect(review, now)
	}
	return report
}

func effect(review config.Review, now time.Time) *cli.Effect {
	c := &review.Config
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	e := &cli.Effect{
		Environment: c.Environment, ProductionLike: c.Production, Version: c.BuildVersion,
		Listeners: cli.Listeners{Public: c.HTTPAddr, Operations: c.OpsAddr,
			MaxConnections: c.MaxConnections, Origins: append([]string{}, c.Origins...)},
		Sessions: cli.Sessions{
			Issuer: c.Session.Issuer, Audience: c.Session.Audience,
			TTLSeconds:          seconds(c.Session.Lifetime),
			ClockSkewSeconds:    seconds(c.Session.ClockSkew),
			RenewalGraceSeconds: seconds(c.Session.RenewalGrace),
		},
		Limits: cli.Limits{
			PerIP: c.Limits.PerAddress, PerInstall: c.Limits.PerInstall,
			WindowSeconds: seconds(c.Limits.Window),
			Mode:          string(c.Limits.Mode), IPv6Prefix: c.Limits.IPv6Prefix,
			Storage:     c.Storage,
			MaxSubjects: c.MaxSubjects,
		},
		Proxies: cli.Proxies{Trusted: []string{}, Header: c.TrustedProxyHeader,
			Announce: c.ProxyProtocol},
		Shutdown: cli.Shutdown{DelaySeconds: seconds(c.ShutdownDelay),
			GraceSeconds: seconds(c.ShutdownGrace)},
		Logs: cli.Logs{Level: strings.ToLower(c.LogLevel.String()), Format: c.LogFormat},
	}
	if c.Storage == config.StorageRedis {
		e.Limits.Shared = &cli.Shared{TimeoutMS: int(c.RedisTimeout / time.Millisecond),
			OnOutage: string(c.OnOutage)}
	}
	if found := review.Certificate; found != nil {
		e.Listeners.TLS = &cli.TLS{Names: found.Names(),
			NotAfter: found.Ends().Format(time.RFC3339)}
	}
	for _, prefix := range c.TrustedPrefixes {
		e.Proxies.Trusted = append(e.Proxies.Trusted, prefix.String())
	}
	for _, key := range review.Keyring.Keys() {
		e.Keys = append(e.Keys, cli.Key{
			ID: string(key.ID()), Algorithm: string(key.Algorithm()),
			State: review.Keyring.StateAt(key, now).String(),
		})
	}
	return e
}

// versionReport tells the version, and the revision where the build knows it.
func versionReport() cli.VersionReport {
	report := cli.VersionReport{Version: Version, Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				report.Revision = setting.Value
			}
		}
	}
	return report
}
