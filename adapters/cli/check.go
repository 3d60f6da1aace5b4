package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/ports"
)

// newCheck returns the command that checks the configuration and describes its effect.
func newCheck(commands Commands) *cobra.Command {
	var strict bool
	check := &cobra.Command{
		Use:   "check",
		Short: "Checks the configuration and describes what it would do",
		Long: "Reports every fault of the configuration, and what a valid one would do. It\n" +
			"opens no listener. If a shared storage is configured, check connects to it:\n" +
			"it makes decisions that write keys for random subjects, which expire by\n" +
			"themselves, and reads the maxmemory-policy. Each of these steps takes at most\n" +
			"two seconds.\n\n" +
			"The exit status is 0 for a valid configuration, 1 for an invalid one and, with\n" +
			"--strict, 2 for a valid one with warnings.",
		RunE: func(command *cobra.Command, _ []string) error {
			report := commands.Check(command.Context(), command.Flags())
			err := write(command, report, func(w io.Writer) error {
				return report.writeText(w, newPalette(w, commands.NoColor))
			})
			if err != nil {
				return err
			}
			switch {
			case !report.Valid:
				return statusError(statusFailed)
			case strict && len(report.Warnings) > 0:
				return statusError(statusWarnings)
			}
			return nil
		},
	}
	check.Flags().BoolVar(&strict, "strict", false, "exit with status 2 if there are warnings")
	reporting(check)
	commands.AddFlags(check.Flags())
	return prepare(check)
}

// writeText writes the effect, the findings and the verdict for people.
func (r CheckReport) writeText(w io.Writer, colors palette) error {
	var text strings.Builder
	if r.Effect != nil {
		r.Effect.write(&text)
		text.WriteByte('\n')
	}
	text.WriteString(formatFindings(colors, wordNote, r.Notes))
	text.WriteString(formatFindings(colors, wordWarning, r.Warnings))
	text.WriteString(formatFindings(colors, wordFault, r.Faults))
	switch {
	case !r.Valid:
		text.WriteString(colors.in(red,
			"The configuration is invalid: sessiond would not start.") + "\n")
	case len(r.Warnings) > 0:
		text.WriteString(colors.in(yellow, "The configuration is valid, with warnings.") + "\n")
	default:
		text.WriteString(colors.in(green, "The configuration is valid.") + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// write writes the effect as a table of names and values for people.
func (e *Effect) write(text io.Writer) {
	lines := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	line := func(name, format string, values ...any) {
		_, _ = fmt.Fprintf(lines, "%s\t%s\n", name, fmt.Sprintf(format, values...))
	}
	kind := "for development"
	if e.ProductionLike {
		kind = "production-like"
	}
	line("environment", "%s (%s)", e.Environment, kind)
	line("version", "%s", e.Version)
	line("public listener", "%s, at most %d connections", e.Listeners.Public,
		e.Listeners.MaxConnections)
	if tls := e.Listeners.TLS; tls != nil {
		line("certificate", "for %s, until %s; renewed files take effect without a restart",
			cmp.Or(strings.Join(tls.Names, ", "), none), tls.NotAfter)
	}
	if len(e.Listeners.Origins) > 0 {
		line("allowed origins", "%s", strings.Join(e.Listeners.Origins, ", "))
	}
	if len(e.Listeners.PublicOrigins) > 0 {
		line("public origins", "%s", strings.Join(e.Listeners.PublicOrigins, ", "))
	}
	line("operations listener", "%s", cmp.Or(e.Listeners.Operations, none))
	for _, key := range e.Keys {
		line("key", "%s (%s), %s", key.ID, key.Algorithm, key.State)
	}
	line("sessions", "valid for %d s, renewable until %d s after expiry", e.Sessions.TTLSeconds,
		e.Sessions.RenewalGraceSeconds)
	line("tokens", "issuer %s, audience %s, clock skew %d s", e.Sessions.Issuer,
		e.Sessions.Audience, e.Sessions.ClockSkewSeconds)
	switch e.Sessions.Binding {
	case session.BindingOff:
	case session.BindingAccept:
		line("binding", "accept: to the key of a device that proves possession, audience %s",
			e.Sessions.BoundAudience)
	case session.BindingRequire:
		line("binding", "require: every session to the key of its device, audience %s",
			e.Sessions.BoundAudience)
	}
	network := "networks not limited"
	if e.Limits.PerNetwork > 0 {
		network = fmt.Sprintf("%d per network", e.Limits.PerNetwork)
	}
	line("limits", "%d per address, %s, %d per installation, in %d s; mode %s; IPv6 by /%d",
		e.Limits.PerIP, network, e.Limits.PerInstall, e.Limits.WindowSeconds, e.Limits.Mode,
		e.Limits.IPv6Prefix)
	line("renewals", "%d per installation, %d per address, in %d s", e.Limits.RenewalPerInstall,
		e.Limits.RenewalPerIP, e.Limits.WindowSeconds)
	if e.Limits.TraceFile != "" {
		line("trace", "%s, for sessiond limits simulate", e.Limits.TraceFile)
	}
	if shared := e.Limits.Shared; shared != nil {
		line("storage", "%s, at most %d ms a decision", e.Limits.Storage, shared.TimeoutMS)
		line("storage outage", "%s", outage(shared.OnOutage, e.Limits.MaxSubjects))
	} else {
		line("storage", "%s, at most %d subjects", e.Limits.Storage, e.Limits.MaxSubjects)
	}
	proxies := "none: forwarding headers change nothing, " +
		"and all clients behind a proxy share one limit"
	trusted := e.Proxies.Trusted
	if e.Proxies.Socket {
		trusted = append([]string{"the peers of the socket"}, trusted...)
	}
	if len(trusted) > 0 {
		proxies = strings.Join(trusted, ", ") + ", by " + e.Proxies.Header.String()
	}
	if e.Proxies.Announce {
		proxies += "; each connection announced by the PROXY protocol"
	}
	line("trusted proxies", "%s", proxies)
	line("shutdown", "not ready for %d s, then at most %d s for requests in flight",
		e.Shutdown.DelaySeconds, e.Shutdown.GraceSeconds)
	line("logs", "%s, from level %s", e.Logs.Format, e.Logs.Level)
	_ = lines.Flush()
}

// outage describes the policy for outages of a shared storage. subjects bounds the memory storage
// that stands in for it.
func outage(policy ports.OutagePolicy, subjects int) string {
	effect := fmt.Sprintf("each replica decides alone, at most %d subjects", subjects)
	switch policy {
	case ports.OutageLocal:
	case ports.OutageDeny:
		effect = "no sessions are issued"
	case ports.OutageAllow:
		effect = "sessions are issued without limits"
	}
	return policy.String() + ": " + effect
}

// none is the word for a value that is not there.
const none = "none"
