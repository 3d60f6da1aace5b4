package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/offload/sessiond/domain/keys"
)

// newKeyFlags holds the flags of a command that adds a key.
type newKeyFlags struct {
	algorithm, id string
	signAfter     time.Duration
	force         bool
}

// addTo adds the flags, except --alg.
func (f *newKeyFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.id, "kid", "",
		"key id, 1 to 64 characters from A-Z a-z 0-9 . _ - "+
			"(default: generated from date and random characters)")
	flags.DurationVar(&f.signAfter, "sign-after", 0,
		"time until the key signs (default: "+defaultWaits()+")")
	flags.BoolVar(&f.force, "force", false, "do it even if a safety check fails")
}

// addAlgorithm adds --alg.
func (f *newKeyFlags) addAlgorithm(flags *pflag.FlagSet) {
	flags.StringVar(&f.algorithm, "alg", "", anyAlgorithm()+" (default: that of the signing key, else "+
		string(keys.DefaultAlgorithm)+")")
}

// anyAlgorithm returns the words that --alg takes, as alternatives in a sentence.
func anyAlgorithm() string { return keys.Either(keys.Algorithms()) }

// defaultWaits returns how long a new key of each algorithm waits by default, such as "24h for
// EdDSA and ES256". Consecutive algorithms with the same wait are joined.
func defaultWaits() string {
	var waits strings.Builder
	last := time.Duration(-1)
	for _, algorithm := range keys.Algorithms() {
		switch wait := algorithm.SignAfter(); {
		case wait == last:
			waits.WriteString(" and " + string(algorithm))
		case waits.Len() > 0:
			waits.WriteString(", ")
			fallthrough
		default:
			waits.WriteString(shortDuration(wait) + " for " + string(algorithm))
			last = wait
		}
	}
	return waits.String()
}

// shortDuration returns d as people write it: 24h, not 24h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-len("0s")]
		}
	}
	return text
}

// read returns the key that the flags describe.
func (f *newKeyFlags) read(command *cobra.Command) (NewKey, error) {
	wanted := NewKey{Algorithm: f.algorithm, Force: f.force}
	if command.Flags().Changed("kid") {
		var err error
		if wanted.ID, err = keyID(command, "--kid", f.id); err != nil {
			return NewKey{}, err
		}
	}
	if command.Flags().Changed("sign-after") {
		if f.signAfter < 0 {
			return NewKey{}, &usageError{command.CommandPath(), "--sign-after must not be negative"}
		}
		wanted.SignAfter = &f.signAfter
	}
	if _, ok := keys.ParseAlgorithm(f.algorithm); !ok && f.algorithm != "" {
		return NewKey{}, &usageError{command.CommandPath(), "--alg must be " + anyAlgorithm()}
	}
	return wanted, nil
}

// keyID parses the key id in an argument. The error does not contain the text, which may be a
// secret.
func keyID(command *cobra.Command, argument, text string) (keys.ID, error) {
	id, ok := keys.ParseID(text)
	if !ok {
		return "", &usageError{command.CommandPath(),
			argument + " must be 1 to 64 characters from A-Z a-z 0-9 . _ -"}
	}
	return id, nil
}
