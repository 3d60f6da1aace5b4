package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// newCheck says what the configuration would do.
func newCheck(commands Commands) *cobra.Command {
	var strict bool
	var format string
	check := &cobra.Command{
		Use:   "check",
		Short: "Says what the configuration would do and all that is wrong with it",
		Long: "Says what the configuration would do and all that is wrong with it. It listens nowhere; a shared storage that is\nconfigured is asked for its maxmemory-policy, for two seconds at most.\n\n" +
			"The exit status is 0 for a sound configuration, 1 for a wrong one and, with --strict, 2 for a sound one with warnings.",
		RunE: func(command *cobra.Command, _ []string) error {
			write, ok := map[string]func(CheckReport, io.Writer) error{
				"text": CheckReport.writeText, "json": CheckReport.writeJSON}[format]
			if !ok {
				return &usageError{command.CommandPath(), "--format is text or json"}
			}
			report := commands.Check(command.Context(), command.Flags())
			if err := write(report, command.OutOrStdout()); err != nil {
				return err
			}
			switch {
			case !report.Valid:
				return statusError(statusWrong)
			case strict && len(report.Warnings) > 0:
				return statusError(statusWarnings)
			}
			return nil
		},
	}
	commands.AddFlags(check.Flags())
	check.Flags().BoolVar(&strict, "strict", false, "exit with 2 where there are warnings")
	check.Flags().StringVar(&format, "format", "text", "text for people or json for machines")
	return prepare(check)
}

func (r CheckReport) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

func (r CheckReport) writeText(w io.Writer) error {
	var text strings.Builder
	if r.Effect != nil {
		r.Effect.write(&text)
		text.WriteByte('\n')
	}
	text.WriteString(remarks("warning", r.Warnings))
	text.WriteString(remarks("fault", r.Faults))
	switch {
	case !r.Valid:
		text.WriteString("The configuration is wrong: sessiond would not start.\n")
	case len(r.Warnings) > 0:
		text.WriteString("The configuration is sound, with warnings.\n")
	default:
		text.WriteString("The configuration is sound.\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

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
		line("certificate", "for %s, until %s; renewed files take force without a restart",
			orNone(strings.Join(tls.Names, ", ")), tls.NotAfter)
	}
	if len(e.Listeners.Origins) > 0 {
		line("browsers", "of %s may ask for sessions", strings.Join(e.Listeners.Origins, ", "))
	}
	line("operations listener", "%s", orNone(e.Listeners.Operations))
	for _, key := range e.Keys {
		line("key", "%s (%s), %s", key.ID, key.Algorithm, key.State)
	}
	line("sessions", "for %d s, renewed until %d s after their end", e.Sessions.TTLSeconds,
		e.Sessions.RenewalGraceSeconds)
	line("tokens", "issuer %s, audience %s, clock skew %d s", e.Sessions.Issuer,
		e.Sessions.Audience, e.Sessions.ClockSkewSeconds)
	line("limits", "%d for an address, %d for an installation, in %d s; mode %s; IPv6 by /%d",
		e.Limits.PerIP, e.Limits.PerInstall, e.Limits.WindowSeconds, e.Limits.Mode,
		e.Limits.IPv6Prefix)
	if shared := e.Limits.Shared; shared != nil {
		line("storage", "%s, at most %d ms a decision", e.Limits.Storage, shared.TimeoutMS)
		line("storage is out", "%s", outage(shared.OnOutage, e.Limits.MaxSubjects))
	} else {
		line("storage", "%s, at most %d subjects", e.Limits.Storage, e.Limits.MaxSubjects)
	}
	proxies := "none: forwarding headers change nothing, and all clients behind a proxy share one limit"
	if len(e.Proxies.Trusted) > 0 {
		proxies = strings.Join(e.Proxies.Trusted, ", ") + ", by " + e.Proxies.Header
	}
	if e.Proxies.Announce {
		proxies += "; each connection announced by the PROXY protocol"
	}
	line("trusted proxies", "%s", proxies)
	line("shutdown", "unready for %d s, then at most %d s for requests under way",
		e.Shutdown.DelaySeconds, e.Shutdown.GraceSeconds)
	line("logs", "%s, from level %s", e.Logs.Format, e.Logs.Level)
	_ = lines.Flush()
}

// outage says who decides while a shared storage is out.
func outage(policy string, subjects int) string {
	switch policy {
	case "deny":
		return "deny: nobody is given a session"
	case "allow":
		return "allow: nobody is refused a session"
	}
	return fmt.Sprintf("local: each replica decides alone, at most %d subjects", subjects)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
