package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/keys"
)

func TestSigningGap(t *testing.T) {
	at := noon.Add
	for name, c := range map[string]struct {
		plans map[keys.ID]keys.Plan
		want  *keys.Gap
	}{
		"a key signs for good": {map[keys.ID]keys.Plan{"a": from(0)}, nil},
		"a key takes over when another ends": {
			map[keys.ID]keys.Plan{"a": until(-time.Hour, time.Hour), "b": from(time.Hour)}, nil},
		"every key is revoked": {
			map[keys.ID]keys.Plan{"a": revoked(from(0))}, &keys.Gap{From: noon}},
		"every key is expired": {
			map[keys.ID]keys.Plan{"a": until(-time.Hour, 0)}, &keys.Gap{From: noon}},
		"every key is pending": {
			map[keys.ID]keys.Plan{"a": from(2 * time.Hour), "b": from(time.Hour)},
			&keys.Gap{From: noon, Until: at(time.Hour)}},
		"the last key ends": {
			map[keys.ID]keys.Plan{"a": until(-time.Hour, time.Hour)},
			&keys.Gap{From: at(time.Hour)}},
		"a key ends before the next one signs": {
			map[keys.ID]keys.Plan{"a": until(-time.Hour, time.Hour), "b": from(3 * time.Hour),
				"c": revoked(from(2 * time.Hour))},
			&keys.Gap{From: at(time.Hour), Until: at(3 * time.Hour)}},
		"of two gaps the first": {
			map[keys.ID]keys.Plan{"a": until(-time.Hour, time.Hour),
				"b": until(2*time.Hour, 3*time.Hour)},
			&keys.Gap{From: at(time.Hour), Until: at(2 * time.Hour)}},
	} {
		t.Run(name, func(t *testing.T) {
			gap, ok := keyringOf(t, c.plans).SigningGap(noon)
			assert.Equal(t, c.want != nil, ok)
			if c.want != nil {
				assert.Equal(t, *c.want, gap)
			}
		})
	}
}
