package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// maxTokenInput is the maximum number of bytes that are read from standard input.
const maxTokenInput = 64 << 10

// TokenReport describes a token: its claims and the verdict of each check. It does not contain the
// signature.
type TokenReport struct {
	Accepted bool `json:"accepted"`
	// Reason is why the token is rejected; empty if it is not, or if no keys are configured.
	Reason string       `json:"reason"`
	Claims []TokenClaim `json:"claims"`
	Checks []TokenCheck `json:"checks"`
	// Notes are lines for the reader; never nil.
	Notes []string `json:"notes"`
	// Summary is the verdict in one line.
	Summary string `json:"summary"`
}

// TokenClaim is a member of the payload, as it is written. If the value is an instant, Meaning is
// the instant with its distance from now; otherwise it is empty.
type TokenClaim struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Meaning string `json:"meaning,omitempty"`
}

// TokenCheck is one check. Verdict is VerdictPassed, VerdictFailed or VerdictNotMade.
type TokenCheck struct {
	Number   int    `json:"number"`
	Requires string `json:"requires"`
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason,omitempty"`
}

// The verdicts of checks.
const (
	VerdictPassed  = "passed"
	VerdictFailed  = "failed"
	VerdictNotMade = "not made"
)

// newToken returns the group of commands about tokens.
func newToken(commands Commands) *cobra.Command {
	group := prepare(&cobra.Command{
		Use:   "token",
		Short: "Shows what a token says, and whether it would be accepted",
		Args:  noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return &usageError{command.CommandPath(), "missing command: inspect"}
		},
	})
	group.AddCommand(newInspect(commands))
	return group
}

// newInspect returns the command that shows a token.
func newInspect(commands Commands) *cobra.Command {
	inspect := &cobra.Command{
		Use:   "inspect [TOKEN]",
		Short: "Shows a token's claims, and the verdict of each check",
		Long: "Shows the claims of a token, and the verdict of each of the twelve checks with\n" +
			"the configured keys, issuer and audience. Without configured keys, the checks\n" +
			"that need one are left out.\n\n" +
			"The token is read from standard input unless it is given; Bearer or DPoP before\n" +
			"it is dropped. A process list shows arguments: prefer standard input for a\n" +
			"token that is still valid. Neither the signature nor the whole token is printed.\n\n" +
			"The exit status is 0 if the token would be accepted, otherwise 1.",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{command.CommandPath(), "give one token, in quotes if it has spaces"}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			text := strings.Join(args, "")
			if len(args) == 0 {
				if isTerminal(command.InOrStdin()) {
					return &usageError{command.CommandPath(),
						"give a token, or pipe one to standard input"}
				}
				input, err := io.ReadAll(io.LimitReader(command.InOrStdin(), maxTokenInput))
				if err != nil {
					return err
				}
				text = string(input)
			}
			if strings.TrimSpace(text) == "" {
				return &usageError{command.CommandPath(), "the token is empty"}
			}
			report, err := commands.Inspect(command.Flags(), text)
			if err != nil {
				return err
			}
			err = write(command, report, func(w io.Writer) error {
				return report.writeText(w, newPalette(w, commands.NoColor))
			})
			if err != nil {
				return err
			}
			if !report.Accepted {
				return statusError(statusFailed)
			}
			return nil
		},
	}
	reporting(inspect)
	addHidden(commands, inspect.Flags(), commands.Names.KeysetFlag)
	return prepare(inspect)
}

// writeText writes the tables for people.
func (r *TokenReport) writeText(w io.Writer, colors palette) error {
	var text strings.Builder
	if len(r.Claims) > 0 {
		table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		for _, claim := range r.Claims {
			row := shortened(claim.Name) + "\t" + shortened(claim.Value)
			if claim.Meaning != "" {
				row += "\t" + claim.Meaning
			}
			_, _ = fmt.Fprintln(table, row)
		}
		_ = table.Flush()
		text.WriteByte('\n')
	}
	for _, check := range r.Checks {
		verdict := fmt.Sprintf("%-8s", check.Verdict)
		switch check.Verdict {
		case VerdictPassed:
			verdict = colors.in(green, verdict)
		case VerdictFailed:
			verdict = colors.in(red, verdict)
		}
		fmt.Fprintf(&text, "%2d  %s  %s", check.Number, verdict, check.Requires)
		if check.Reason != "" {
			text.WriteString(": " + check.Reason)
		}
		text.WriteByte('\n')
	}
	if len(r.Checks) > 0 {
		text.WriteByte('\n')
	}
	for _, note := range r.Notes {
		text.WriteString("note: " + note + "\n")
	}
	color := red
	if r.Accepted {
		color = green
	}
	text.WriteString(colors.in(color, r.Summary) + "\n")
	_, err := io.WriteString(w, text.String())
	return err
}

// shortened returns text from a token in a form that is safe for a terminal, cut after 120
// characters.
func shortened(text string) string {
	const most = 120
	text = oneLine(text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
