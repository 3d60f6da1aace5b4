package bootstrap

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/app/keyadmin"
	"github.com/offload/sessiond/domain/keys"
)

func TestKeysetErrorTexts(t *testing.T) {
	fault := func(problem string, cause error) error {
		return keyset.Faults{{Problem: problem, Cause: cause}}
	}
	writeError := func(problem keyset.WriteProblem, cause error) error {
		return &keyset.WriteError{Problem: problem, Cause: cause}
	}
	plan := func(problem keys.Problem, id keys.ID) error {
		return &keys.PlanError{Problem: problem, ID: id}
	}
	for want, err := range map[string]error{
		"keyset file f is not found":                                                                                                fault("is not found", nil),
		"keyset file f cannot be read: input/output error":                                                                          fault("cannot be read", syscall.EIO),
		"keyset file f is not a regular file, and is larger than 1048576 bytes":                                                     keyset.Faults{{Problem: "is not a regular file"}, {Problem: "is larger than 1048576 bytes"}},
		"keyset file f is not found; create it with sessiond keys create":                                                           keyadmin.NoKeysetError{},
		"keyset file f is being changed by another process; wait until that has ended, and repeat the command":                      writeError(keyset.ProblemBusy, context.DeadlineExceeded),
		"keyset file f cannot be written: no space left on device; make room there, and repeat the command":                         writeError(keyset.ProblemUnwritable, syscall.ENOSPC),
		"keyset file f cannot be written: read-only file system; change a copy where it can be written, and put that in its place":  writeError(keyset.ProblemUnwritable, syscall.EROFS),
		"keyset file f cannot be written: no such file or directory; create its folder first":                                       writeError(keyset.ProblemUnwritable, syscall.ENOENT),
		"keyset file f cannot be written: permission denied; run the command as the owner of its folder, or as root":                writeError(keyset.ProblemUnwritable, syscall.EACCES),
		"keyset file f may not be read; run the command as a user who may read it":                                                  keyset.Faults{{Reason: securefile.Forbidden, Problem: "may not be read", Remedy: "let the service's user read it"}},
		"keyset file f is a, and is b; mend it":                                                                                     keyset.Faults{{Problem: "is a", Remedy: "mend it"}, {Problem: "is b", Remedy: "mend it"}},
		"keyset file f was written, but a power failure may bring back the old one: I/O error":                                      writeError(keyset.ProblemUnsynced, errors.New("I/O error")),
		"keyset file f: no: there is no key with that id; sessiond keys list shows the ids":                                         plan(keys.ProblemUnknownID, "no"),
		"keyset file f: a: a key with that id already exists; use another --kid":                                                    plan(keys.ProblemSameID, "a"),
		"keyset file f: a: that secret is already in use as a key":                                                                  plan(keys.ProblemSameMaterial, "a"),
		"keyset file f: there are 256 keys, as many as a keyset may have; remove the expired and revoked ones: sessiond keys prune": plan(keys.ProblemFull, ""),
		"keyset file f: there are 256 keys, as many as a keyset may have, and none is expired or revoked; revoke one that is not needed (sessiond keys revoke KID, with --force if no key signs), then remove it: sessiond keys prune": plan(keys.ProblemFullInForce, ""),
		"keyset file f: a: the takeover would be after the year 9999":                                    plan(keys.ProblemTooFar, "a"),
		"keyset file f: a: a key is pending: its rotation has not finished; wait for it, or use --force": plan(keys.ProblemPending, "a"),
		"keyset file f: something else":                                                                  errors.New("something else"),
	} {
		got := keysetError("f", err)
		assert.EqualError(t, got, want)
		assert.Equal(t, err, errors.Unwrap(got), "the cause is kept")
	}
	owner := keysetError("f", writeError(keyset.ProblemOwner, syscall.EPERM)).Error()
	assert.True(t, strings.HasPrefix(owner, "keyset file f belongs to another user or group"),
		owner)
	assert.True(t, strings.HasSuffix(owner,
		": operation not permitted; run the command as the owner of the file, or as root"), owner)

	var malformed *cli.InvalidFileError
	_, err := keys.ParseSet(`{"keys":[1,2]}`)
	require.ErrorAs(t, keysetError("f", fault("is not a valid keyset", err)), &malformed)
	assert.Equal(t, &cli.InvalidFileError{
		Summary: "invalid keyset f",
		Faults:  []string{"key 1: must be an object", "key 2: must be an object"},
	}, malformed)
}

func TestSignerNotes(t *testing.T) {
	noon := time.Date(2026, time.February, 16, 12, 0, 0, 0, time.UTC)
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	secret := byte(0)
	key := func(plan keys.Plan) keys.Key {
		secret++
		return keys.NewHS256(keys.ID('a'+rune(secret)), []byte{secret}, plan)
	}
	for _, c := range []struct {
		name string
		keys []keys.Key
		want string
	}{
		{"signer without end", []keys.Key{key(keys.Plan{SignFrom: noon})}, ""},
		{"signer with a successor", []keys.Key{key(keys.Plan{SignFrom: noon, VerifyUntil: at(2)}),
			key(keys.Plan{SignFrom: at(1)})}, ""},
		{"successor starts when the signer ends",
			[]keys.Key{key(keys.Plan{SignFrom: noon, VerifyUntil: at(1)}),
				key(keys.Plan{SignFrom: at(1)})}, ""},
		{"signer ends before its successor starts", []keys.Key{key(keys.Plan{SignFrom: noon,
			VerifyUntil: at(1)}), key(keys.Plan{SignFrom: at(2)})},
			"No key signs from 2026-02-16T13:00:00Z on"},
		{"no signer yet", []keys.Key{key(keys.Plan{SignFrom: at(3)}), key(keys.Plan{SignFrom: at(2)})},
			"No key signs until 2026-02-16T14:00:00Z"},
		{"no signer ever", []keys.Key{key(keys.Plan{SignFrom: at(1), Revoked: true}),
			key(keys.Plan{SignFrom: at(-1), VerifyUntil: noon})}, "No key can sign, now or later"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keyring, err := keys.NewKeyring(c.keys...)
			require.NoError(t, err)
			notes := signerNotes(keyring, noon)
			if c.want == "" {
				assert.Empty(t, notes)
				return
			}
			require.Len(t, notes, 1)
			assert.True(t, strings.HasPrefix(notes[0], c.want), notes[0])
		})
	}
}
