package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/offload/sessiond/domain/keys"
)

// KeysReport describes a keyset, and a change to it if there was one. It never contains key
// material.
type KeysReport struct {
	// Done describes in one line what the command did. It is empty for list.
	Done string `json:"done,omitempty"`
	// Notes are lines that the operator should read, such as a warning that no key signs.
	Notes   []string    `json:"notes,omitempty"`
	Keys    []KeyLine   `json:"keys"`
	Changes []KeyChange `json:"changes"`
}

// KeyLine describes one key. Next is nil if no change is scheduled.
type KeyLine struct {
	Key
	Next *KeyChange `json:"next_change"`
}

// KeyChange is a keys.Change with the names of its members.
type KeyChange struct {
	At    time.Time  `json:"at"`
	ID    keys.ID    `json:"id"`
	State keys.State `json:"state"`
}

// writeChange returns a function that writes the report of a change, or returns its error. If the
// report cannot be written, the error says that the change is made: repeated, it would be another.
func writeChange(command *cobra.Command) func(KeysReport, error) error {
	return func(report KeysReport, err error) error {
		if err != nil {
			return err
		}
		if err := write(command, report, report.writeChange); err != nil {
			return fmt.Errorf("the command succeeded, but its report was not written: %w", err)
		}
		return nil
	}
}

// writeChange writes what was done, and the schedule of changes.
func (r KeysReport) writeChange(w io.Writer) error {
	_, _ = fmt.Fprintln(w, r.Done)
	for _, note := range r.Notes {
		_, _ = fmt.Fprintln(w, note)
	}
	_, _ = fmt.Fprintln(w)
	if err := r.writeKeys(w); err != nil {
		return err
	}
	if len(r.Changes) == 0 {
		_, err := fmt.Fprintln(w, "\nNo further changes are scheduled.")
		return err
	}
	_, _ = fmt.Fprintln(w, "\nScheduled changes:")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, change := range r.Changes {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", change.At.UTC().Format(time.RFC3339), change.ID,
			change.State)
	}
	return table.Flush()
}

// writeList writes the keyset, followed by the notes.
func (r KeysReport) writeList(w io.Writer) error {
	err := r.writeKeys(w)
	for _, note := range r.Notes {
		_, err = fmt.Fprintf(w, "\n%s\n", note)
	}
	return err
}

// writeKeys writes the keyset as a table.
func (r KeysReport) writeKeys(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tALGORITHM\tSTATE\tNEXT CHANGE")
	for _, key := range r.Keys {
		next := "none"
		if key.Next != nil {
			next = key.Next.State.String() + " at " + key.Next.At.UTC().Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", key.ID, key.Algorithm, key.State, next)
	}
	return table.Flush()
}
