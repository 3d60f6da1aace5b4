package bootstrap

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/events/trace"
	"github.com/offload/sessiond/adapters/system/capacity"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
)

// Version is the version of the build, set by -ldflags "-X
// github.com/offload/sessiond/bootstrap.Version=1.2.3".
var Version = "dev"

// Run runs the command that args names and returns the exit status. The name of the program is not
// part of args.
func Run(args, environ []string, stdout, stderr io.Writer) int {
	return cli.Run(context.Background(), commands(environ, stderr), args, stdout, stderr)
}

// Documented returns the commands of Run, for a manual page.
func Documented() *cobra.Command { return cli.Documented(commands(nil, io.Discard)) }

// commands returns the functions behind the commands.
func commands(environ []string, stderr io.Writer) cli.Commands {
	sources := func(flags *pflag.FlagSet) config.Sources {
		return config.Sources{Flags: flags, Environ: environ,
			Random: entropy.Source{}.Generate, Now: time.Now(), BuildVersion: Version,
			Capacity: capacity.Read()}
	}
	load := func(flags *pflag.FlagSet) config.Review { return config.Load(sources(flags)) }
	return cli.Commands{
		AddFlags: config.AddFlags,
		Serve: func(ctx context.Context, flags *pflag.FlagSet) error {
			caught := catchSignals() // before anything is written
			defer caught.release()
			from := sources(flags)
			var inherited inherited
			inherited, from.Inherited = inherit()
			review := config.Load(from)
			if err := invalid(review); err != nil {
				logInvalid(ctx, review, stderr)
				return err
			}
			return serve(ctx, review, caught, inherited)
		},
		Check: func(ctx context.Context, flags *pflag.FlagSet) cli.CheckReport {
			review := load(flags)
			settings := trace.Read(environ)
			review.Warnings = append(review.Warnings, traceWarnings(settings.Findings())...)
			return checkReport(ctx, review, time.Now())
		},
		Config: func(flags *pflag.FlagSet) cli.ConfigReport {
			review := load(flags)
			report := cli.ConfigReport{Invalid: invalid(review)}
			for _, setting := range review.Settings {
				report.Settings = append(report.Settings, cli.Setting(setting))
			}
			return report
		},
		Template: config.Template,
		Health: func(ctx context.Context, flags *pflag.FlagSet, ready bool) cli.HealthReport {
			return health(ctx, load(flags), ready)
		},
		Unflagged: config.Unflagged(), NoColor: cli.NoColor(environ),
		Keys: keyCommands{load, clock.New()}.commands(),
		Limits: cli.LimitCommands{Simulate: simulation, Explain: explainCommand{load}.explain,
			Bounds: config.LimitBounds, MaximumWindow: config.MaximumWindow()},
		Inspect: tokenCommands{load, time.Now}.inspect,
		Version: versionReport,
		Names: cli.Names{SecretVariable: config.VarSecret,
			SigningKeysVariable: config.VarSigningKeys, ConfigFlag: config.FlagConfig,
			RenewalGraceFlag: config.FlagOf(config.VarRenewalGrace),
			KeysetFlag:       config.FlagOf(config.VarKeysetFile)},
	}
}

// logInvalid writes the faults and warnings of a configuration as log lines if the log format is
// JSON, because a log collector cannot parse the text that the command line writes for people.
func logInvalid(ctx context.Context, review config.Review, to io.Writer) {
	if review.Config.LogFormat != ports.LogJSON {
		return
	}
	logger := slog.New(logs.NewHandler(to, review.Config.LogLevel, ports.LogJSON))
	for _, warning := range review.Warnings {
		logs.ConfigurationWarning(ctx, logger, warning.Variable, warning.Problem, warning.Remedy)
	}
	for _, fault := range review.Faults {
		logs.ConfigurationFault(ctx, logger, fault.Variable, fault.Problem, fault.Remedy)
	}
}

// invalid returns the faults of a configuration with its warnings, or nil if it has no faults.
func invalid(review config.Review) *cli.InvalidConfigError {
	if len(review.Faults) == 0 {
		return nil
	}
	return &cli.InvalidConfigError{Faults: findings(review.Faults),
		Warnings: findings(review.Warnings)}
}

// findings converts faults, warnings or notes to the type of the command line. It returns no nil
// slice, which would become null in JSON.
func findings[finding config.Fault | config.Warning | config.Note](list []finding) []cli.Finding {
	converted := make([]cli.Finding, 0, len(list))
	for _, found := range list {
		converted = append(converted, cli.Finding(found))
	}
	return converted
}

// checkReport reports what a configuration would do at now. It queries a configured shared storage
// if the configuration has no faults.
func checkReport(ctx context.Context, review config.Review, now time.Time) cli.CheckReport {
	if len(review.Faults) == 0 {
		review.Warnings = append(review.Warnings, review.ChosenPorts()...)
		review.Warnings = append(review.Warnings, review.EarlyEnds(now)...)
		review.Warnings = append(review.Warnings, review.NotYet(now, createSigner())...)
		review.Warnings = append(review.Warnings, inspectStorage(ctx, review)...)
	}
	report := cli.CheckReport{Valid: len(review.Faults) == 0, Faults: findings(review.Faults),
		Warnings: findings(review.Warnings), Notes: findings(review.Notes)}
	if report.Valid {
		report.Effect = effect(review, now)
	}
	return report
}

// effect describes a valid configuration at now.
func effect(review config.Review, now time.Time) *cli.Effect {
	c := &review.Config
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	e := &cli.Effect{
		Environment: c.Environment, ProductionLike: c.Production, Version: c.BuildVersion,
		Listeners: cli.Listeners{Public: c.HTTPAddr, Operations: c.OpsAddr,
			MaxConnections: c.MaxConnections, Origins: append([]string{}, c.Origins...),
			PublicOrigins: cli.DescribeOrigins(c.PublicOrigins)},
		Sessions: cli.DescribeSessions(c.Session),
		Keys:     cli.DescribeKeys(review.Keyring, now),
		Limits: cli.Limits{
			PerIP: c.Limits.PerAddress, PerNetwork: c.Limits.PerNetwork,
			PerInstall: c.Limits.PerInstall, RenewalPerInstall: c.Limits.RenewalsPerInstall,
			RenewalPerIP:  c.Limits.RenewalsPerAddress,
			WindowSeconds: seconds(c.Limits.Window),
			Mode:          c.Limits.Mode, IPv6Prefix: c.Limits.IPv6Prefix,
			Storage:     c.Storage,
			MaxSubjects: c.MaxSubjects, TraceFile: config.ShownPath(c.TraceFile),
		},
		Proxies: cli.Proxies{Trusted: []string{}, Header: c.TrustedProxyHeader,
			Announce: c.ProxyProtocol, Socket: c.Socket},
		Shutdown: cli.Shutdown{DelaySeconds: seconds(c.ShutdownDelay),
			GraceSeconds: seconds(c.ShutdownGrace)},
		Logs: cli.Logs{Level: c.LogLevel, Format: c.LogFormat},
	}
	if c.Storage.Shared() {
		e.Limits.Shared = &cli.Shared{TimeoutMS: int(c.RedisTimeout / time.Millisecond),
			OnOutage: c.OnOutage}
	}
	if found := review.Certificate; found != nil {
		e.Listeners.TLS = &cli.TLS{Names: found.Names(),
			NotAfter: found.Ends().Format(time.RFC3339)}
	}
	for _, prefix := range c.TrustedPrefixes {
		e.Proxies.Trusted = append(e.Proxies.Trusted, prefix.String())
	}
	return e
}

// versionReport returns the version, and the revision if the build recorded it.
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
