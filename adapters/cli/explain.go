package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/offload/sessiond/domain/session"
)

// Client describes the client whose limits are explained.
type Client struct {
	// Address is that of the socket's peer: the client, or a proxy. It is the zero Addr for a proxy
	// at a Unix socket.
	Address netip.Addr
	// Forwarded is the value of the forwarding header; empty for none.
	Forwarded string
	// Install is nil if no installation is given.
	Install *session.InstallID
}

// ExplainReport describes the limits of one client.
type ExplainReport struct {
	// Peer is the address that was given, or "unix" for a proxy at a Unix socket, and Trusted
	// whether it is a trusted proxy.
	Peer    string `json:"peer"`
	Trusted bool   `json:"peer_is_trusted_proxy"`
	// Client is the address of the client, found from the forwarding header. Prefix is the part of
	// the address that counts as one client, and Network the network that contains it, empty if
	// there is none. All three are empty for a client without an address.
	Client  string `json:"client"`
	Prefix  string `json:"prefix"`
	Network string `json:"network"`
	// Mode is whether requests over a limit are refused, or only counted.
	Mode          string           `json:"mode"`
	WindowSeconds int              `json:"window_seconds"`
	Limits        []ExplainedLimit `json:"limits"`
	// Notes are lines for the reader; never nil.
	Notes []string `json:"notes"`
}

// ExplainedLimit is one limit of the client. State is nil if it cannot be read: no storage is
// shared, or the key of its digests is not configured.
type ExplainedLimit struct {
	Dimension string          `json:"dimension"`
	AppliesTo string          `json:"applies_to"`
	Subject   string          `json:"subject"`
	Limit     int             `json:"limit"`
	State     *ExplainedState `json:"state"`
}

// ExplainedState is the state of a limit: how many grants remain, after how many seconds one more
// will, and when the oldest grant that still counts was made (RFC 3339; empty if none counts).
type ExplainedState struct {
	Remaining         int     `json:"remaining"`
	GrowsAfterSeconds float64 `json:"grows_after_seconds"`
	Since             string  `json:"since"`
}

// newExplain returns the command that explains the limits of a client.
func newExplain(commands Commands) *cobra.Command {
	var address, forwarded, install string
	explain := &cobra.Command{
		Use:   "explain",
		Short: "Explains which limits apply to a client, and how they stand",
		Long: "Shows what the service counts a client by, and which limits apply, with the\n" +
			"configuration of the service. With a shared storage it shows how each limit\n" +
			"stands now. It reads that storage, and writes nothing.\n\n" +
			"The exit status is 0, 1 for an invalid configuration or a storage that does\n" +
			"not answer, and 64 for wrong usage.",
		RunE: func(command *cobra.Command, _ []string) error {
			problem := func(text string) error {
				return &usageError{command.CommandPath(), text}
			}
			client := Client{Forwarded: forwarded}
			switch parsed, err := netip.ParseAddr(address); {
			case address == "" && forwarded == "":
				return problem("--address is missing: the address of a client, or of a proxy")
			case address == "":
			case err != nil:
				return problem("--address must be an address such as 203.0.113.5 or 2001:db8::1")
			default:
				client.Address = parsed.WithZone("") // a zone is meaningless here, and may be any text
			}
			if command.Flags().Changed("install-id") {
				id, violated := session.ParseInstallID(install)
				if violated != session.RuleNone {
					return problem("--install-id must have 8 to 128 characters, none of them a " +
						"control character, and not white space alone")
				}
				client.Install = &id
			}
			report, err := commands.Limits.Explain(command.Context(), command.Flags(), client)
			if wrong, is := errors.AsType[*UsageError](err); is {
				return problem(wrong.Problem)
			}
			if err != nil {
				return err
			}
			return write(command, report, report.writeText)
		},
	}
	explain.Flags().StringVar(&address, "address", "",
		"address of the client, or with --forwarded that of the proxy in front of the service; "+
			"without it, the proxy is at a Unix socket")
	explain.Flags().StringVar(&forwarded, "forwarded", "",
		"value of the forwarding header that the proxy sent, such as \"203.0.113.5, 10.0.0.7\"")
	explain.Flags().StringVar(&install, "install-id", "",
		"installation, for the limits by installation")
	reporting(explain)
	addHidden(commands, explain.Flags())
	return prepare(explain)
}

// writeText writes the tables for people.
func (r *ExplainReport) writeText(w io.Writer) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	trusted := "not a trusted proxy"
	if r.Trusted {
		trusted = "a trusted proxy"
	}
	for _, row := range [][2]string{{"peer", r.Peer + ", " + trusted},
		{"client", cmp.Or(r.Client, none)}, {"counted by", cmp.Or(r.Prefix, none)},
		{"network", cmp.Or(r.Network, none)}, {"mode", r.Mode},
		{"window", fmt.Sprintf("%d s", r.WindowSeconds)}} {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	_ = table.Flush()
	text.WriteByte('\n')
	table = tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "limit\tapplies to\tsubject\tgrants\tstate")
	for _, limit := range r.Limits {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", limit.Dimension, limit.AppliesTo,
			oneLine(limit.Subject), limit.Limit, limit.State.text())
	}
	_ = table.Flush()
	for _, note := range r.Notes {
		text.WriteString("\nnote: " + note + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// text returns the state for people, and "-" for a nil state.
func (s *ExplainedState) text() string {
	switch {
	case s == nil:
		return "-"
	case s.Since == "":
		return fmt.Sprintf("%d remaining, none taken", s.Remaining)
	}
	return fmt.Sprintf("%d remaining, one more in %s, oldest grant at %s", s.Remaining,
		inSeconds(s.GrowsAfterSeconds), s.Since)
}
