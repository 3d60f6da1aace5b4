package bootstrap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// tokenCommands implements the commands of sessiond token.
type tokenCommands struct {
	load func(*pflag.FlagSet) config.Review
	now  func() time.Time
}

// inspect implements sessiond token inspect.
func (c tokenCommands) inspect(flags *pflag.FlagSet, text string) (cli.TokenReport, error) {
	text, rejection := bareToken(text)
	if rejection != nil {
		//nolint:nilerr // the report says that the token is rejected
		return rejectedReport(rejection.Reason, "the text is not a bearer token alone"), nil
	}
	review := c.load(flags)
	// The configuration need not be valid as a whole, but what tokens are compared with must be.
	if err := invalidIn(review, review.TokenVariables()...); err != nil {
		return cli.TokenReport{}, err
	}
	keyring := review.Keyring
	hasKeys := keyring != nil && review.HasConfiguredKeys()
	if !hasKeys {
		keyring = nil
	}
	now := c.now()
	found := token.Inspect(text, keyring, review.Config.Session, now)
	if found.Length > token.MaxLength {
		return rejectedReport(token.ReasonTooLong,
			fmt.Sprintf("the token has more than %d bytes", token.MaxLength)), nil
	}
	report := cli.TokenReport{Accepted: found.Accepted(), Reason: string(found.Reason()),
		Claims: claimsOf(&found, now), Notes: []string{}}
	for _, check := range found.Checks {
		report.Checks = append(report.Checks, cli.TokenCheck{Number: check.Number,
			Requires: check.Requires, Verdict: verdictOf(check.Verdict), Reason: string(check.Reason)})
	}
	switch {
	case report.Accepted:
		report.Summary = "The token would be accepted."
	case report.Reason != "":
		report.Summary = "The token would be rejected: " + report.Reason + "."
	default:
		report.Summary = "The token passes all checks that need no key."
	}
	if found.Bound && found.Reason() == "" {
		report.Notes = append(report.Notes,
			"the session is bound to a device key: each request needs a proof of it as well")
	}
	if !hasKeys {
		report.Notes = append(report.Notes, "no keys are configured: the signature was not checked")
	}
	return report, nil
}

// bareToken returns the token in text, without the name of a scheme before it.
func bareToken(text string) (string, *token.Rejection) {
	text = strings.TrimSpace(text)
	first, _, _ := strings.Cut(text, " ")
	if !strings.EqualFold(first, token.SchemeBearer.String()) &&
		!strings.EqualFold(first, token.SchemeDPoP.String()) {
		text = token.SchemeBearer.String() + " " + text
	}
	// Whether sessions can be bound is judged by the checks, not by the scheme.
	bare, err := token.FromAuthorization([]string{text}, session.BindingAccept)
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		return "", rejection
	}
	return bare.Text, nil
}

// rejectedReport returns the report on a token that is rejected before any check.
func rejectedReport(reason token.Reason, why string) cli.TokenReport {
	return cli.TokenReport{Reason: string(reason), Claims: []cli.TokenClaim{},
		Checks: []cli.TokenCheck{}, Notes: []string{},
		Summary: "The token would be rejected: " + string(reason) + ": " + why + "."}
}

// verdictOf converts a verdict to the word of the command line.
func verdictOf(verdict token.Verdict) string {
	switch verdict {
	case token.Passed:
		return cli.VerdictPassed
	case token.Failed:
		return cli.VerdictFailed
	case token.NotMade:
	}
	return cli.VerdictNotMade
}

// claimsOf returns the members of the payload, with the meaning of instants.
func claimsOf(found *token.Inspection, now time.Time) []cli.TokenClaim {
	claims := []cli.TokenClaim{}
	for _, member := range found.Payload {
		claim := cli.TokenClaim{Name: member.Name, Value: member.Value}
		if slices.Contains([]string{"iat", "nbf", "exp"}, member.Name) {
			claim.Meaning = instantOf(member.Value, now)
		}
		claims = append(claims, claim)
	}
	return claims
}

// instantOf describes an instant in Unix seconds and its distance from now. It returns "" if text
// is not a valid instant.
func instantOf(text string, now time.Time) string {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > int64(session.MaxUnix) {
		return ""
	}
	at := time.Unix(seconds, 0).UTC()
	words := "now"
	switch distance := seconds - now.Unix(); {
	case distance > 0:
		words = "in " + inWords(distance)
	case distance < 0:
		words = inWords(-distance) + " ago"
	}
	return at.Format(time.RFC3339) + ", " + words
}

// inWords returns a number of seconds as a duration, in whole days from two days on.
func inWords(seconds int64) string {
	const day = 86_400
	if seconds >= 2*day {
		return fmt.Sprintf("%d days", seconds/day)
	}
	return (time.Duration(seconds) * time.Second).String()
}
