package cli

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
)

// DescribeSessions returns the settings of all sessions for a report.
func DescribeSessions(settings session.Settings) Sessions {
	return Sessions{
		Issuer: settings.Issuer, Audience: settings.Audience,
		Binding: settings.Binding, BoundAudience: settings.BoundAudience,
		TTLSeconds:          seconds(settings.Lifetime),
		ClockSkewSeconds:    seconds(settings.ClockSkew),
		RenewalGraceSeconds: seconds(settings.RenewalGrace),
	}
}

// DescribeOrigins returns origins for a report.
func DescribeOrigins(origins []proof.Origin) []string {
	texts := make([]string, 0, len(origins))
	for _, origin := range origins {
		texts = append(texts, origin.String())
	}
	return texts
}

// seconds returns a duration in whole seconds, as reports have it.
func seconds(d time.Duration) int { return int(d / time.Second) }

// DescribeKeys returns the keys of a keyring for a report, with their states at now.
func DescribeKeys(keyring *keys.Keyring, now time.Time) []Key {
	all := make([]Key, 0, len(keyring.Keys()))
	for _, key := range keyring.Keys() {
		all = append(all, Key{ID: key.ID(), Algorithm: key.Algorithm(),
			State: keyring.StateAt(key, now)})
	}
	return all
}

// DescribeKeyset returns a report on a keyset and its scheduled changes after now.
func DescribeKeyset(keyring *keys.Keyring, now time.Time) KeysReport {
	report := KeysReport{Keys: []KeyLine{}, Changes: []KeyChange{}}
	next := map[keys.ID]*KeyChange{}
	for _, change := range keyring.Schedule(now) {
		entry := KeyChange(change)
		report.Changes = append(report.Changes, entry)
		if next[change.ID] == nil {
			next[change.ID] = &entry
		}
	}
	for _, key := range DescribeKeys(keyring, now) {
		report.Keys = append(report.Keys, KeyLine{Key: key, Next: next[key.ID]})
	}
	return report
}
