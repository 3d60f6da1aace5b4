package throttle

import (
	"encoding/hex"

	"github.com/offload/sessiond/domain/mac"
)

// Subject identifies what a grant is counted for: 128 bits of a keyed digest over the name of the
// dimension and the text of the subject. The text cannot be recovered from it without the key, and
// the subjects of one text under two keys are unrelated.
type Subject [16]byte

// Digester computes subjects. It has a key of its own, derived from the digest key of the limiter,
// and held behind a pointer so that no format verb shows it: fmt does not call the String method of
// a value in an unexported field of another type, but it does not follow a pointer there either.
type Digester struct{ key *mac.Key }

// The purposes for which keys are derived from the digest key of the limiter (the info of RFC
// 5869). The storage key digests the text of a subject; the telemetry key and the trace key digest
// the resulting Subject. Storage, events and trace therefore hold three unrelated digests.
const (
	purposeStorage   = "sessiond limiter storage v1"
	purposeTelemetry = "sessiond limiter telemetry v1"
	purposeTrace     = "sessiond limiter trace v1"
)

// NewDigester returns the Digester for the digest key of a limiter. Replicas that share a storage
// share the key.
func NewDigester(digestKey []byte) Digester {
	return Digester{key: derive(digestKey, purposeStorage)}
}

// Subject returns the digest of text in dimension.
func (d Digester) Subject(dimension Dimension, text string) Subject {
	digest := d.key.Of(dimension.String(), "\x00", text) // NUL separates the name from the text
	return Subject(digest[:len(Subject{})])
}

// String implements fmt.Stringer. It does not reveal the key.
func (Digester) String() string { return "digester" }

// GoString implements fmt.GoStringer. It does not reveal the key.
func (Digester) GoString() string { return "digester" }

// Pseudonyms maps subjects to pseudonyms, which logs and other telemetry may show.
type Pseudonyms struct{ key *mac.Key }

// NewPseudonyms returns the Pseudonyms for the digest key of a limiter.
func NewPseudonyms(digestKey []byte) Pseudonyms {
	return Pseudonyms{key: derive(digestKey, purposeTelemetry)}
}

// Of returns the pseudonym of subject: 12 hex digits, the same for the same subject under the same
// digest key.
func (p Pseudonyms) Of(subject Subject) string {
	digest := p.key.Of(string(subject[:]))
	return hex.EncodeToString(digest[:6])
}

// String implements fmt.Stringer. It does not reveal the key.
func (Pseudonyms) String() string { return "pseudonyms" }

// GoString implements fmt.GoStringer. It does not reveal the key.
func (Pseudonyms) GoString() string { return "pseudonyms" }

// TraceDigester maps the subjects of a storage to those that a trace of decisions may hold.
type TraceDigester struct{ key *mac.Key }

// NewTraceDigester returns the TraceDigester for the digest key of a limiter.
func NewTraceDigester(digestKey []byte) TraceDigester {
	return TraceDigester{key: derive(digestKey, purposeTrace)}
}

// Subject returns the digest of a subject: the same for the same subject under the same digest key.
func (d TraceDigester) Subject(subject Subject) Subject {
	digest := d.key.Of(string(subject[:]))
	return Subject(digest[:len(Subject{})])
}

// String implements fmt.Stringer. It does not reveal the key.
func (TraceDigester) String() string { return "trace digester" }

// GoString implements fmt.GoStringer. It does not reveal the key.
func (TraceDigester) GoString() string { return "trace digester" }

func derive(digestKey []byte, purpose string) *mac.Key {
	key := mac.Derive(digestKey, purpose)
	return &key
}
