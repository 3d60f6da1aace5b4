package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

// key returns a key whose material is derived from its id.
func key(id keys.ID, plan keys.Plan) keys.Key {
	return keys.NewHS256(id, []byte("material of "+id), plan)
}

func newKeyring(t testing.TB, all ...keys.Key) *keys.Keyring {
	t.Helper()
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keyring
}

func signer(t testing.TB, r *keys.Keyring, now time.Time) string {
	t.Helper()
	key, ok := r.SignerAt(now)
	if !ok {
		return "none"
	}
	return string(key.ID())
}

func TestNewKeyringReportsEveryFault(t *testing.T) {
	plain := keys.Plan{}
	same := func(id keys.ID) keys.Key { return keys.NewHS256(id, []byte("shared"), plain) }
	for name, c := range map[string]struct {
		keys   []keys.Key
		faults keys.Faults
		text   string
	}{
		"no keys": {nil, keys.Faults{{Reason: keys.FaultNoKeys}}, "keys: there is no key"},
		"an id twice": {
			[]keys.Key{key("a", plain), keys.NewHS256("a", []byte("other"), plain)},
			keys.Faults{{ID: "a", Reason: keys.FaultSameID}}, "keys: the id a appears twice",
		},
		"the same key twice": {
			[]keys.Key{key("a", plain), key("a", plain)},
			keys.Faults{{ID: "a", Reason: keys.FaultSameID}}, "keys: the id a appears twice",
		},
		"one material under two ids": {
			[]keys.Key{same("a"), same("b")},
			keys.Faults{{ID: "b", Reason: keys.FaultSameMaterial, Other: "a"}},
			"keys: the keys a and b are the same",
		},
		"materials that differ in trailing NULs": {
			[]keys.Key{keys.NewHS256("a", []byte("one\x00"), plain),
				keys.NewHS256("b", []byte("one"), plain), keys.NewHS256("c", []byte("\x00one"), plain),
				keys.NewHS256("d", []byte("one\x00\x00\x00"), plain)},
			keys.Faults{{ID: "b", Reason: keys.FaultSameMaterial, Other: "a"},
				{ID: "d", Reason: keys.FaultSameMaterial, Other: "b"}},
			"keys: the keys a and b are the same; the keys b and d are the same",
		},
		"one material under three ids": {
			[]keys.Key{same("a"), key("x", plain), same("b"), same("c")},
			keys.Faults{
				{ID: "b", Reason: keys.FaultSameMaterial, Other: "a"},
				{ID: "c", Reason: keys.FaultSameMaterial, Other: "b"},
			}, "keys: the keys a and b are the same; the keys b and c are the same",
		},
		"both at once": {
			[]keys.Key{same("a"), same("b"), key("a", plain)},
			keys.Faults{{ID: "b", Reason: keys.FaultSameMaterial, Other: "a"},
				{ID: "a", Reason: keys.FaultSameID}},
			"keys: the keys a and b are the same; the id a appears twice",
		},
		"the material of an id that appears twice": {
			[]keys.Key{key("a", plain), same("a"), same("b")},
			keys.Faults{{ID: "a", Reason: keys.FaultSameID},
				{ID: "b", Reason: keys.FaultSameMaterial, Other: "a"}},
			"keys: the id a appears twice; the keys a and b are the same",
		},
		"revoked and expired keys count": {
			[]keys.Key{same("a"), keys.NewHS256("b", []byte("shared"),
				keys.Plan{Revoked: true, VerifyUntil: noon})},
			keys.Faults{{ID: "b", Reason: keys.FaultSameMaterial, Other: "a"}},
			"keys: the keys a and b are the same",
		},
		"one seed under two ids": {
			[]keys.Key{keys.NewEdDSA("a", seedOf("a"), plain),
				keys.NewEdDSA("b", seedOf("a"), plain)},
			keys.Faults{{ID: "b", Reason: keys.FaultSameMaterial, Other: "a"}},
			"keys: the keys a and b are the same",
		},
		"a seed that is also a secret": {
			[]keys.Key{keys.NewEdDSA("a", seedOf("a"), plain),
				keys.NewHS256("b", seedOf("a"), plain)},
			keys.Faults{{ID: "b", Reason: keys.FaultSameMaterial, Other: "a"}},
			"keys: the keys a and b are the same",
		},
		"a secret that is a public part": {
			[]keys.Key{keys.NewHS256("b", keys.NewEdDSA("a", seedOf("a"), plain).Public(), plain),
				keys.NewEdDSA("a", seedOf("a"), plain)},
			keys.Faults{{ID: "a", Reason: keys.FaultSameMaterial, Other: "b"}},
			"keys: the keys b and a are the same",
		},
	} {
		t.Run(name, func(t *testing.T) {
			keyring, err := keys.NewKeyring(c.keys...)
			assert.Nil(t, keyring)
			var faults keys.Faults
			require.ErrorAs(t, err, &faults)
			assert.Equal(t, c.faults, faults)
			assert.EqualError(t, err, c.text)
		})
	}
	assert.Equal(t, "unknown fault", keys.Fault{Reason: 200}.String())
}

func TestKeyringIsImmutable(t *testing.T) {
	given := []keys.Key{key("a", keys.Plan{SignFrom: noon}),
		key("b", keys.Plan{SignFrom: noon.Add(-1)})}
	r := newKeyring(t, given...)
	given[0] = key("c", keys.Plan{SignFrom: noon})
	listed := r.Keys()
	assert.Equal(t, keys.ID("b"), listed[0].ID(), "in the order in which they may sign")
	listed[1] = key("d", keys.Plan{SignFrom: noon})
	assert.Equal(t, "a", signer(t, r, noon))
	assert.Len(t, r.Keys(), 2)
}

func TestSignerAt(t *testing.T) {
	for name, c := range map[string]struct {
		keys map[keys.ID]keys.Plan
		want string
	}{
		"one, from an hour ago":         {map[keys.ID]keys.Plan{"a": from(-time.Hour)}, "a"},
		"one, from the zero time":       {map[keys.ID]keys.Plan{"a": {}}, "a"},
		"one, from this instant":        {map[keys.ID]keys.Plan{"a": from(0)}, "a"},
		"one, from the next nanosecond": {map[keys.ID]keys.Plan{"a": from(1)}, "none"},
		"one that ends now": {map[keys.ID]keys.Plan{"a": until(-time.Hour, 0)},
			"none"},
		"one that ends in a nanosecond": {map[keys.ID]keys.Plan{"a": until(-time.Hour, 1)},
			"a"},
		"one revoked": {map[keys.ID]keys.Plan{"a": revoked(from(-time.Hour))},
			"none"},
		"the latest": {map[keys.ID]keys.Plan{"a": from(-time.Second),
			"z": from(-2 * time.Second)}, "a"},
		"the latest by a nanosecond": {map[keys.ID]keys.Plan{"a": from(-1), "z": from(-2)},
			"a"},
		"the greater id when equal": {map[keys.ID]keys.Plan{"a": from(-1), "b": from(-1)},
			"b"},
		"the greater id, by bytes": {map[keys.ID]keys.Plan{"B": from(-1), "a": from(-1)},
			"a"},
		"the greater id, by bytes, not size": {map[keys.ID]keys.Plan{"key-10": from(-1),
			"key-9": from(-1)}, "key-9"},
		"the longer of two with a common prefix": {map[keys.ID]keys.Plan{"a": from(-1),
			"aa": from(-1)}, "aa"},
		"equal, in another zone": {
			map[keys.ID]keys.Plan{"a": {SignFrom: noon.In(time.FixedZone("", 3600))}, "b": from(0)},
			"b",
		},
		"a later key is pending": {map[keys.ID]keys.Plan{"a": from(-1), "b": from(1)},
			"a"},
		"a later key takes over now": {map[keys.ID]keys.Plan{"b": from(-1), "a": from(0)},
			"a"},
		"the latest is revoked": {map[keys.ID]keys.Plan{"a": from(-2), "b": revoked(from(-1))},
			"a"},
		"the latest has expired": {map[keys.ID]keys.Plan{"a": from(-2), "b": until(-1, 0)},
			"a"},
		"the greater id is revoked": {map[keys.ID]keys.Plan{"a": from(-1), "b": revoked(from(-1))},
			"a"},
		"all revoked, expired or pending": {map[keys.ID]keys.Plan{"a": revoked(from(-2)),
			"b": until(-2, 0), "c": from(1)}, "none"},
		"revoked wins over every instant": {map[keys.ID]keys.Plan{"a": {SignFrom: noon,
			VerifyUntil: noon.Add(1), Revoked: true}}, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			var all []keys.Key
			for id, plan := range c.keys {
				all = append(all, key(id, plan))
			}
			assert.Equal(t, c.want, signer(t, newKeyring(t, all...), noon))
		})
	}
}

func TestVerifierAt(t *testing.T) {
	r := newKeyring(t,
		key("signs", keys.Plan{SignFrom: noon}),
		key("waits", keys.Plan{SignFrom: noon.Add(time.Hour)}),
		key("ends", keys.Plan{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon}),
		key("revoked", keys.Plan{SignFrom: noon.Add(-time.Hour), Revoked: true}),
	)
	for name, c := range map[string]struct {
		id  keys.ID
		now time.Time
		ok  bool
	}{
		"the signer":                           {"signs", noon, true},
		"the signer, before it signs":          {"signs", noon.Add(-1000 * time.Hour), true},
		"a pending key":                        {"waits", noon, true},
		"a nanosecond before its end":          {"ends", noon.Add(-1), true},
		"at its end":                           {"ends", noon, false},
		"at its end, in another zone":          {"ends", noon.In(time.FixedZone("", -3600)), false},
		"after its end":                        {"ends", noon.Add(time.Hour), false},
		"revoked":                              {"revoked", noon, false},
		"revoked, before it would have signed": {"revoked", noon.Add(-2 * time.Hour), false},
		"unknown":                              {"none", noon, false},
		"no id":                                {"", noon, false},
		"other case":                           {"Signs", noon, false},
		"trailing space":                       {"signs ", noon, false},
	} {
		key, ok := r.VerifierAt(c.id, c.now)
		assert.Equal(t, c.ok, ok, name)
		if ok {
			assert.Equal(t, c.id, key.ID(), name)
		}
	}
}

func TestNextSignerFrom(t *testing.T) {
	r := newKeyring(t,
		key("past", keys.Plan{SignFrom: noon.Add(-time.Hour)}),
		key("revoked", keys.Plan{SignFrom: noon.Add(time.Minute), Revoked: true}),
		key("stillborn", keys.Plan{SignFrom: noon.Add(2 * time.Minute),
			VerifyUntil: noon.Add(2 * time.Minute)}),
		key("far", keys.Plan{SignFrom: noon.Add(2 * time.Hour)}),
		key("near", keys.Plan{SignFrom: noon.Add(time.Hour), VerifyUntil: noon.Add(time.Hour + 1)}),
	)
	for name, c := range map[string]struct {
		after time.Duration
		want  time.Duration
		waits bool
	}{
		"before all keys":              {-2 * time.Hour, -time.Hour, true},
		"the first after now":          {0, time.Hour, true},
		"a nanosecond before":          {time.Hour - 1, time.Hour, true},
		"at it":                        {time.Hour, 2 * time.Hour, true},
		"a nanosecond before the last": {2*time.Hour - 1, 2 * time.Hour, true},
		"at the last":                  {2 * time.Hour, 0, false},
		"long after":                   {1000 * time.Hour, 0, false},
		"at the past one":              {-time.Hour, time.Hour, true},
	} {
		from, waits := r.NextSignerFrom(noon.Add(c.after))
		require.Equal(t, c.waits, waits, name)
		if waits {
			assert.Equal(t, noon.Add(c.want), from, name)
		} else {
			assert.True(t, from.IsZero(), name)
		}
	}
}
